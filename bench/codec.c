/* codec.c - the codec against protobuf-c with a bump arena, doing the same work on the same payloads.
 *
 * The work: decode, drop every span without a gen_ai. attribute, append two attributes to the others (one of them
 * computed from the token counts), encode. Also validation alone and the index alone. Arguments are payload files
 * (Export requests); all are cycled. Numbers are ns per input span of the best of many short rounds, taken in turns.
 */
#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include "lib/otlp/edit.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/schema/trace_service.pb-c.h"

enum { ROUNDS = 40, MAX_FILES = 64, TOKENS_IN = 1, TOKENS_OUT = 2 };

static const slice names[] = { { "gen_ai.usage.input_tokens", 25 }, { "gen_ai.usage.output_tokens", 26 },
	{ "gen_ai.system", 13 }, { "gen_ai.request.model", 20 }, { "gen_ai.response.model", 21 } };

struct bench {
	struct buf *bodies[MAX_FILES];
	int n;
	uint32_t n_spans;
	const struct key_table *keys;
	size_t out; /* bytes encoded in the last round */
};

static double now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "codec: %s\n", what);
	exit(1);
}

static void touch(struct bench *b)
{
	for (int i = 0; i < b->n; i++)
		for (size_t at = 0; at < b->bodies[i]->len; at += 64)
			b->out += (size_t)b->bodies[i]->data[at];
}

static void copy(struct bench *b)
{
	for (int i = 0; i < b->n; i++) {
		struct buf *c = buf_copy(NULL, buf_slice(b->bodies[i]));
		b->out += c ? (unsigned char)c->data[c->len / 2] : 0;
		buf_unref(c);
	}
}

static void check(struct bench *b)
{
	for (int i = 0; i < b->n; i++) {
		struct scan_report r;
		struct err e;
		bool rewrite;
		if (traces_check(buf_slice(b->bodies[i]), &r, &rewrite, &e))
			die(e.text);
		b->n_spans += r.n_spans;
	}
}

static void scan(struct bench *b)
{
	for (int i = 0; i < b->n; i++) {
		struct traces t;
		struct scan_report r;
		struct err e;
		if (traces_scan(&t, b->bodies[i], b->keys, NULL, &r, &e))
			die("scan");
		traces_release(&t);
	}
}

static void edit(struct traces *t)
{
	for (struct span *s = traces_first_span(t), *next; s; s = next) {
		next = traces_next_span(t, s);
		bool found = false;
		int64_t tokens = 0;
		for (struct attr *a = attrs_first(&s->attrs); a; a = attrs_next(a)) {
			found |= slice_starts(a->key, SLICE("gen_ai."));
			if (a->key_id == TOKENS_IN || a->key_id == TOKENS_OUT)
				tokens += a->value.i;
		}
		if (!found) {
			span_filter(t, s, 1);
			continue;
		}
		attr_set_int(t, &s->attrs, SLICE("weir.total_tokens"), tokens);
		attr_set_str(t, &s->attrs, SLICE("weir.stage"), SLICE("enriched"));
	}
}

static void ours(struct bench *b)
{
	b->out = 0;
	for (int i = 0; i < b->n; i++) {
		struct traces t;
		struct scan_report r;
		struct err e;
		if (traces_scan(&t, b->bodies[i], b->keys, NULL, &r, &e))
			die("scan");
		edit(&t);
		struct buf *out = traces_encode(&t, NULL);
		if (!out)
			die("encode");
		b->out += out->len;
		buf_unref(out);
		traces_release(&t);
	}
}

/* A bump allocator over one block that is reused: the best that protobuf-c can get. */
struct bump {
	char *start, *at, *end;
};

static void *bump_alloc(void *ctx, size_t n)
{
	struct bump *m = ctx;
	n = (n + 15) & ~(size_t)15;
	if ((size_t)(m->end - m->at) < n)
		die("bump arena is full");
	m->at += n;
	return m->at - n;
}

