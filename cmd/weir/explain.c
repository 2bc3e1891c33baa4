/* explain.c - `weir explain FILE`: why each span is GenAI or not, what each processor changed, what each destination gets.
 *
 * The pipelines are those of the config (of local mode without one); their processors run here, nothing is sent. After each
 * stage the request is encoded and indexed again, so that what is compared is what the next stage really sees.
 */
#include "cmd/weir/explain.h"
#include "cmd/weir/args.h"
#include "cmd/weir/commands.h"
#include "cmd/weir/local.h"
#include "lib/genai/call.h"
#include "lib/genai/tables.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/json.h"
#include "lib/pipe/dry_run.h"

enum { MAX_OUT = 512 << 20 };

static const char help[] =
        "weir explain FILE [--config F ..] [--set key::path=value ..] [--to EXPORTER]\n"
        "\n"
        "FILE is OTLP traces: protobuf, JSON, or one JSON request per line; - is stdin.\n"
        "For each span: whether it is GenAI and why, each rename, the arithmetic of its cost. Then what each\n"
        "destination would get, as OTLP/JSON.\n"
        "\n"
        "  --config, -c F  the config whose pipelines of traces are meant (default: local mode)\n"
        "  --set K=V       one value on top of it\n"
        "  --to EXPORTER   only what this exporter would get, nothing else\n";

/* A request as it was behind one stage. */
struct snapshot {
	const struct plan_component *processor; /* NULL: as it came */
	struct explain_prices *prices; /* of a gen_ai_cost, borrowed */
	struct traces traces;
	struct span *at; /* the next one that has not been explained */
};

/* One pipeline at work on one request. */
struct explain {
	struct explain_input *input;
	struct plan *plan;
	const struct plan_pipeline *pipeline;
	struct key_table *keys;
	struct log *log;
	struct dry_run *run;
	struct explain_prices **prices; /* one for each processor of the pipeline; NULL: no gen_ai_cost */
	struct strbuf out;
	const char *to;
	struct snapshot *stages;
	size_t n_stages;
	bool failed;
};

static int index_body(struct explain *x, struct traces *t, struct buf *body)
{
	struct scan_report r;
	struct err e;
	if (traces_scan(t, body, x->keys, NULL, &r, &e)) {
		fprintf(stderr, "weir explain: %s: not OTLP traces: %s\n", x->input->name, e.text);
		return -1;
	}
	return 0;
}

static size_t processor_of(const struct plan_pipeline *p, const char *id)
{
	size_t i = 0;
	while (i < p->n_processors && strcmp(p->processors[i]->id, id) != 0)
		i++;
	return i;
}

static void add_snapshot(struct explain *x, struct traces *t, const char *id)
{
	struct buf *body = x->failed ? NULL : traces_encode(t, NULL);
	struct snapshot *s = &x->stages[x->n_stages];
	size_t i = id ? processor_of(x->pipeline, id) : 0;
	if (!body || index_body(x, &s->traces, body)) {
		x->failed = true;
	} else {
		x->n_stages++;
		s->processor = id ? x->pipeline->processors[i] : NULL;
		s->prices = id ? x->prices[i] : NULL;
		s->at = traces_first_span(&s->traces);
	}
	buf_unref(body);
}

static void after_stage(void *ctx, const char *id, struct traces *t)
{
	add_snapshot(ctx, t, id);
}

static void add_span_head(struct strbuf *out, const struct span *s)
{
	strbuf_adds(out, "span \"");
	call_print_text(out, s->name, 120);
	strbuf_adds(out, "\"  scope ");
	call_print_text(out, s->scope->name.len ? s->scope->name : SLICE("-"), 120);
	if (s->scope->version.len) {
		strbuf_addc(out, ' ');
		call_print_text(out, s->scope->version, 40);
	}
	strbuf_addc(out, '\n');
}

static bool is_type(const struct plan_component *c, const char *type)
{
	return c && !strcmp(c->type->name, type);
}

static const struct plan_component *filter_of(const struct plan_pipeline *p)
{
	for (size_t i = 0; i < p->n_processors; i++)
		if (is_type(p->processors[i], "gen_ai_filter"))
			return p->processors[i];
	return NULL;
}

/* The span in the stage's request, which has the same spans in the same order but for those that were filtered. */
static struct span *take(struct snapshot *stage, const struct span *like)
{
	struct span *s = stage->at;
	if (!s || !slice_eq(s->span_id, like->span_id) || !slice_eq(s->trace_id, like->trace_id))
		return NULL;
	stage->at = traces_next_span(&stage->traces, s);
	return s;
}

