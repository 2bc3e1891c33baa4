// Sends traces, logs and metrics with the OpenTelemetry SDK of JavaScript, using every feature it has.
//
// usage: node send.mjs ENCODING COMPRESSION RUN URL..    (proto|json, none|gzip, a name put on the resource)
// The same data goes to every URL, so that what one of them received is the standard for the others.
import {ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, createTraceState, trace} from '@opentelemetry/api';
import {SeverityNumber} from '@opentelemetry/api-logs';
import {resourceFromAttributes} from '@opentelemetry/resources';
import {BasicTracerProvider, BatchSpanProcessor} from '@opentelemetry/sdk-trace-base';
import {BatchLogRecordProcessor, LoggerProvider} from '@opentelemetry/sdk-logs';
import {AggregationTemporality, AggregationType, MeterProvider, PeriodicExportingMetricReader} from '@opentelemetry/sdk-metrics';

const [encoding, compression, run, ...urls] = process.argv.slice(2);
const kind = encoding === 'json' ? 'http' : 'proto';
const {OTLPTraceExporter} = await import(`@opentelemetry/exporter-trace-otlp-${kind}`);
const {OTLPLogExporter} = await import(`@opentelemetry/exporter-logs-otlp-${kind}`);
const {OTLPMetricExporter} = await import(`@opentelemetry/exporter-metrics-otlp-${kind}`);

let failed = 0;
// An exporter that hands each batch to all destinations.
class Every {
	constructor(cls, signal) {
		this.targets = urls.map(url => new cls({url: `${url}/v1/${signal}`, compression, concurrencyLimit: 50}));
	}
	export(batch, done) {
		let left = this.targets.length;
		for (const t of this.targets) {
			t.export(batch, result => {
				if (result.code !== 0) {
					failed++;
					console.error(result.error);
				}
				if (--left === 0)
					done(result);
			});
		}
	}
	forceFlush() { return Promise.all(this.targets.map(t => t.forceFlush())); }
	shutdown() { return Promise.all(this.targets.map(t => t.shutdown())); }
	selectAggregationTemporality() { return AggregationTemporality.CUMULATIVE; }
}

const resource = resourceFromAttributes({
	'service.name': 'js-sdk', 'test.run': run, 'empty': '', 'unicode': 'žluťoučký 🐎', 'bools': [true, false], 'list': ['a', '']});
const values = {
	'string': 'text', 'empty': '', 'unicode': '日本語 \u0000 \u{1f40e}', 'quotes': '"\\\n\t', 'true': true, 'false': false,
	'zero': 0, 'int': 42, 'safe': Number.MAX_SAFE_INTEGER, 'min': Number.MIN_SAFE_INTEGER, 'double': 1.5, 'tiny': 5e-324,
	'strings': ['a', 'b', ''], 'ints': [1, -1, 0], 'doubles': [0.5, -2.25], 'none': [],
	'long': 'x'.repeat(5000)};

async function traces() {
	const provider = new BasicTracerProvider({
		resource,
		spanLimits: {attributeCountLimit: 30, eventCountLimit: 4, linkCountLimit: 3, attributePerEventCountLimit: 3,
			attributePerLinkCountLimit: 2},
		spanProcessors: [new BatchSpanProcessor(new Every(OTLPTraceExporter, 'traces'), {maxExportBatchSize: 7})]});
	const tracer = provider.getTracer('e2e.scope', '1.2.3', {schemaUrl: 'https://opentelemetry.io/schemas/1.30.0'});
	const remote = {traceId: '5b8efff798038103d269b633813fc60c', spanId: 'eee19b7ec3c1b174', isRemote: true,
		traceFlags: TraceFlags.SAMPLED, traceState: createTraceState('vendor=a-b,other@t=1')};
	const parent = trace.setSpanContext(ROOT_CONTEXT, remote);
	const span = tracer.startSpan('remote parent', {kind: SpanKind.SERVER, attributes: values}, parent);
	span.setStatus({code: SpanStatusCode.ERROR, message: 'it failed: ünïcode'});
	for (let i = 0; i < 6; i++)
		span.addEvent(`event ${i}`, {i, a: 'x', b: [1, 2], c: true, d: 1.5});
	span.recordException(new TypeError('seen'));
	const inside = trace.setSpan(ROOT_CONTEXT, span);
	for (const k of [SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]) {
		const links = [0, 1, 2, 3, 4].map(n => ({context: remote, attributes: {n, why: 'retry', more: 1}}));
		const child = tracer.startSpan(`kind ${k}`, {kind: k, links}, inside);
		child.setStatus({code: SpanStatusCode.OK});
		child.end();
	}
	span.end();
	const bare = provider.getTracer('bare');
	for (let i = 0; i < 50; i++)
		bare.startSpan(`root ${i}`, {attributes: Object.fromEntries([...Array(i).keys()].map(j => [`k${j}`, j]))}).end();
	await provider.forceFlush();
	await provider.shutdown();
}

async function logs() {
	const provider = new LoggerProvider({
		resource, processors: [new BatchLogRecordProcessor(new Every(OTLPLogExporter, 'logs'))]});
	const logger = provider.getLogger('e2e.logs', '1', {schemaUrl: 'https://opentelemetry.io/schemas/1.30.0'});
	const bodies = ['plain', 7, 2.5, true, {nested: {list: [1, 'a', null, new Uint8Array([1, 255])]}}, ['a', 1]];
	bodies.forEach((body, i) => logger.emit({
		timestamp: new Date(1760000000000 + i), severityNumber: SeverityNumber.WARN, severityText: 'WARN', body,
		attributes: {i, list: ['x'], map: {deep: {er: 1}}}, eventName: `event.${i}`}));
	await provider.forceFlush();
	await provider.shutdown();
}

async function metrics() {
	const reader = new PeriodicExportingMetricReader({
		exporter: new Every(OTLPMetricExporter, 'metrics'), exportIntervalMillis: 3600000});
	const provider = new MeterProvider({
		resource, readers: [reader],
		views: [{instrumentName: 'exponential', aggregation: {type: AggregationType.EXPONENTIAL_HISTOGRAM}}]});
	const meter = provider.getMeter('e2e.metrics', '2', {schemaUrl: 'https://opentelemetry.io/schemas/1.30.0'});
	meter.createCounter('counter', {unit: 'By', description: 'counts'}).add(7, {a: 'b'});
	meter.createCounter('counter.double').add(0.25, {a: 'b'});
	meter.createUpDownCounter('updown').add(-3);
	meter.createGauge('gauge').record(2.5, {list: ['x', 'y']});
	const histogram = meter.createHistogram('histogram', {unit: 's'});
	const exponential = meter.createHistogram('exponential', {unit: 's'});
	for (let i = 0; i < 30; i++) {
		histogram.record(1.7 ** i, {i: i % 2});
		exponential.record(1.7 ** i);
	}
	await provider.forceFlush();
	await provider.shutdown();
}

await traces();
await logs();
await metrics();
process.exit(failed ? 1 : 0);
