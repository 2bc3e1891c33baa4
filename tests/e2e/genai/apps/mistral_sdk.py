#: ecosystem: mistralai
#: content: true
#: env: MISTRAL_SDK_TELEMETRY=global
"""The mistralai SDK's own spans."""
from common import SYSTEM, TOOL, WEATHER, api, flush, refused, tracing
from mistralai.client import Mistral

tracing()
client = Mistral(api_key="none", server_url=api())
ask = {"model": "mistral-small-latest"}
system = {"role": "system", "content": SYSTEM}
client.chat.complete(messages=[system, {"role": "user", "content": "[plain] Capital?"}], temperature=0.5, max_tokens=50,
                     **ask)
for _ in client.chat.stream(messages=[{"role": "user", "content": "[plain] Capital, streamed?"}], **ask):
    pass
messages, tools = [{"role": "user", "content": "[tool] Weather in Paris?"}], [{"type": "function", "function": TOOL}]
answer = client.chat.complete(messages=messages, tools=tools, **ask).choices[0].message
done = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "name": TOOL["name"], "content": WEATHER}
messages += [answer, done]
client.chat.complete(messages=messages, tools=tools, **ask)
flush()
client.chat.complete(messages=[{"role": "user", "content": "[cached] The long document?"}],
                     model="mistral-large-latest")
refused(client.chat.complete, messages=[{"role": "user", "content": "[fail429] Busy?"}], **ask)
flush()
#: gap: error[failed]: the SDK does not send it: neither status nor an attribute tells that the call failed
