#: ecosystem: litellm
#: content: true
#: user: user-litellm
#: env: LITELLM_LOCAL_MODEL_COST_MAP=True
"""LiteLLM's callback "otel" as it is without LITELLM_OTEL_V2."""
import litellm_calls

litellm_calls.main(user="user-litellm")
#: gap: response_model[stream]: the SDK does not send it: gen_ai.response.model repeats the requested model
#: gap: response_id[messages]: the SDK does not send it: gen_ai.response.id is an id of LiteLLM's own; the provider's is only in the repeated span raw_gen_ai_request
#: gap: tool_call_ids[3]: the SDK does not send it: a requested tool has name and arguments only; the id is only in the repeated span raw_gen_ai_request
