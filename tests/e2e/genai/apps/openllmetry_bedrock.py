#: ecosystem: openllmetry
#: requirements: openllmetry_all.txt
#: content: true
#: session: session-openllmetry
#: user: user-openllmetry
#: gap: request_model: the SDK does not send it: the vendor and region prefix (us.anthropic.) is cut off
"""OpenLLMetry's instrumentation of Bedrock (boto3): Converse and its stream."""
import boto3
from botocore.config import Config
from common import SYSTEM, TOOL, flush, refused
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow
from traceloop.sdk.instruments import Instruments

Traceloop.init(app_name="openllmetry_bedrock", instruments={Instruments.BEDROCK})
client = boto3.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def said(text):
    return {"role": "user", "content": [{"text": text}]}


@workflow(name="questions")
def questions():
    Traceloop.set_association_properties({"session_id": "session-openllmetry", "user_id": "user-openllmetry"})
    more = {"modelId": MODEL, "inferenceConfig": {"maxTokens": 100, "temperature": 0.5}}
    client.converse(messages=[said("[plain] Capital?")], system=[{"text": SYSTEM}], **more)
    client.converse(messages=[said("[cached] The long document?")], **more)
    for _ in client.converse_stream(messages=[said("[plain] Capital, streamed?")], **more)["stream"]:
        pass
    tools = {"tools": [{"toolSpec": {"name": TOOL["name"], "description": TOOL["description"],
                                     "inputSchema": {"json": TOOL["parameters"]}}}]}
    messages = [said("[tool] Weather in Paris?")]
    answer = client.converse(messages=messages, toolConfig=tools, **more)["output"]["message"]
    use = next(c["toolUse"] for c in answer["content"] if "toolUse" in c)
    messages += [answer, {"role": "user", "content": [{"toolResult": {
        "toolUseId": use["toolUseId"], "content": [{"json": {"degrees": 21}}]}}]}]
    client.converse(messages=messages, toolConfig=tools, **more)
    refused(client.converse, messages=[said("[fail429] Busy?")], **more)


questions()
flush()
