#: ecosystem: google_adk
#: requirements: adk_gemini.txt
#: content: false
#: session: session-adk
"""Google's ADK as it is without any switch: no contents."""
import adk_calls  # noqa: F401
#: gap: response_model: the SDK does not send it: there is no attribute for it
#: gap: response_id: the SDK does not send it: there is no attribute for it
