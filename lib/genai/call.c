/* call.c - reading a call off its span and writing it as a line (see call.h).
 *
 * What is printed comes from the network: control characters (terminal escapes among them) never reach the terminal. */
#include "lib/genai/call.h"

#include <math.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/utf8.h"
#include "lib/genai/coerce.h"
#include "lib/genai/latency.h"

static slice text_of(const struct attrs *as, enum genai_key key)
{
	const struct attr *a = attrs_find_id(as, (uint16_t)key);
	return a && a->value.type == V_STRING ? a->value.s : (slice){ 0 };
}

static int64_t tokens_of(const struct span *s, enum genai_key key)
{
	const struct attr *a = attrs_find_id(&s->attrs, (uint16_t)key);
	int64_t n;
	return a && coerce_tokens(&a->value, &n) ? n : -1;
}

static double number_of(const struct span *s, enum genai_key key)
{
	const struct attr *a = attrs_find_id(&s->attrs, (uint16_t)key);
	double d;
	return a && coerce_double(&a->value, &d) ? d : (double)NAN;
}

static slice first_finish(const struct span *s)
{
	const struct attr *a = attrs_find_id(&s->attrs, KEY_GENAI_RESPONSE_FINISHREASONS);
	slice at, key;
	struct value v;
	if (!a || a->value.type != V_ARRAY)
		return (slice){ 0 };
	at = a->value.s;
	return value_next(&at, V_ARRAY, &key, &v) && v.type == V_STRING ? v.s : (slice){ 0 };
}

static slice either(slice a, slice b)
{
	return a.len ? a : b;
}

/* "_OTHER" is OpenTelemetry's word for a class that is not known: then the message says more. */
static slice error_of(const struct attrs *as, slice message)
{
	slice type = text_of(as, KEY_ERROR_TYPE);
	return slice_is(type, "_OTHER") && message.len ? message : either(type, message);
}

bool call_of_span(const struct span *s, struct call *c)
{
	const struct attrs *as = &s->attrs;
	enum genai_kind kind;
	if (!is_counted_call(s, &kind))
		return false;
	*c = (struct call){
		.service = text_of(&s->scope->resource->attrs, KEY_SERVICE_NAME),
		.operation = text_of(as, KEY_GENAI_OPERATION_NAME),
		.provider = text_of(as, KEY_GENAI_PROVIDER_NAME),
		.model = either(text_of(as, KEY_GENAI_RESPONSE_MODEL), text_of(as, KEY_GENAI_REQUEST_MODEL)),
		.finish = first_finish(s),
		.convention = text_of(as, KEY_WEIR_CONVENTION),
		.session = text_of(as, KEY_GENAI_CONVERSATION_ID),
		.cost_status = text_of(as, KEY_WEIR_COST_STATUS),
		.input = tokens_of(s, KEY_GENAI_USAGE_INPUTTOKENS),
		.cached = tokens_of(s, KEY_GENAI_USAGE_CACHEREAD_INPUTTOKENS),
		.output = tokens_of(s, KEY_GENAI_USAGE_OUTPUTTOKENS),
		.seconds = latency_of_span(s),
		.first_chunk = number_of(s, KEY_GENAI_RESPONSE_TIMETOFIRSTCHUNK),
		.cost = number_of(s, KEY_LLM_COST_TOTAL),
		.end_ns = s->end_ns,
		.failed = s->status_code == 2,
	};
	if (c->failed)
		c->error = error_of(as, s->status_message);
	return true;
}

/* U+0080 to U+009F; line and paragraph separators; marks, overrides and isolates of direction. */
static bool steers(slice c)
{
	const unsigned char *p = (const unsigned char *)c.p;
	if (c.len == 2)
		return p[0] == 0xC2 && p[1] < 0xA0;
	if (c.len != 3 || p[0] != 0xE2)
		return false;
	return (p[1] == 0x80 && ((p[2] >= 0x8B && p[2] <= 0x8F) || (p[2] >= 0xA8 && p[2] <= 0xAE))) ||
	        (p[1] == 0x81 && p[2] >= 0xA0 && p[2] <= 0xAF);
}

void call_print_text(struct strbuf *out, slice s, size_t max)
{
	bool ok;
	s.len = utf8_cut(s, max);
	while (s.len) {
		size_t n = utf8_step(s, &ok);
		unsigned char b = (unsigned char)s.p[0];
		if (!ok || b < 0x20 || b == 0x7F || steers((slice){ s.p, n }))
			strbuf_addc(out, '?');
		else
			strbuf_add(out, (slice){ s.p, n });
		s = (slice){ s.p + n, s.len - n };
	}
}

size_t call_print_width(const struct strbuf *out, size_t from)
{
	size_t n = 0;
	for (size_t i = from; i < out->len; i++)
		n += ((unsigned char)out->p[i] & 0xC0) != 0x80;
	return n;
}

void call_print_pad(struct strbuf *out, size_t from, size_t width)
{
	for (size_t n = call_print_width(out, from); n < width; n++)
		strbuf_addc(out, ' ');
}

void call_print_count(struct strbuf *out, int64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%lld", (long long)n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
			strbuf_addc(out, ',');
		strbuf_addc(out, digits[i]);
	}
}

/* Four significant digits without zeros at the end, but never fewer than cents and never an exponent. */
void call_print_usd(struct strbuf *out, double usd)
{
	char text[64];
	int digits = 2;
	if (!(fabs(usd) <= 1e15)) { /* nobody means this; it may come from the network */
		strbuf_adds(out, usd < 0 ? "-$1e15+" : "$1e15+");
		return;
	}
	for (double d = usd; d > 0 && d < 10 && digits < 12; d *= 10)
		digits++;
	int n = snprintf(text, sizeof text, "$%.*f", digits, usd);
	for (; digits > 2 && text[n - 1] == '0'; digits--)
		n--;
	strbuf_add(out, (slice){ text, (size_t)n });
}

