/* genai.c - nanoseconds per GenAI span of each gen_ai processor, by convention.
 *
 *	build/bench/genai FILE..     bodies (.pb or .json), one convention each: tests/corpus/genai
 *
 * Each body goes through the five processors again and again, on one thread, without network. Time is taken between the stages; the best of
 * the rounds counts. The normaliser runs a second time on the same spans without their content: the difference is what converting
 * messages costs, which depends on their length. Columns are per span that the filter keeps; the filter's own is per span it sees.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "config/plan.h"
#include "lib/base/map.h"
#include "lib/genai/tables.h"
#include "lib/otlp/edit.h"
#include "lib/otlp/json.h"
#include "lib/pipe/dry_run.h"

enum { STAGES = 5, ROUNDS = 40, FILTER = 0, NORMALIZER = 1 };

static const char config[] =
        "yaml:receivers: {otlp: }\n"
        "processors: {gen_ai_filter: , gen_ai_normalizer: , gen_ai_cost: , gen_ai_latency: , gen_ai_link: }\n"
        "exporters: {nop: }\n"
        "service: {pipelines: {traces: {receivers: [otlp], exporters: [nop], processors: [gen_ai_filter,"
        " gen_ai_normalizer, gen_ai_cost, gen_ai_latency, gen_ai_link]}}}\n";

struct row {
	double ns[STAGES], bare_normalizer;
	uint32_t n_seen, n_kept;
};

struct clocked {
	uint64_t last, ns[STAGES];
	unsigned at;
	slice convention; /* of the first span behind the normaliser */
	uint32_t n_kept;
};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void after(void *ctx, const char *id, struct traces *t)
{
	struct clocked *c = ctx;
	uint64_t now = now_ns();
	(void)id;
	c->ns[c->at] = now - c->last;
	if (c->at++ == NORMALIZER) {
		struct span *s = traces_first_span(t);
		const struct attr *a = s ? attrs_find_id(&s->attrs, KEY_WEIR_CONVENTION) : NULL;
		c->convention = a ? a->value.s : (slice){ 0 };
		c->n_kept = t->n_kept;
	}
	c->last = now_ns();
}

/* Content attributes and events go: what is left costs the normaliser without messages. */
static void strip(struct traces *t)
{
	for (struct span *s = traces_first_span(t); s; s = traces_next_span(t, s)) {
		for (struct attr *a = attrs_first(&s->attrs), *next; a; a = next) {
			size_t n;
			next = attrs_next(a);
			const struct alias *rows = aliases_of(a->key_id, &n);
			bool content = a->value.type == V_STRING && a->value.s.len > 256;
			for (size_t i = 0; a->key_id && i < n; i++)
				content =
				        content || concept_info((enum concept)rows[i].concept)->group == GROUP_CONTENT;
			if (content || slice_starts(a->key, SLICE("llm.input_messages.")) ||
			        slice_starts(a->key, SLICE("llm.output_messages.")))
				attr_delete(t, &s->attrs, a);
		}
		for (struct event *e = s->first_event; e; e = e->next)
			event_delete(t, e);
	}
}

static void run_once(struct dry_run *d, const struct key_table *keys, struct buf *body, bool bare, struct clocked *c)
{
	struct traces t;
	struct scan_report r;
	struct err e;
	if (traces_scan(&t, body, keys, NULL, &r, &e))
		return;
	if (bare)
		strip(&t);
	*c = (struct clocked){ .last = now_ns() };
	dry_run_push(d, &t, after, c);
	traces_release(&t);
}

