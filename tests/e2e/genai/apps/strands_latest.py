#: ecosystem: strands
#: requirements: strands_agents.txt
#: content: true
#: session: session-strands
#: user: user-strands
#: env: OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental,gen_ai_tool_definitions
"""Strands agents with the newer names: events gen_ai.client.inference.operation.details."""
import strands_agents  # noqa: F401
#: gap: response_model[chat]: the SDK does not send it: there is no attribute for it
#: gap: response_id[chat]: the SDK does not send it: there is no attribute for it
#: gap: reasoning[chat]: the SDK does not send it: there is no attribute for it
