/* json_in.c - any text as OTLP/JSON: what is accepted is a request, and writing and reading it again changes nothing.
 *
 * The first byte chooses the signal. Properties: the bytes pass our own validation; they are at most four times the text
 * (the worst case that memory limits count on); JSON written from them is read back without repair, is then a message
 * for protobuf-c (which cannot merge what a text with repeated keys gives), and is written the same again.
 */
#include <stdlib.h>

#include "lib/otlp/json.h"
#include "lib/otlp/json_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void must_be_sound(enum signal signal, struct buf *wire)
{
	struct err e;
	struct scan_report r;
	struct buf *repaired = NULL;
	uint32_t n_items;
	uint64_t n_utf8;
	bool rewrite;
	if (signal == TRACES)
		must(traces_check(buf_slice(wire), &r, &rewrite, &e) == 0);
	else
		must(otlp_check(signal, buf_slice(wire), NULL, &n_items, &n_utf8, &repaired, &e) == 0);
	must(!repaired);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum signal signals[] = { TRACES, LOGS, METRICS };
	if (n == 0)
		return 0;
	enum signal signal = signals[data[0] % 3];
	slice json = { (const char *)data + 1, n - 1 };
	struct buf *wire, *text, *wire2, *text2;
	struct err e = { .text = "" };
	uint64_t n_utf8;
	int rc = json_to_otlp(signal, json, NULL, &wire, &n_utf8, &e);
	must(rc == 0 || (rc == -1 && e.text[0]));
	if (rc != 0)
		return 0;
	must(wire->len <= 4 * json.len);

	must_be_sound(signal, wire);

	must(otlp_to_json(signal, buf_slice(wire), NULL, &text) == 0);
	must(json_to_otlp(signal, buf_slice(text), NULL, &wire2, &n_utf8, &e) == 0 && n_utf8 == 0);
	const ProtobufCMessageDescriptor *desc = json_request(signal)->desc;
	ProtobufCMessage *m = protobuf_c_message_unpack(desc, NULL, wire2->len, (const uint8_t *)wire2->data);
	must(m != NULL);
	protobuf_c_message_free_unpacked(m, NULL);
	must(otlp_to_json(signal, buf_slice(wire2), NULL, &text2) == 0);
	must(slice_eq(buf_slice(text), buf_slice(text2)));
	buf_unref(wire);
	buf_unref(wire2);
	buf_unref(text);
	buf_unref(text2);
	return 0;
}
