/* normalize.c - any request normalises to one that a second run leaves alone; the last byte and the size choose the options. */
#include "tests/fuzz/twice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct normalize_options o = options_of((uint8_t)(size ? data[size - 1] ^ size : 0));
	struct buf *body = buf_copy(NULL, (slice){ (const char *)data, size });
	struct key_table *keys = genai_keys_new();
	normalize_twice(&o, body, keys);
	key_table_free(keys);
	buf_unref(body);
	return 0;
}