static void bump_free(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

typedef Opentelemetry__Proto__Trace__V1__Span pb_span;
typedef Opentelemetry__Proto__Common__V1__KeyValue pb_kv;
typedef Opentelemetry__Proto__Common__V1__AnyValue pb_any;

static pb_kv *pb_attr(struct bump *m, const char *key, int64_t i, const char *s)
{
	pb_kv *kv = bump_alloc(m, sizeof(*kv));
	pb_any *v = bump_alloc(m, sizeof(*v));
	opentelemetry__proto__common__v1__key_value__init(kv);
	opentelemetry__proto__common__v1__any_value__init(v);
	kv->key = bump_alloc(m, strlen(key) + 1);
	memcpy(kv->key, key, strlen(key) + 1);
	kv->value = v;
	v->value_case = s ? OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE
	                  : OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
	if (s) {
		v->string_value = bump_alloc(m, strlen(s) + 1);
		memcpy(v->string_value, s, strlen(s) + 1);
	} else {
		v->int_value = i;
	}
	return kv;
}

/* False: drop it. */
static bool pb_edit(struct bump *m, pb_span *s)
{
	bool found = false;
	int64_t tokens = 0;
	for (size_t i = 0; i < s->n_attributes; i++) {
		const pb_kv *kv = s->attributes[i];
		found |= strncmp(kv->key, "gen_ai.", 7) == 0;
		if (strcmp(kv->key, names[0].p) == 0 || strcmp(kv->key, names[1].p) == 0)
			tokens += kv->value->int_value;
	}
	if (!found)
		return false;
	pb_kv **more = bump_alloc(m, (s->n_attributes + 2) * sizeof(*more));
	memcpy(more, s->attributes, s->n_attributes * sizeof(*more));
	more[s->n_attributes++] = pb_attr(m, "weir.total_tokens", tokens, NULL);
	more[s->n_attributes++] = pb_attr(m, "weir.stage", 0, "enriched");
	s->attributes = more;
	return true;
}

static void theirs(struct bench *b)
{
	static struct bump m;
	if (!m.start) {
		m.start = malloc(64 << 20);
		m.end = m.start + (64 << 20);
	}
	ProtobufCAllocator alloc = { bump_alloc, bump_free, &m };
	b->out = 0;
	for (int i = 0; i < b->n; i++) {
		m.at = m.start;
		Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceRequest *r =
		        opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack(
		                &alloc, b->bodies[i]->len, (const uint8_t *)b->bodies[i]->data);
		if (!r)
			die("protobuf-c refuses");
		size_t n_resources = 0;
		for (size_t j = 0; j < r->n_resource_spans; j++) {
			size_t n_scopes = 0;
			for (size_t k = 0; k < r->resource_spans[j]->n_scope_spans; k++) {
				Opentelemetry__Proto__Trace__V1__ScopeSpans *sc = r->resource_spans[j]->scope_spans[k];
				size_t n = 0;
				for (size_t l = 0; l < sc->n_spans; l++)
					if (pb_edit(&m, sc->spans[l]))
						sc->spans[n++] = sc->spans[l];
				sc->n_spans = n;
				if (n)
					r->resource_spans[j]->scope_spans[n_scopes++] = sc;
			}
			r->resource_spans[j]->n_scope_spans = n_scopes;
			if (n_scopes)
				r->resource_spans[n_resources++] = r->resource_spans[j];
		}
		r->n_resource_spans = n_resources;
		size_t size =
		        opentelemetry__proto__collector__trace__v1__export_trace_service_request__get_packed_size(r);
		struct buf *out = buf_new(NULL, size);
		if (!out)
			die("memory");
		out->len = opentelemetry__proto__collector__trace__v1__export_trace_service_request__pack(
		        r, (uint8_t *)out->data);
		b->out += out->len;
		buf_unref(out);
	}
}

/* ns per span of one round of at least 10 ms. */
static double measure(struct bench *b, void (*work)(struct bench *), uint32_t spans)
{
	double start = now_ns(), took;
	int repeat = 0;
	do {
		work(b);
		took = now_ns() - start;
	} while (++repeat < 2 || took < 1e7);
	return took / repeat / spans;
}

static struct buf *load(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		die(path);
	struct buf *b = buf_new(NULL, 64 << 20);
	if (!b)
		die("memory");
	b->len = fread(b->data, 1, b->cap, f);
	fclose(f);
	buf_trim(&b);
	return b;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	/* freed chunks stay with the process, as in a server that has warmed up */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	size_t total = 0;
	for (int i = 1; i < argc && b.n < MAX_FILES; i++) {
		b.bodies[b.n] = load(argv[i]);
		total += b.bodies[b.n++]->len;
	}
	if (!b.n)
		die("arguments: files with trace requests");
	struct key_table *keys = key_table_new(names, COUNTOF(names));
	b.keys = keys;
	check(&b);
	uint32_t n = b.n_spans;
	static void (*const works[])(struct bench *) = { touch, copy, check, scan, ours, theirs };
	enum { TOUCH, COPY, CHECK, SCAN, OURS, THEIRS, N };
	double best[N] = { 0 };
	size_t out[N];
	/* in turns, so that what else the machine does hits all alike */
	for (int round = 0; round < ROUNDS; round++) {
		for (int w = 0; w < N; w++) {
			double ns = measure(&b, works[w], n);
			best[w] = round == 0 || ns < best[w] ? ns : best[w];
			out[w] = b.out;
		}
	}
	if (out[OURS] != out[THEIRS])
		die("the encodings differ in size");
	printf("%u spans, %.0f bytes each; ns per span:\n", n, (double)total / n);
	printf("  read a byte per line %.0f, memcpy %.0f, traces_check %.0f, traces_scan %.0f\n", best[TOUCH],
	        best[COPY], best[CHECK], best[SCAN]);
	printf("  scan + edit + encode %.0f, protobuf-c with arena %.0f, ratio %.1f\n", best[OURS], best[THEIRS],
	        best[THEIRS] / best[OURS]);
	for (int i = 0; i < b.n; i++)
		buf_unref(b.bodies[i]);
	key_table_free(keys);
	return 0;
}
