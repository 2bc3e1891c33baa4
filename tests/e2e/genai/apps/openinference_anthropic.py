#: ecosystem: openinference
#: content: true
#: session: session-openinference
#: env: ANTHROPIC_OPEN_TELEMETRY=false
#: user: user-openinference
"""OpenInference's instrumentation of anthropic."""
import anthropic
from common import anthropic_messages, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.anthropic import AnthropicInstrumentor

AnthropicInstrumentor().instrument(tracer_provider=tracing())
with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    anthropic_messages(anthropic.Anthropic(max_retries=0))
