/* normalize_span.c - the same property as normalize.c on spans that are made of what the tables know (spans.h). */
#include "tests/fuzz/twice.h"

#include "tests/fuzz/spans.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key_table *keys;
	if (size < 3 || size > 2048)
		return 0;
	if (!keys)
		keys = genai_keys_new();
	struct normalize_options o = options_of(data[0]);
	struct buf *in = spans_of_bytes(data, size, keys);
	normalize_twice(&o, in, keys);
	buf_unref(in);
	return 0;
}
