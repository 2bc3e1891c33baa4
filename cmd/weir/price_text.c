/* price_text.c - see price_text.h. Amounts are exact decimals of pico-USD, so that the lines add up to the last digit. */
#include "cmd/weir/price_text.h"

static void add_notes(struct strbuf *out, const char *indent, const struct price_cost *c)
{
	if (c->input_adjusted)
		strbuf_addf(out, "%smore cached tokens than input: the input is taken without them, %lld in all\n",
		        indent, (long long)c->input);
	if (c->output_adjusted)
		strbuf_addf(out, "%smore reasoning than output: the output is taken without it, %lld in all\n", indent,
		        (long long)c->output);
	if (c->above >= 0)
		strbuf_addf(
		        out, "%sprices of a call with more than %lld tokens of input\n", indent, (long long)c->above);
}

void price_text(struct strbuf *out, const char *indent, const struct price_match *m, const struct price_cost *c)
{
	char unit[PRICE_DECIMAL_MAX], amount[PRICE_DECIMAL_MAX];
	add_notes(out, indent, c);
	for (size_t i = 0; i < c->n_lines; i++) {
		const struct price_line *l = &c->lines[i];
		bool fee = l->class == BILL_REQUEST;
		prices_decimal(l->unit, fee ? 12 : 6, unit);
		prices_decimal(l->unit * l->tokens, 12, amount);
		strbuf_addf(out, "%s%-15s %12lld x %10s %-16s %16s\n", indent, price_class_name(l->class),
		        (long long)l->tokens, unit, fee ? "USD" : "USD per million", amount);
	}
	if (m->multiplier_ppm != 1000000) {
		prices_decimal(m->multiplier_ppm, 6, unit);
		strbuf_addf(out, "%s%-15s %12s x %10s\n", indent, "multiplier", "", unit);
	}
	prices_decimal(c->total_pico, 12, amount);
	strbuf_addf(out, "%s%-15s %58s USD\n", indent, "total", amount);
}
