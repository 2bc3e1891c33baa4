#: ecosystem: google_adk
#: content: true
#: session: session-adk
"""Google's ADK of November 2025: spans call_llm with the whole request and answer as JSON."""
import adk_calls  # noqa: F401
#: gap: response_model[stream]: the SDK does not send it: the last chunk has no model_version
#: gap: response_id: the SDK does not send it: llm_response has no id
