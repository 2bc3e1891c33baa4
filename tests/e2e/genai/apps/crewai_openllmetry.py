#: ecosystem: crewai
#: requirements: crewai_all.txt
#: content: true
#: env: CREWAI_DISABLE_TELEMETRY=true
#: env: CREWAI_TRACING_ENABLED=false
#: env: CREWAI_DISABLE_TRACKING=true
"""CrewAI through OpenLLMetry's instrumentations of CrewAI and openai."""
import common

common.tracing()
import crewai_calls  # noqa: E402
from opentelemetry.instrumentation.crewai import CrewAIInstrumentor  # noqa: E402
from opentelemetry.instrumentation.openai import OpenAIInstrumentor  # noqa: E402

CrewAIInstrumentor().instrument()
OpenAIInstrumentor().instrument()
crewai_calls.calls()
