/* call.c - reading a call off its span and writing it as a line (see call.h).
 *
 * What is printed comes from the network: control characters (terminal escapes among them) never reach the terminal. */
#include "lib/genai/call.h"

#include <math.h>
#include <time.h>

#include "lib/base/clock.h"
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

bool call_of_span(const struct span *s, struct call *c)
{
	const struct attrs *as = &s->attrs;
	if (!kind_is_model_call(kind_of_span(s)) || !span_is_countable(s))
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
		c->error = either(text_of(as, KEY_ERROR_TYPE), s->status_message);
	return true;
}

void call_print_text(struct strbuf *out, slice s, size_t max)
{
	size_t n = s.len < max ? s.len : max;
	while (n < s.len && n > 0 && ((unsigned char)s.p[n] & 0xC0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)s.p[i];
		/* C0, DEL, and the C1 controls as UTF-8 spells them */
		bool c1 = b == 0xC2 && i + 1 < n && (unsigned char)s.p[i + 1] < 0xA0;
		strbuf_addc(out, b < 0x20 || b == 0x7F || c1 ? '?' : s.p[i]);
		i += c1;
	}
}

void call_print_count(struct strbuf *out, int64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%lld", (long long)n);
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			strbuf_addc(out, ',');
		strbuf_addc(out, digits[i]);
	}
}

/* Four significant digits, but never fewer than cents and never an exponent. */
void call_print_usd(struct strbuf *out, double usd)
{
	int digits = 2;
	for (double d = usd; d > 0 && d < 10 && digits < 10; d *= 10)
		digits++;
	strbuf_addf(out, "$%.*f", usd > 0 ? digits : 2, usd);
}

static void print_seconds(struct strbuf *out, double s)
{
	if (s < 1)
		strbuf_addf(out, "%.0f ms", s * 1000);
	else
		strbuf_addf(out, "%.2f s", s);
}

static void paint(struct strbuf *out, bool colour, const char *code)
{
	if (colour)
		strbuf_addf(out, "\033[%sm", code);
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
	if (c->input < 0 && c->output < 0) {
		strbuf_adds(out, "  no tokens");
		return;
	}
	strbuf_adds(out, "  ");
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

static void print_end(struct strbuf *out, const struct call *c, bool colour)
{
	paint(out, colour, isnan(c->cost) ? "33" : "32");
	strbuf_adds(out, "  ");
	if (isnan(c->cost))
		strbuf_adds(out, "$?");
	else
		call_print_usd(out, c->cost);
	paint(out, colour, c->failed ? "31" : "0");
	strbuf_adds(out, "  ");
	if (c->failed)
		strbuf_adds(out, "error ");
	call_print_text(out, c->failed ? c->error : c->finish.len ? c->finish : SLICE("-"), 60);
	paint(out, colour, "2");
	strbuf_adds(out, "  ");
	call_print_text(out, c->convention.len ? c->convention : SLICE("-"), 40);
	paint(out, colour, "0");
	strbuf_addc(out, '\n');
}

void call_print(struct strbuf *out, const struct call *c, bool colour)
{
	paint(out, colour, "2");
	print_time(out, c->end_ns);
	paint(out, colour, "0");
	strbuf_adds(out, "  ");
	call_print_text(out, c->service.len ? c->service : SLICE("-"), 40);
	strbuf_adds(out, "  ");
	call_print_text(out, c->operation.len ? c->operation : SLICE("?"), 40);
	strbuf_addc(out, ' ');
	paint(out, colour, "1");
	call_print_text(out, c->model.len ? c->model : SLICE("?"), 80);
	paint(out, colour, "0");
	strbuf_adds(out, "  ");
	print_seconds(out, c->seconds);
	if (!isnan(c->first_chunk)) {
		strbuf_adds(out, " (first ");
		print_seconds(out, c->first_chunk);
		strbuf_addc(out, ')');
	}
	print_tokens(out, c);
	print_end(out, c, colour);
}
