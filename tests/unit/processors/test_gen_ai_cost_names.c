/* test_gen_ai_cost_names.c - every name of every provider of the built-in table, through the normaliser to its price.
 *
 * The normaliser writes one name for all spellings of a provider; the price must still be that of the list which has the reported name.
 */
#include "tests/unit/processors/gen_ai.h"

#include "lib/genai/pricing.h"

extern const struct component processor_gen_ai_cost, processor_gen_ai_normalizer;

struct listed {
	slice id, name; /* of the model: the exact name that spans have */
};
struct chain {
	struct rig normalizer, cost;
	size_t asked, differ;
};

static slice take(slice *rest, char end)
{
	const char *p = rest->len ? memchr(rest->p, end, rest->len) : NULL;
	slice head = { rest->p, p ? (size_t)(p - rest->p) : rest->len };
	size_t used = head.len + (p != NULL);
	*rest = (slice){ rest->p + used, rest->len - used };
	return head;
}

/* A model of the provider with an exact name and one price, from that place of the table's text on. */
static bool next_model(slice *text, slice provider, struct listed *m)
{
	while (text->len) {
		slice line = take(text, '\n'), word = take(&line, '\t'), owner = take(&line, '\t');
		m->id = take(&line, '\t');
		slice names = take(&line, '\t');
		m->name = take(&names, ' ');
		m->name = slice_is(m->name, "=") ? m->id : m->name;
		bool exact = true;
		for (size_t i = 0; i < m->name.len; i++)
			exact = exact && !strchr("*#!\"\\", m->name.p[i]);
		if (slice_is(word, "model") && slice_eq(owner, provider) && exact && slice_starts(line, SLICE("in=")))
			return true;
	}
	return false;
}

/* The price that the chain finds is that of the provider's own list, as if the table were asked with the reported name. */
static void ask(struct chain *c, slice provider, slice name, const struct listed *m)
{
	char text[1024], want[PRICE_LABEL_MAX];
	struct spans s;
	snprintf(text, sizeof(text),
	        "{\"attributes\":{\"gen_ai.operation.name\":\"chat\",\"gen_ai.provider.name\":\"%.*s\","
	        "\"gen_ai.request.model\":\"%.*s\",\"gen_ai.usage.input_tokens\":1000}}",
	        SLICE_ARG(name), SLICE_ARG(m->name));
	int n = snprintf(want, sizeof(want), "%.*s/%.*s@", SLICE_ARG(provider), SLICE_ARG(m->id));
	gen_ai_load(&s, text);
	gen_ai_push(&c->normalizer, &s);
	gen_ai_push(&c->cost, &s);
	const struct attr *a = attrs_find(&spans_nth(&s, 0)->attrs, SLICE("weir.cost.price"));
	c->asked++;
	if (!a || !slice_starts(a->value.s, (slice){ want, (size_t)n })) {
		c->differ++;
		print_message("%.*s: %s, not %.*s\n", SLICE_ARG(name), want, SLICE_ARG(a ? a->value.s : SLICE("none")));
	}
	spans_release(&s);
}

static void ask_models(struct chain *c, slice provider, slice name)
{
	slice text = prices_builtin();
	struct listed m;
	for (int i = 0; i < 3 && next_model(&text, provider, &m); i++)
		ask(c, provider, name, &m);
}

/* Whatever name of a provider a span brings, the normaliser's name for it leads to the same price list. */
static void every_name_through_the_normaliser(void **unused UNUSED)
{
	struct chain c = { .asked = 0 };
	rig_init(&c.normalizer, &processor_gen_ai_normalizer, "");
	rig_init(&c.cost, &processor_gen_ai_cost, "");
	for (slice text = prices_builtin(); text.len;) {
		slice line = take(&text, '\n'), word = take(&line, '\t'), provider = take(&line, '\t');
		slice names = take(&line, '\t');
		if (slice_is(word, "provider"))
			ask_models(&c, provider, provider);
		while (slice_is(word, "alias") && names.len) {
			slice name = take(&names, ' ');
			if (name.len && !memchr(name.p, '*', name.len))
				ask_models(&c, provider, name);
		}
	}
	rig_release(&c.cost);
	rig_release(&c.normalizer);
	assert_true(c.asked > 400);
	assert_int_equal(c.differ, 0);
}

/* What OpenRouter does not list costs the same whether the normaliser has named OpenRouter or nobody has. */
static void a_vendors_price_through_the_normaliser(void **unused UNUSED)
{
	static const char text[] = "{\"attributes\":{\"gen_ai.operation.name\":\"embeddings\",\"gen_ai.request.model\":"
	                           "\"openrouter/openai/text-embedding-3-small\",\"gen_ai.usage.input_tokens\":1000}}";
	struct chain c = { .asked = 0 };
	rig_init(&c.normalizer, &processor_gen_ai_normalizer, "");
	rig_init(&c.cost, &processor_gen_ai_cost, "");
	for (int normalised = 0; normalised < 2; normalised++) {
		struct spans s;
		gen_ai_load(&s, text);
		if (normalised)
			gen_ai_push(&c.normalizer, &s);
		gen_ai_push(&c.cost, &s);
		const struct attrs *attrs = &spans_nth(&s, 0)->attrs;
		const struct attr *who = attrs_find(attrs, SLICE("gen_ai.provider.name"));
		const struct attr *price = attrs_find(attrs, SLICE("weir.cost.price"));
		assert_true(normalised ? who && slice_is(who->value.s, "openrouter") : !who);
		assert_true(price && slice_starts(price->value.s, SLICE("openai/text-embedding-3-small@")));
		spans_release(&s);
	}
	rig_release(&c.cost);
	rig_release(&c.normalizer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_through_the_normaliser),
		cmocka_unit_test(a_vendors_price_through_the_normaliser),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
