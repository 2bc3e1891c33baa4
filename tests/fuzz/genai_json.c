/* genai_json.c - any text as JSON nodes: jansson agrees whether it is JSON, and on what it means.
 *
 * Wanted differences: depth is ours; numbers beyond a double, unpaired surrogates and NUL in names are refused by jansson only, which
 * reads over NUL bytes and keeps the last of duplicate names. A text cut anywhere gives a document that is sound.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/genai/members.h"
#include "tests/unit/lib/genai/jansson.h"

enum { FLAGS = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void write_value(struct strbuf *b, const struct json *n, struct arena *a)
{
	const struct json *key, *first = json_first(n, &key);
	strbuf_adds(b, n->type == JSON_ARRAY ? "[" : n->type == JSON_OBJECT ? "{" : "");
	for (const struct json *v = first; v; v = json_next(n, v, &key)) {
		strbuf_adds(b, v == first ? "" : ",");
		if (n->type == JSON_OBJECT) {
			put_text(b, json_text_of(key, a));
			strbuf_addc(b, ':');
		}
		write_value(b, v, a);
	}
	if (n->type == JSON_STRING)
		put_text(b, json_text_of(n, a));
	strbuf_add(b, n->type < JSON_STRING ? json_raw(n) : SLICE(""));
	strbuf_adds(b, n->type == JSON_ARRAY ? "]" : n->type == JSON_OBJECT ? "}" : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void *lib; /* the fuzz targets are not linked with it */
	lib = lib ? lib : dlopen("libjansson.so.4", RTLD_NOW);
	json_t *(*load)(const char *, size_t, size_t, json_error_t *) =
	        (json_t * (*)(const char *, size_t, size_t, json_error_t *)) dlsym(lib, "json_loadb");
	int (*equal)(const json_t *, const json_t *) =
	        (int (*)(const json_t *, const json_t *))dlsym(lib, "json_equal");
	void (*destroy)(json_t *) = (void (*)(json_t *))dlsym(lib, "json_delete");
	slice text = { (const char *)data, n };
	struct err e = { .text = "" };
	json_error_t je;
	struct arena a;
	struct strbuf b;
	bool cut;

	arena_init(&a);
	strbuf_init(&b, 8 * n + 16);
	const struct json *ours = json_parse(&a, text, &e), *anyway = json_parse_cut(&a, text, &cut);
	must(ours ? anyway && !cut : e.text[0] && (!anyway || cut));
	must(!anyway || json_parse(&a, json_raw(anyway), NULL));
	if (utf8_valid(text) && n && !memchr(data, 0, n)) {
		json_t *theirs = load(text.p, n, FLAGS, &je), *again = NULL;
		must(ours || !theirs || strstr(e.text, "nested"));
		must(!ours || theirs || strstr(je.text, "overflow") || strstr(je.text, "Unicode") ||
		        strstr(je.text, "NUL"));
		if (ours && theirs) {
			json_t *strict = load(text.p, n, FLAGS | JSON_REJECT_DUPLICATES, &je);
			write_value(&b, ours, &a);
			again = load(b.p, b.len, FLAGS, &je);
			must(again && (!strict || equal(strict, again)));
			if (strict && strict->refcount != (size_t)-1)
				destroy(strict);
		}
		if (again && again->refcount != (size_t)-1)
			destroy(again);
		if (theirs && theirs->refcount != (size_t)-1)
			destroy(theirs);
	}
	strbuf_release(&b);
	arena_release(&a);
	return 0;
}
