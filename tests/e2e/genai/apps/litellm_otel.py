#: ecosystem: litellm
#: content: true
#: user: user-litellm
#: env: LITELLM_LOCAL_MODEL_COST_MAP=True
"""LiteLLM's callback "otel" as it is without LITELLM_OTEL_V2."""
import litellm_calls

litellm_calls.main(user="user-litellm")
