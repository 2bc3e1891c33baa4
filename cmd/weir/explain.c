/* explain.c - `weir explain FILE`: why each span is GenAI or not, what each processor changed, what each destination gets.
 *
 * The pipeline is that of the config (of local mode without one); its processors run here, nothing is sent. After each
 * stage the request is encoded and indexed again, so that what is compared is what the next stage really sees.
 */
#include <errno.h>

#include "cmd/weir/args.h"
#include "cmd/weir/commands.h"
#include "cmd/weir/explain.h"
#include "cmd/weir/local.h"
#include "lib/genai/call.h"
#include "lib/genai/detect.h"
#include "lib/otlp/encode.h"
#include "lib/otlp/json.h"
#include "lib/pipe/dry_run.h"

enum { MAX_FILE = 64 << 20, MAX_OUT = 512 << 20 };

static const char help[] =
        "weir explain FILE [--config F ..] [--to EXPORTER]\n"
        "\n"
        "FILE is OTLP traces: protobuf, JSON, or one JSON request per line; - is stdin.\n"
        "For each span: whether it is GenAI and why, each rename, the arithmetic of its cost. Then what each\n"
        "destination would get, as OTLP/JSON.\n"
        "\n"
        "  --config, -c F  the config whose first traces pipeline is meant (default: local mode)\n"
        "  --to EXPORTER   only what this exporter would get, nothing else\n";

struct explain {
	struct plan *plan;
	const struct plan_pipeline *pipeline;
	struct key_table *keys;
	struct log *log;
	struct dry_run *run;
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
		fprintf(stderr, "weir explain: not an OTLP trace request: %s\n", e.text);
		return -1;
	}
	if (r.n_refused)
		fprintf(stderr, "weir explain: %u spans are refused: %s\n", r.n_refused, r.refused_text);
	return 0;
}

