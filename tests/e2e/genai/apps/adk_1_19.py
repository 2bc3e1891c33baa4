#: ecosystem: google_adk
#: content: true
#: session: session-adk
"""Google's ADK of November 2025: spans call_llm with the whole request and answer as JSON."""
import adk_calls  # noqa: F401
