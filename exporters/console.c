/* console.c - one line per model call on stdout, hints once, totals at the end: what local mode shows.
 *
 * Expects spans that have gone through the gen_ai processors; spans that are no countable model call are not shown. Totals are kept
 * for at most MAX_MODELS models, the rest counts under "other". Everything belongs to the exporter's thread.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/base/utf8.h"
#include "lib/genai/call.h"
#include "lib/otlp/json.h"
#include "lib/pipe/component.h"
#include "lib/pipe/core.h"
#include "lib/pipe/delivery.h"
#include "lib/pipe/groups.h"

enum { MAX_MODELS = 64, MAX_NAME = 80, MAX_TEXT = 1 << 20, FLUSH_AT = 64 << 10 };
enum { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };
enum { FORMAT_TEXT, FORMAT_JSON };
static const char *const formats[] = { "text", "json", NULL };
static const char *const colours[] = { "auto", "always", "never", NULL };

struct console_conf {
	struct exporter_conf exporter; /* first member */
	int format, colour;
};

static const struct conf_field fields[] = {
	CONF_ENUM(console_conf, format, "text", formats,
	        "text: a line per model call, hints and totals; json: every span, one OTLP/JSON request per line."),
	CONF_ENUM(console_conf, colour, "auto", colours,
	        "Colours: auto uses them on a terminal when NO_COLOR is not set."),
	CONF_INLINE(console_conf, exporter, exporter_conf, exporter_fields, "What every exporter has.",
	        .def = "sending_queue.enabled=false"),
	CONF_END,
};

static void check(const void *conf, struct conf_report *r)
{
	exporter_check(conf, r);
}

enum hint { HINT_SESSION, HINT_TOKENS, HINT_PRICE, N_HINTS };

struct total {
	slice model;
	uint64_t n_calls, n_unpriced;
	int64_t input, output;
	double cost;
};

struct console_state {
	struct strbuf out;
	struct call_columns columns;
	struct map models; /* name to struct total */
	struct total all;
	bool colour, hinted[N_HINTS];
};

static int start(struct stage *s, struct err *e UNUSED)
{
	const struct console_conf *c = s->conf;
	struct console_state *st = s->state;
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	bool plain = (no_colour && *no_colour) || (term && !strcmp(term, "dumb"));
	st->colour = c->colour == COLOUR_ALWAYS || (c->colour == COLOUR_AUTO && isatty(STDOUT_FILENO) && !plain);
	strbuf_init(&st->out, MAX_TEXT);
	map_init(&st->models);
	return 0;
}

/* stdout may be a pipe that nobody reads any more: then there is nobody to tell. A slow reader holds this exporter's thread only. */
static void write_out(slice s)
{
	while (s.len) {
		ssize_t n = write(STDOUT_FILENO, s.p, s.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN && poll(&(struct pollfd){ STDOUT_FILENO, POLLOUT, 0 }, 1, 1000) > 0)
			continue;
		if (n <= 0)
			break;
		s = (slice){ s.p + n, s.len - (size_t)n };
	}
}

static void flush(struct console_state *st)
{
	write_out(strbuf_slice(&st->out));
	strbuf_clear(&st->out);
}

static struct total *total_of(struct console_state *st, slice model)
{
	model.len = utf8_cut(model, MAX_NAME);
	struct total *t = map_get(&st->models, model);
	if (t)
		return t;
	if (st->models.n >= MAX_MODELS - 1 && !slice_is(model, "other"))
		return total_of(st, SLICE("other"));
	t = calloc(1, sizeof *t + model.len);
	if (!t)
		abort();
	if (model.len)
		memcpy(t + 1, model.p, model.len);
	t->model = (slice){ (const char *)(t + 1), model.len };
	map_put(&st->models, t->model, t);
	return t;
}

static void add_tokens(int64_t *sum, int64_t n)
{
	if (n > 0 && __builtin_add_overflow(*sum, n, sum))
		*sum = INT64_MAX;
}

static void add(struct total *t, const struct call *c)
{
	t->n_calls++;
	add_tokens(&t->input, c->input);
	add_tokens(&t->output, c->output);
	if (isnan(c->cost))
		t->n_unpriced++;
	else
		t->cost += c->cost;
}

static void hint(struct console_state *st, enum hint which, bool due, const char *text, slice name)
{
	if (!due || st->hinted[which])
		return;
	st->hinted[which] = true;
	strbuf_adds(&st->out, st->colour ? "\033[2m  hint: " : "  hint: ");
	call_print_text(&st->out, name, MAX_NAME);
	strbuf_adds(&st->out, text);
	strbuf_adds(&st->out, st->colour ? "\033[0m\n" : "\n");
}

static void show_hints(struct console_state *st, const struct call *c)
{
	bool no_tokens = c->input < 0 && c->output < 0 && !c->failed;
	bool unpriced = slice_is(c->cost_status, "unknown_model") || slice_is(c->cost_status, "unknown_provider");
	hint(st, HINT_SESSION, !c->session.len,
	        "no session id: set gen_ai.conversation.id or session.id on the span to see which calls belong "
	        "together",
	        (slice){ 0 });
	hint(st, HINT_TOKENS, no_tokens,
	        "no token counts, so no cost; for streamed OpenAI calls ask for stream_options: {include_usage: true}",
	        (slice){ 0 });
	hint(st, HINT_PRICE, unpriced,
	        " has no price; give one under gen_ai_cost: overrides or price_files, `weir price MODEL` tries it",
	        c->model);
}

