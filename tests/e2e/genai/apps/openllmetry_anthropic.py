#: ecosystem: openllmetry
#: requirements: openllmetry_all.txt
#: content: true
#: session: session-openllmetry
#: env: ANTHROPIC_OPEN_TELEMETRY=false
#: user: user-openllmetry
#: gap: output_tokens[stream]: the SDK does not send it: the 1 of message_start is added to the final count
"""OpenLLMetry's instrumentation of anthropic below a Traceloop workflow."""
import anthropic
from common import anthropic_messages
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow
from traceloop.sdk.instruments import Instruments

Traceloop.init(app_name="openllmetry_anthropic", instruments={Instruments.ANTHROPIC})


@workflow(name="questions")
def questions():
    Traceloop.set_association_properties({"session_id": "session-openllmetry", "user_id": "user-openllmetry"})
    anthropic_messages(anthropic.Anthropic(max_retries=0))


questions()
