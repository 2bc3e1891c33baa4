#: ecosystem: dspy
#: content: true
#: session: session-dspy
#: user: user-dspy
#: env: LITELLM_LOCAL_MODEL_COST_MAP=True
"""DSPy through OpenInference."""
import common
import dspy
from openinference.instrumentation import using_attributes
from openinference.instrumentation.dspy import DSPyInstrumentor

common.tracing()
DSPyInstrumentor().instrument()
ANSWER = "<<[[ ## answer ## ]]\nParis\n\n[[ ## completed ## ]]>>"

with using_attributes(session_id="session-dspy", user_id="user-dspy"):
    dspy.configure(lm=dspy.LM("openai/gpt-4o-mini", cache=False, num_retries=0, temperature=0.5, max_tokens=50))
    dspy.Predict("question -> answer")(question=f"[plain] Capital? {ANSWER}")
    dspy.Predict("question -> answer")(question=f"[cached] The long document? {ANSWER}")
    dspy.LM("anthropic/claude-sonnet-4-5", cache=False, max_tokens=50)("[plain] Capital?")
    common.flush()
    common.refused(dspy.Predict("question -> answer"), question="[fail429] Busy?")
common.flush()
#: gap: response_model: the SDK does not send it: there is no attribute for it
#: gap: response_id: the SDK does not send it: there is no attribute for it
#: gap: input_tokens: the SDK does not send it: there is no attribute for it
#: gap: output_tokens: the SDK does not send it: there is no attribute for it
#: gap: cache_read: the SDK does not send it: there is no attribute for it
#: gap: finish_reasons: the SDK does not send it: there is no attribute for it