static void show_body(struct stage *s, struct buf *body)
{
	struct console_state *st = s->state;
	struct traces t;
	struct scan_report report;
	struct err e;
	struct call c;
	if (traces_scan(&t, body, core_keys(s->core), NULL, &report, &e)) {
		strbuf_adds(&st->out, "(no memory to show this request)\n");
		return;
	}
	for (struct span *span = traces_first_span(&t); span; span = traces_next_span(&t, span)) {
		if (!call_of_span(span, &c))
			continue;
		call_print(&st->out, &c, &st->columns, st->colour);
		show_hints(st, &c);
		if (st->out.len > FLUSH_AT)
			flush(st);
		add(&st->all, &c);
		add(total_of(st, c.model), &c);
	}
	traces_release(&t);
}

static void show_json(struct console_state *st, struct buf *body)
{
	struct buf *json = NULL;
	if (otlp_to_json(TRACES, buf_slice(body), NULL, &json))
		return;
	flush(st);
	write_out(buf_slice(json));
	write_out(SLICE("\n"));
	buf_unref(json);
}

static void console_send(struct stage *s, struct delivery *d)
{
	const struct console_conf *c = s->conf;
	for (size_t i = 0; d->signal == TRACES && i < d->n_bodies; i++) {
		if (c->format == FORMAT_JSON)
			show_json(s->state, d->bodies[i]);
		else
			show_body(s, d->bodies[i]);
	}
	flush(s->state);
	delivery_done(d, &(struct verdict){ .kind = DELIVERED });
}

/* A count and what it counts, the count right-aligned. */
static void print_number(struct strbuf *out, int64_t n, int width, const char *unit)
{
	struct strbuf text;
	strbuf_init(&text, 64);
	call_print_count(&text, n);
	strbuf_addf(out, "  %*s %s", width, text.p ? text.p : "", unit);
	strbuf_release(&text);
}

static void print_total(struct strbuf *out, const struct total *t)
{
	print_number(out, (int64_t)t->n_calls, 5, t->n_calls == 1 ? "call " : "calls");
	print_number(out, t->input, 11, "tokens in");
	print_number(out, t->output, 11, "out");
	strbuf_adds(out, "  ");
	if (t->n_unpriced < t->n_calls)
		call_print_usd(out, t->cost);
	if (t->n_unpriced) {
		strbuf_adds(out, t->n_unpriced < t->n_calls ? " and " : "");
		call_print_count(out, (int64_t)t->n_unpriced);
		strbuf_adds(out, " without a cost");
	}
	strbuf_addc(out, '\n');
}

/* Dearest first, then most used. */
static int by_cost(const void *a, const void *b)
{
	const struct total *x = *(struct total *const *)a, *y = *(struct total *const *)b;
	if (x->cost != y->cost)
		return x->cost > y->cost ? -1 : 1;
	return x->n_calls != y->n_calls ? (x->n_calls > y->n_calls ? -1 : 1) : 0;
}

static void print_name(struct strbuf *out, const char *indent, slice name, size_t width)
{
	size_t at = out->len;
	strbuf_adds(out, indent);
	call_print_text(out, name, MAX_NAME);
	call_print_pad(out, at, width);
}

static void print_totals(struct console_state *st)
{
	struct total *all[MAX_MODELS];
	size_t n = 0, width = 0;
	if (!st->all.n_calls)
		return;
	for (size_t i = 0; i < st->models.n && n < MAX_MODELS; i++) {
		size_t at = st->out.len;
		all[n] = st->models.entries[i].value;
		print_name(&st->out, "  ", all[n++]->model, 0);
		size_t used = call_print_width(&st->out, at);
		width = width < used ? used : width;
		st->out.len = at;
	}
	qsort(all, n, sizeof(*all), by_cost);
	strbuf_addc(&st->out, '\n');
	print_name(&st->out, "", SLICE("total"), width);
	print_total(&st->out, &st->all);
	for (size_t i = 0; i < n; i++) {
		print_name(&st->out, "  ", all[i]->model.len ? all[i]->model : SLICE("?"), width);
		print_total(&st->out, all[i]);
	}
}

static void stop(struct stage *s)
{
	struct console_state *st = s->state;
	print_totals(st);
	flush(st);
	for (size_t i = 0; i < st->models.n; i++)
		free(st->models.entries[i].value);
	map_release(&st->models);
	strbuf_release(&st->out);
	stage_stopped(s);
}

const struct component exporter_console = {
	.name = "console",
	.summary = "Prints one line per model call to stdout, and totals at the end (local mode).",
	.kind = EXPORTER,
	.signals = TRACES | LOGS | METRICS,
	.flags = BARE,
	.fields = fields,
	.conf_size = sizeof(struct console_conf),
	.state_size = sizeof(struct console_state),
	.check = check,
	.start = start,
	.send = console_send,
	.stop = stop,
};