/* What one stage did to a span that it kept; nothing when that is nothing. */
static void explain_stage(struct strbuf *out, const struct snapshot *stage, struct traces *t, const struct span *before,
        const struct span *after)
{
	size_t begin = out->len;
	strbuf_addf(out, "  %s\n", stage->processor->id);
	size_t head = out->len;
	explain_changes(out, before, after);
	if (stage->prices)
		explain_cost(out, stage->prices, t, before, after);
	if (out->len == head)
		out->len = begin;
}

/* One span through all stages; `rule` is what is left of a stage that filtered it. */
static void explain_span(struct explain *x, struct span *first, uint16_t rule)
{
	const struct plan_component *filter = filter_of(x->pipeline), *gone = NULL;
	struct span *before = first;
	struct strbuf changes;
	strbuf_init(&changes, MAX_OUT);
	for (size_t i = 1; i < x->n_stages && !gone; i++) {
		struct snapshot *stage = &x->stages[i];
		struct span *after = take(stage, first);
		if (!after) {
			gone = stage->processor;
			strbuf_addf(&changes, "  %s\n    filtered: no destination gets it\n", gone->id);
			continue;
		}
		explain_stage(&changes, stage, &x->stages[i - 1].traces, before, after);
		before = after;
	}
	add_span_head(&x->out, first);
	explain_detection(&x->out, first, filter, gone && gone == filter ? rule : 0);
	strbuf_add(&x->out, strbuf_slice(&changes));
	strbuf_addc(&x->out, '\n');
	x->failed = x->failed || changes.failed;
	strbuf_release(&changes);
}

/* All spans of `t`, which the processors marked, beside the same spans as they came. */
static void explain_spans(struct explain *x, struct traces *t)
{
	struct span *first = x->stages[0].at;
	for (uint32_t i = 0; i < t->n_scopes; i++)
		for (struct span *s = t->scopes[i].first; s && first; s = s->next) {
			if (s->refused)
				continue;
			explain_span(x, first, s->rule);
			first = traces_next_span(&x->stages[0].traces, first);
		}
}

static void add_receivers(struct explain *x)
{
	strbuf_adds(&x->out, "to ");
	for (size_t i = 0; i < x->pipeline->n_exporters; i++)
		strbuf_addf(&x->out, "%s%s", i ? ", " : "", x->pipeline->exporters[i]->id);
	strbuf_adds(&x->out, ":\n");
}

/* All destinations of a pipeline get the same. */
static void add_destinations(struct explain *x)
{
	struct traces *t = &x->stages[x->n_stages - 1].traces;
	struct buf *body = traces_encode(t, NULL), *json = NULL;
	if (!body || otlp_to_json(TRACES, buf_slice(body), NULL, &json))
		x->failed = true;
	if (!x->to)
		add_receivers(x);
	if (!x->failed && t->n_kept) {
		strbuf_add(&x->out, buf_slice(json));
		strbuf_addc(&x->out, '\n');
	} else if (!x->to) {
		strbuf_adds(&x->out, "nothing\n");
	}
	if (!x->to)
		strbuf_addc(&x->out, '\n');
	buf_unref(json);
	buf_unref(body);
}

static int explain_body(struct explain *x, struct buf *body)
{
	struct traces t;
	if (index_body(x, &t, body))
		return -1;
	x->n_stages = 0;
	x->stages = calloc(x->pipeline->n_processors + 1, sizeof *x->stages);
	if (!x->stages)
		abort();
	add_snapshot(x, &t, NULL);
	if (!x->failed)
		dry_run_push(x->run, &t, after_stage, x);
	if (!x->failed && !x->to)
		explain_spans(x, &t);
	if (!x->failed)
		add_destinations(x);
	if (x->failed || x->out.failed)
		fprintf(stderr, "weir explain: %s: no memory to explain it\n", x->input->name);
	for (size_t i = 0; i < x->n_stages; i++)
		traces_release(&x->stages[i].traces);
	free(x->stages);
	traces_release(&t);
	return x->failed || x->out.failed ? -1 : 0;
}

static int load_prices(struct explain *x, struct err *e)
{
	for (size_t i = 0; i < x->pipeline->n_processors; i++) {
		const struct plan_component *c = x->pipeline->processors[i];
		if (is_type(c, "gen_ai_cost") && !(x->prices[i] = explain_prices_new(c, e)))
			return -1;
	}
	return 0;
}

