/* coerce.c - any text as int, double, bool, text, list, time, value of a map, provider: what comes out is in range, and read again it is
 * the same.
 */
#include "lib/genai/coerce.h"
#include "lib/genai/provider.h"
#include <math.h>
#include <stdlib.h>

#define CHECK(cond)  \
	if (!(cond)) \
	abort()

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_numbers(const struct value *v)
{
	int64_t i = 0, tokens = 0;
	double d = 0;
	bool is_int = coerce_int(v, &i), is_double = coerce_double(v, &d);
	CHECK(!is_double || isfinite(d));
	CHECK(!is_int || !is_double || (double)i == d);
	CHECK(!coerce_tokens(v, &tokens) || (is_int && tokens == i && tokens >= 0));
}

static void check_texts(const struct value *v, enum alias_read read, struct arena *a)
{
	slice text, *list, canonical, again;
	size_t n;
	if (coerce_text(v, read, a, &text)) {
		struct value second = { .type = V_STRING, .s = text };
		CHECK(text.len && coerce_text(&second, READ_PLAIN, a, &again) && slice_eq(text, again));
		CHECK(!is_redacted(text) || text.len >= 10);
	}
	if (coerce_strings(v, read, a, &list, &n))
		CHECK(n >= 1 && n <= 1000 && list[0].len && list[n - 1].len);
	for (unsigned m = 0; m < N_VALUE_MAPS; m++)
		if (value_map_of((enum value_map)m, (enum ecosystem)(v->s.len % N_ECOSYSTEMS), v->s, &canonical))
			CHECK(canonical.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a;
	struct value v = { .type = V_STRING, .s = { (const char *)data, size } };
	uint64_t ns;
	bool b;
	arena_init(&a);
	check_numbers(&v);
	check_texts(&v, READ_QUOTED, &a);
	check_texts(&v, READ_CSV, &a);
	CHECK((!coerce_bool(&v, &b) || size) && (!coerce_time(&v, &ns) || ns < UINT64_C(16756761600000000000)));
	struct provider_in in = { .named = v.s, .host = v.s, .model = v.s };
	struct provider_out out, twice;
	provider_resolve(&in, &a, &out);
	in = (struct provider_in){ .named = out.provider };
	provider_resolve(&in, &a, &twice);
	CHECK(slice_is(out.provider, "_OTHER") || slice_eq(out.provider, twice.provider));
	arena_release(&a);
	return 0;
}