static void add_body(struct map *rows, struct dry_run *d, const struct key_table *keys, struct buf *body)
{
	struct clocked c = { 0 }, best = { 0 };
	uint64_t bare = UINT64_MAX;
	struct traces t;
	struct scan_report r;
	struct err e;
	if (traces_scan(&t, body, keys, NULL, &r, &e))
		return;
	traces_release(&t);
	memset(best.ns, 0xff, sizeof best.ns);
	for (int i = 0; i < ROUNDS; i++) {
		run_once(d, keys, body, true, &c);
		bare = c.ns[NORMALIZER] < bare ? c.ns[NORMALIZER] : bare;
		run_once(d, keys, body, false, &c);
		for (int k = 0; k < STAGES; k++)
			best.ns[k] = c.ns[k] < best.ns[k] ? c.ns[k] : best.ns[k];
	}
	/* the name points into a table of ecosystems or into a request that is gone: look it up again */
	slice name = SLICE("none");
	for (unsigned k = 0; k < N_ECOSYSTEMS; k++)
		if (slice_is(c.convention, ecosystem_name((enum ecosystem)k)))
			name = slice_of(ecosystem_name((enum ecosystem)k));
	struct row *row = map_get(rows, name);
	if (!row) {
		row = calloc(1, sizeof *row);
		if (!row)
			abort();
		map_put(rows, name, row);
	}
	for (int k = 0; k < STAGES; k++)
		row->ns[k] += (double)best.ns[k];
	row->bare_normalizer += (double)bare;
	row->n_seen += r.n_spans;
	row->n_kept += c.n_kept;
}

static struct buf *read_body(const char *name)
{
	FILE *f = fopen(name, "rb");
	struct buf *b = buf_new(NULL, 1 << 20), *wire = NULL;
	uint64_t n_utf8;
	struct err e;
	if (!f || !b)
		return NULL;
	b->len = fread(b->data, 1, b->cap, f);
	fclose(f);
	size_t len = strlen(name);
	if (len < 5 || strcmp(name + len - 5, ".json"))
		return b;
	if (json_to_otlp(TRACES, buf_slice(b), NULL, &wire, &n_utf8, &e))
		wire = NULL;
	buf_unref(b);
	return wire;
}

static void print_rows(const struct map *rows)
{
	printf("| convention | spans seen / kept | filter, per span seen | normaliser | of it messages | cost | "
	       "latency | link | "
	       "all five, per span kept |\n|---|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = rows->entries[i].value;
		double kept = r->n_kept, all = 0;
		for (int k = 0; k < STAGES; k++)
			all += r->ns[k];
		printf("| %.*s | %u / %u | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f |\n",
		        SLICE_ARG(rows->entries[i].key), r->n_seen, r->n_kept, r->ns[FILTER] / r->n_seen,
		        r->ns[NORMALIZER] / kept, (r->ns[NORMALIZER] - r->bare_normalizer) / kept, r->ns[2] / kept,
		        r->ns[3] / kept, r->ns[4] / kept, all / kept);
	}
}

int main(int argc, char **argv)
{
	const char *const configs[] = { config };
	struct plan_sources sources = { configs, 1, NULL, 0 };
	struct log_conf quiet = { .level = LOG_WARN, .fds = { 2 }, .n_fds = 1 };
	struct findings f;
	struct map rows;
	struct err e;
	findings_init(&f);
	struct plan *plan = plan_load(&sources, &f);
	struct log *log = log_new(&quiet, clock_system());
	struct key_table *keys = genai_keys_new();
	struct dry_run *d = plan ? dry_run_new(&plan->pipelines[0], log, keys, &e) : NULL;
	if (!d) {
		fprintf(stderr, "genai: %s\n", plan ? e.text : "the config does not load");
		return 1;
	}
	map_init(&rows);
	for (int i = 1; i < argc; i++) {
		struct buf *body = read_body(argv[i]);
		if (body)
			add_body(&rows, d, keys, body);
		buf_unref(body);
	}
	print_rows(&rows);
	for (size_t i = 0; i < rows.n; i++)
		free(rows.entries[i].value);
	map_release(&rows);
	dry_run_free(d);
	key_table_free(keys);
	log_free(log);
	plan_free(plan);
	findings_release(&f);
	return 0;
}