static void after_stage(void *ctx, const char *id, struct traces *t)
{
	struct explain *x = ctx;
	struct buf *body = x->failed ? NULL : traces_encode(t, NULL);
	struct snapshot *s = &x->stages[x->n_stages];
	if (!body || index_body(x, &s->traces, body))
		x->failed = true;
	else
		x->stages[x->n_stages++].id = id;
	buf_unref(body);
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

static void add_detection(struct strbuf *out, const struct span *s)
{
	static const struct detect_options defaults = { false, false };
	slice why = { 0 };
	enum detect_rule rule = detect_span(s, emitter_of_scope(s->scope), &defaults, &why);
	strbuf_addf(out, "  %s (rule %s", detect_keeps(rule) ? "GenAI" : "not GenAI", detect_label(rule));
	if (why.len) {
		strbuf_adds(out, ", because of ");
		call_print_text(out, why, 120);
	}
	strbuf_adds(out, ")\n");
}

/* One span through all stages. */
static void explain_span(struct explain *x, struct span *first)
{
	struct span *before = first;
	add_span_head(&x->out, first);
	add_detection(&x->out, first);
	for (size_t i = 1; i < x->n_stages; i++) {
		struct span *after = explain_find(&x->stages[i].traces, first);
		if (!after) {
			strbuf_addf(&x->out, "  %s\n    filtered: no destination gets it\n", x->stages[i].id);
			break;
		}
		explain_changes(&x->out, x->stages[i].id, before, after);
		before = after;
		if (i + 1 == x->n_stages)
			explain_cost(&x->out, after);
	}
	strbuf_addc(&x->out, '\n');
}

static void add_destinations(struct explain *x)
{
	struct buf *body = traces_encode(&x->stages[x->n_stages - 1].traces, NULL), *json = NULL;
	if (!body || otlp_to_json(TRACES, buf_slice(body), NULL, &json)) {
		x->failed = true;
		buf_unref(body);
		return;
	}
	for (size_t i = 0; i < x->pipeline->n_exporters; i++) {
		const char *id = x->pipeline->exporters[i]->id;
		if (x->to && strcmp(x->to, id))
			continue;
		if (!x->to)
			strbuf_addf(&x->out, "to %s:\n", id);
		strbuf_add(&x->out, buf_slice(json));
		strbuf_addc(&x->out, '\n');
	}
	buf_unref(json);
	buf_unref(body);
}

static int explain_body(struct explain *x, struct buf *body)
{
	struct traces t;
	x->stages = calloc(x->pipeline->n_processors + 1, sizeof *x->stages);
	if (!x->stages)
		abort();
	x->n_stages = 0;
	if (index_body(x, &t, body)) {
		free(x->stages);
		return -1;
	}
	after_stage(x, NULL, &t);
	dry_run_push(x->run, &t, after_stage, x);
	traces_release(&t);
	struct traces *raw = x->n_stages ? &x->stages[0].traces : NULL;
	for (struct span *s = raw && !x->to ? traces_first_span(raw) : NULL; s; s = traces_next_span(raw, s))
		explain_span(x, s);
	if (x->n_stages)
		add_destinations(x);
	for (size_t i = 0; i < x->n_stages; i++)
		traces_release(&x->stages[i].traces);
	free(x->stages);
	return x->failed ? -1 : 0;
}

static int explain_json(struct explain *x, slice text)
{
	struct buf *body = NULL;
	uint64_t n_utf8;
	struct err e;
	if (json_to_otlp(TRACES, text, NULL, &body, &n_utf8, &e)) {
		fprintf(stderr, "weir explain: not OTLP/JSON: %s\n", e.text);
		return -1;
	}
	int rc = explain_body(x, body);
	buf_unref(body);
	return rc;
}

/* A file of the file exporter has one request on each line. */
static bool is_lines(slice text)
{
	const char *nl = memchr(text.p, '\n', text.len);
	if (!nl || nl == text.p || nl[-1] != '}')
		return false;
	slice rest = slice_trim((slice){ nl + 1, (size_t)(text.p + text.len - nl - 1) });
	return rest.len && rest.p[0] == '{';
}

static int explain_text(struct explain *x, slice text)
{
	slice trimmed = slice_trim(text);
	if (!trimmed.len || trimmed.p[0] != '{') {
		struct buf *body = buf_copy(NULL, text);
		int rc = body ? explain_body(x, body) : -1;
		buf_unref(body);
		return rc;
	}
	while (is_lines(trimmed)) {
		size_t n = (size_t)((const char *)memchr(trimmed.p, '\n', trimmed.len) - trimmed.p);
		if (explain_json(x, (slice){ trimmed.p, n }))
			return -1;
		trimmed = slice_trim((slice){ trimmed.p + n, trimmed.len - n });
	}
	return explain_json(x, trimmed);
}

static int read_file(const char *name, struct strbuf *out)
{
	FILE *f = strcmp(name, "-") ? fopen(name, "re") : stdin;
	size_t n = 1;
	if (!f) {
		fprintf(stderr, "weir explain: cannot open %s: %s\n", name, strerror(errno));
		return -1;
	}
	strbuf_init(out, MAX_FILE);
	while (n) {
		char *room = strbuf_room(out, 65536);
		n = room ? fread(room, 1, 65536, f) : 0;
		out->len += n;
	}
	bool failed = out->failed || ferror(f);
	if (f != stdin)
		fclose(f);
	if (failed)
		fprintf(stderr, "weir explain: %s: %s\n", name, out->failed ? "larger than 64 MiB" : "cannot be read");
	return failed ? -1 : 0;
}

static int find_pipeline(struct explain *x)
{
	for (size_t i = 0; i < x->plan->n_pipelines && !x->pipeline; i++) {
		const struct plan_pipeline *p = &x->plan->pipelines[i];
		bool named = !x->to;
		for (size_t k = 0; k < p->n_exporters; k++)
			named = named || !strcmp(p->exporters[k]->id, x->to);
		if (p->signal == TRACES && named)
			x->pipeline = p;
	}
	if (x->pipeline)
		return 0;
	if (x->to)
		fprintf(stderr, "weir explain: no traces pipeline has an exporter \"%s\"\n", x->to);
	else
		fprintf(stderr, "weir explain: the config has no traces pipeline\n");
	return -1;
}

static struct plan *load(struct args *a)
{
	const char *const local[] = { local_config };
	struct plan_sources s = a->sources;
	struct findings f;
	if (!s.n_configs) {
		s.configs = local;
		s.n_configs = 1;
	}
	findings_init(&f);
	struct plan *p = plan_load(&s, &f);
	findings_print(&f, stderr);
	findings_release(&f);
	return p;
}

static int explain(struct explain *x, struct args *a, const char *file)
{
	struct log_conf quiet = { .level = LOG_WARN, .fds = { 2 }, .n_fds = 1 };
	struct strbuf text = { 0 };
	struct err e;
	int rc = -1;
	x->plan = load(a);
	if (!x->plan || find_pipeline(x))
		return -1;
	x->log = log_new(&quiet, clock_system());
	x->keys = genai_keys_new();
	strbuf_init(&x->out, MAX_OUT);
	x->run = dry_run_new(x->pipeline, x->log, x->keys, &e);
	if (!x->run)
		fprintf(stderr, "weir explain: %s\n", e.text);
	else if (read_file(file, &text) == 0)
		rc = explain_text(x, strbuf_slice(&text));
	if (rc == 0)
		fwrite(x->out.p ? x->out.p : "", 1, x->out.len, stdout);
	strbuf_release(&text);
	strbuf_release(&x->out);
	dry_run_free(x->run);
	key_table_free(x->keys);
	log_free(x->log);
	return rc;
}

int cmd_explain(int argc, char **argv)
{
	struct explain x = { 0 };
	struct args a;
	const char *file = argc > 1 && (argv[1][0] != '-' || !argv[1][1]) ? argv[1] : NULL;
	const struct args_option options[] = { { "--to", &x.to, NULL }, { NULL, NULL, NULL } };
	char **rest = file ? argv + 1 : argv;
	int code = EXIT_USAGE;
	if (args_parse(&a, file ? argc - 1 : argc, rest, options) == 0) {
		if (a.help) {
			fputs(help, stdout);
			code = EXIT_OK;
		} else if (!file) {
			fprintf(stderr, "weir explain: name a file: weir explain FILE [--config F] [--to EXPORTER]\n");
		} else {
			code = explain(&x, &a, file) ? EXIT_USAGE : EXIT_OK;
		}
	}
	if (x.plan)
		plan_free(x.plan);
	args_release(&a);
	return code;
}
