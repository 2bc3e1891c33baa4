/* json_out.c - any bytes as wire format: JSON comes out or the bytes are malformed, and that JSON is sound.
 *
 * The first byte chooses the signal. Properties: one line without control characters; our reader takes it without
 * repair unless it is nested too deeply or (logs and metrics) an id has a wrong length; what was read is written
 * the same again.
 */
#include <stdlib.h>

#include "lib/otlp/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum signal signals[] = { TRACES, LOGS, METRICS };
	if (n == 0)
		return 0;
	enum signal signal = signals[data[0] % 3];
	struct buf *text, *wire, *text2;
	struct err e = { .text = "" };
	uint64_t n_utf8 = 0;
	int rc = otlp_to_json(signal, (slice){ (const char *)data + 1, n - 1 }, NULL, &text);
	must(rc == 0 || rc == -1);
	if (rc != 0)
		return 0;
	for (size_t i = 0; i < text->len; i++)
		must((unsigned char)text->data[i] >= 0x20);
	rc = json_to_otlp(signal, buf_slice(text), NULL, &wire, &n_utf8, &e);
	must(rc == 0 || strstr(e.text, "nested") || (signal != TRACES && strstr(e.text, "id is hex")));
	must(n_utf8 == 0);
	if (rc == 0) {
		must(otlp_to_json(signal, buf_slice(wire), NULL, &text2) == 0);
		/* an id longer than any is cut when read */
		must(slice_eq(buf_slice(text), buf_slice(text2)) || (signal == TRACES && text2->len < text->len));
		buf_unref(wire);
		buf_unref(text2);
	}
	buf_unref(text);
	return 0;
}
