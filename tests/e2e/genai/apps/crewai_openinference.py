#: ecosystem: crewai
#: requirements: crewai_all.txt
#: content: true
#: session: session-crewai
#: user: user-crewai
#: env: CREWAI_DISABLE_TELEMETRY=true
#: env: CREWAI_TRACING_ENABLED=false
#: env: CREWAI_DISABLE_TRACKING=true
"""CrewAI through OpenInference: its instrumentation of CrewAI makes no spans of model calls, that of openai does."""
import common

common.tracing()
import crewai_calls  # noqa: E402
from openinference.instrumentation import using_attributes  # noqa: E402
from openinference.instrumentation.crewai import CrewAIInstrumentor  # noqa: E402
from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: E402

CrewAIInstrumentor().instrument()
OpenAIInstrumentor().instrument()
with using_attributes(session_id="session-crewai", user_id="user-crewai"):
    crewai_calls.calls()
