#: ecosystem: openinference
#: content: true
#: session: session-openinference
#: user: user-openinference
#: gap: request_model[generateContent]: the SDK does not send it: llm.model_name is the version that answered
"""OpenInference's instrumentation of google-genai."""
from common import gemini, tracing
from google import genai
from openinference.instrumentation import using_attributes
from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor

GoogleGenAIInstrumentor().instrument(tracer_provider=tracing())
with using_attributes(session_id="session-openinference", user_id="user-openinference"):
    gemini(genai.Client())
