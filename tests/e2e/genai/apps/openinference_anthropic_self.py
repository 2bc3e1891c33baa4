#: ecosystem: openinference
#: requirements: openinference_anthropic.txt
#: content: true
#: session: session-openinference
#: user: user-openinference
"""Doubled: OpenInference on an anthropic SDK that traces itself, which is its default. Each call has two LLM spans."""
import anthropic
from common import anthropic_messages, tracing
from openinference.instrumentation import using_attributes
from openinference.instrumentation.anthropic import AnthropicInstrumentor

AnthropicInstrumentor().instrument(tracer_provider=tracing())
with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    anthropic_messages(anthropic.Anthropic(max_retries=0))