static void print_seconds(struct strbuf *out, double s)
{
	if (s < 0.9995)
		strbuf_addf(out, "%.0f ms", s * 1000);
	else if (s < 1e7)
		strbuf_addf(out, "%.2f s", s);
	else
		strbuf_adds(out, "months");
}

static void paint(struct strbuf *out, bool colour, const char *code)
{
	if (colour)
		strbuf_addf(out, "\033[%sm", code);
}

/* The end of a column that `used` so many characters: it is as wide as its widest, up to a limit. */
static void end_column(struct strbuf *out, struct call_columns *columns, unsigned which, size_t used)
{
	static const uint8_t least[N_CALL_COLUMNS] = { 12, 24, 8, 0, 22, 10, 6 };
	static const uint8_t most[N_CALL_COLUMNS] = { 24, 48, 10, 16, 44, 14, 24 };
	size_t *width = &columns->width[which];
	size_t wanted = used < most[which] ? used : most[which];
	*width = *width < least[which] ? least[which] : *width;
	*width = *width < wanted ? wanted : *width;
	for (size_t n = used; n < *width; n++)
		strbuf_addc(out, ' ');
	strbuf_adds(out, *width ? "  " : "");
}

static void print_time(struct strbuf *out, uint64_t end_ns)
{
	time_t s = (time_t)(end_ns / NS_PER_S);
	struct tm tm;
	char text[16] = "--:--:--";
	if (end_ns && localtime_r(&s, &tm))
		strftime(text, sizeof text, "%H:%M:%S", &tm);
	strbuf_adds(out, text);
}

static void print_tokens(struct strbuf *out, const struct call *c)
{
	if (c->input < 0 && c->output < 0)
		strbuf_adds(out, "no tokens");
	if (c->input >= 0) {
		call_print_count(out, c->input);
		strbuf_adds(out, " in");
	}
	if (c->cached > 0) {
		strbuf_adds(out, " (");
		call_print_count(out, c->cached);
		strbuf_adds(out, " cached)");
	}
	if (c->output >= 0) {
		strbuf_adds(out, c->input >= 0 ? ", " : "");
		call_print_count(out, c->output);
		strbuf_adds(out, " out");
	}
}

/* What happened in place of a price: a price is missing, or there is nothing to price. */
static const char *no_cost(slice status)
{
	bool no_price = slice_is(status, "unknown_model") || slice_is(status, "unknown_provider") ||
	        slice_is(status, "unpriced_unit");
	return no_price ? "no price" : slice_is(status, "inconsistent_usage") ? "bad usage" : "-";
}

static void print_what(struct strbuf *out, const struct call *c, struct call_columns *columns, bool colour)
{
	size_t at = out->len;
	call_print_text(out, c->service.len ? c->service : SLICE("-"), 40);
	end_column(out, columns, CALL_SERVICE, call_print_width(out, at));
	at = out->len;
	call_print_text(out, c->operation.len ? c->operation : SLICE("?"), 40);
	strbuf_addc(out, ' ');
	size_t used = call_print_width(out, at);
	paint(out, colour, "1");
	at = out->len;
	call_print_text(out, c->model.len ? c->model : SLICE("?"), 80);
	used += call_print_width(out, at);
	paint(out, colour, "0");
	end_column(out, columns, CALL_MODEL, used);
}

static void print_numbers(struct strbuf *out, const struct call *c, struct call_columns *columns, bool colour)
{
	size_t at = out->len;
	print_seconds(out, c->seconds);
	end_column(out, columns, CALL_DURATION, call_print_width(out, at));
	at = out->len;
	if (!isnan(c->first_chunk)) {
		strbuf_adds(out, "first ");
		print_seconds(out, c->first_chunk);
	}
	end_column(out, columns, CALL_FIRST, call_print_width(out, at));
	at = out->len;
	print_tokens(out, c);
	end_column(out, columns, CALL_TOKENS, call_print_width(out, at));
	paint(out, colour, isnan(c->cost) ? "33" : "32");
	at = out->len;
	if (isnan(c->cost))
		strbuf_adds(out, no_cost(c->cost_status));
	else if (c->cost == 0 && slice_is(c->cost_status, "free"))
		strbuf_adds(out, "free");
	else
		call_print_usd(out, c->cost);
	size_t used = call_print_width(out, at);
	paint(out, colour, "0");
	end_column(out, columns, CALL_COST, used);
}

static void print_end(struct strbuf *out, const struct call *c, struct call_columns *columns, bool colour)
{
	if (c->failed)
		paint(out, colour, "31");
	size_t at = out->len;
	if (c->failed)
		strbuf_adds(out, c->error.len ? "error " : "error");
	call_print_text(out, c->failed ? c->error : c->finish.len ? c->finish : SLICE("-"), 60);
	size_t used = call_print_width(out, at);
	if (c->failed)
		paint(out, colour, "0");
	end_column(out, columns, CALL_END, used);
	paint(out, colour, "2");
	call_print_text(out, c->convention.len ? c->convention : SLICE("-"), 40);
	paint(out, colour, "0");
	strbuf_addc(out, '\n');
}

void call_print(struct strbuf *out, const struct call *c, struct call_columns *columns, bool colour)
{
	paint(out, colour, "2");
	print_time(out, c->end_ns);
	paint(out, colour, "0");
	strbuf_adds(out, "  ");
	print_what(out, c, columns, colour);
	print_numbers(out, c, columns, colour);
	print_end(out, c, columns, colour);
}
