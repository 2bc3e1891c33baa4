#: ecosystem: otel
#: requirements: otel_google_genai.txt
#: content: true
#: env: OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental
#: env: OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=span_only
"""OpenTelemetry's own instrumentation of google-genai."""
from common import gemini, logging, tracing
from google import genai
from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor

tracing()
logs = logging()
GoogleGenAiSdkInstrumentor().instrument()
gemini(genai.Client())
logs.force_flush()
