#: ecosystem: logfire
#: content: true
#: session: session-logfire
#: user: user-logfire
"""Logfire's integrations of openai and anthropic, sent to an endpoint that is not Logfire's."""
import anthropic
import common
import logfire
import openai

logfire.configure(send_to_logfire=False, service_name="logfire_sdk", environment="test", console=False, metrics=False)
logfire.instrument_openai()
logfire.instrument_anthropic()
chat, claude = openai.OpenAI(max_retries=0), anthropic.Anthropic(max_retries=0)
create = claude.messages.create
claude.messages.create = lambda temperature=None, **more: create(**more)  # anthropic 2 has no temperature
with logfire.set_baggage(**{"session.id": "session-logfire", "user.id": "user-logfire"}):
    common.openai_chat(chat)
    common.openai_embeddings(chat)
    common.openai_responses(chat)
    common.anthropic_messages(claude)
logfire.force_flush()
#: gap: response_model[stream,chat]: the SDK does not send it: gen_ai.response.model repeats the requested model
#: gap: response_model[stream,responses]: the SDK does not send it: gen_ai.response.model repeats the requested model
#: gap: response_id[stream,chat]: the SDK does not send it: streamed calls have no id
#: gap: response_id[stream,responses]: the SDK does not send it: streamed calls have no id
#: gap: finish_reasons[responses]: the SDK does not send it: the status is left out
#: gap: reasoning_text[responses]: the SDK does not send it: summaries are left out