static int explain_pipeline(struct explain *x, const struct plan_pipeline *p)
{
	struct err e;
	int rc = -1;
	x->pipeline = p;
	x->prices = calloc(p->n_processors + 1, sizeof *x->prices);
	if (!x->prices)
		abort();
	x->run = dry_run_new(p, x->log, x->keys, &e);
	if (!x->run || load_prices(x, &e)) {
		fprintf(stderr, "weir explain: %s\n", e.text);
	} else {
		rc = 0;
		for (size_t i = 0; i < x->input->bodies.n && rc == 0; i++)
			rc = explain_body(x, x->input->bodies.v[i]);
	}
	dry_run_free(x->run);
	for (size_t i = 0; i < p->n_processors; i++)
		explain_prices_free(x->prices[i]);
	free(x->prices);
	return rc;
}

static bool is_meant(const struct explain *x, const struct plan_pipeline *p)
{
	bool named = !x->to;
	for (size_t i = 0; i < p->n_exporters; i++)
		named = named || !strcmp(p->exporters[i]->id, x->to);
	return named && p->signal == TRACES;
}

static int explain_plan(struct explain *x)
{
	size_t n = 0, n_traces = 0;
	int rc = 0;
	for (size_t i = 0; i < x->plan->n_pipelines; i++)
		n_traces += x->plan->pipelines[i].signal == TRACES;
	for (size_t i = 0; i < x->plan->n_pipelines && rc == 0; i++) {
		const struct plan_pipeline *p = &x->plan->pipelines[i];
		if (!is_meant(x, p))
			continue;
		n++;
		if (n_traces > 1 && !x->to)
			strbuf_addf(&x->out, "pipeline %s\n\n", p->id);
		rc = explain_pipeline(x, p);
	}
	if (n)
		return rc;
	if (x->to)
		fprintf(stderr, "weir explain: no pipeline of traces has an exporter \"%s\"\n", x->to);
	else
		fprintf(stderr, "weir explain: the config has no pipeline of traces\n");
	return -1;
}

static struct plan *load(const struct args *a)
{
	const char *local[2];
	struct plan_sources s = a->sources;
	struct findings f;
	if (!s.n_configs) {
		s.n_configs = local_configs(false, local);
		s.configs = local;
	}
	findings_init(&f);
	struct plan *p = plan_load(&s, &f);
	findings_print(&f, stderr);
	findings_release(&f);
	return p;
}

static int explain(struct explain *x, const struct args *a, const char *file)
{
	struct log_conf quiet = { .level = LOG_WARN, .fds = { 2 }, .n_fds = 1 };
	struct explain_input input;
	int rc = -1;
	x->plan = load(a);
	if (!x->plan)
		return -1;
	x->input = &input;
	x->log = log_new(&quiet, clock_system());
	x->keys = genai_keys_new();
	strbuf_init(&x->out, MAX_OUT);
	if (explain_read(&input, file) == 0)
		rc = explain_plan(x);
	if (rc == 0 && fwrite(x->out.p ? x->out.p : "", 1, x->out.len, stdout) != x->out.len)
		rc = -1;
	strbuf_release(&x->out);
	explain_input_release(&input);
	key_table_free(x->keys);
	log_free(x->log);
	plan_free(x->plan);
	return rc;
}

/* The word that is neither a flag nor the value of one; it is taken out, for args_parse knows flags only. */
static const char *take_file(int *argc, char **argv)
{
	static const char *const valued[] = { "--config", "-c", "--set", "--to" };
	for (int i = 1; i < *argc; i++) {
		bool has_value = false;
		for (size_t k = 0; k < COUNTOF(valued); k++)
			has_value = has_value || !strcmp(argv[i], valued[k]);
		if (has_value)
			i++;
		if (has_value || (argv[i][0] == '-' && argv[i][1]))
			continue;
		const char *file = argv[i];
		memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof *argv);
		--*argc;
		return file;
	}
	return NULL;
}

int cmd_explain(int argc, char **argv)
{
	struct explain x = { 0 };
	struct args a;
	const char *file = take_file(&argc, argv);
	const struct args_option options[] = { { "--to", &x.to, NULL }, { NULL, NULL, NULL } };
	int code = EXIT_USAGE;
	if (args_parse(&a, argc, argv, options) == 0) {
		if (a.help) {
			fputs(help, stdout);
			code = EXIT_OK;
		} else if (!file) {
			fprintf(stderr, "weir explain: name a file: weir explain FILE [--config F] [--to EXPORTER]\n");
		} else {
			code = explain(&x, &a, file) ? EXIT_USAGE : EXIT_OK;
		}
	}
	args_release(&a);
	return code;
}
