// OpenTelemetry's own openai instrumentation (opentelemetry-js-contrib); message contents are log records.
//: ecosystem: otel
//: content: false
//: gap: cache_read[chat]: the SDK does not send it
//: gap: reasoning[responses]: the SDK does not send it
import { createRequire } from "node:module";
import { metrics } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { OpenAIInstrumentation } from "@opentelemetry/instrumentation-openai";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { NodeTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { LLM, KEY, openai_calls, telemetry } from "./common.mjs";

const provider = telemetry({ NodeTracerProvider, BatchSpanProcessor, OTLPTraceExporter, resourceFromAttributes });
const records = new LoggerProvider({
	resource: resourceFromAttributes({ "service.name": process.env.OTEL_SERVICE_NAME }),
	processors: [new BatchLogRecordProcessor(new OTLPLogExporter())],
});
logs.setGlobalLoggerProvider(records);
const instrumentation = new OpenAIInstrumentation({ captureMessageContent: true });
instrumentation.setTracerProvider(provider);
instrumentation.setLoggerProvider(records);
instrumentation.setMeterProvider(metrics.getMeterProvider());
const { OpenAI } = createRequire(import.meta.url)("openai");
await openai_calls(new OpenAI({ baseURL: `${LLM}/v1`, apiKey: KEY, maxRetries: 0 }));
await provider.shutdown();
await records.shutdown();
