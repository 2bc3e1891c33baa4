#: ecosystem: anthropic
#: content: true
#: env: ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE=content
"""The anthropic SDK's own spans, with contents."""
import anthropic
from common import anthropic_messages, tracing

tracing()
client = anthropic.Anthropic(max_retries=0)
create = client.messages.create
client.messages.create = lambda temperature=None, **more: create(**more)  # anthropic 2 has no temperature
anthropic_messages(client)
#: gap: output_messages[2]: the SDK does not send it: a stream read event by event has no output
