/* genai_json.c - any text as JSON nodes: jansson agrees whether it is JSON, and on what it means.
 *
 * Differences that are wanted: depth is ours, numbers beyond a double and unpaired surrogates are refused by jansson only. Properties
 * beyond that: what is written from the nodes means the same to jansson; a text cut anywhere gives a document that is sound.
 */
#include <dlfcn.h>
#include <stdlib.h>

#define json_string jansson_string /* both libraries have these names; ours are meant below */
#define json_type jansson_type
#define JSON_OBJECT JANSSON_OBJECT
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_STRING JANSSON_STRING
#define JSON_NULL JANSSON_NULL
#include <jansson.h>
#undef json_string
#undef json_type
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_NULL

#include "lib/base/strbuf.h"
#include "lib/base/utf8.h"
#include "lib/genai/json.h"

enum { FLAGS = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static json_t *(*load)(const char *, size_t, size_t, json_error_t *);
static int (*equal)(const json_t *, const json_t *);
static void (*destroy)(json_t *);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void *symbol(const char *name)
{
	static void *lib;
	must(lib || (lib = dlopen("libjansson.so.4", RTLD_NOW)));
	return dlsym(lib, name);
}

static void drop(json_t *j)
{
	if (j && j->refcount != (size_t)-1 && --j->refcount == 0)
		destroy(j);
}

static void write_value(struct strbuf *b, const struct json *n, struct arena *a);

static void write_container(struct strbuf *b, const struct json *n, struct arena *a)
{
	const struct json *key = NULL;
	uint32_t count = 0;
	strbuf_addc(b, n->type == JSON_ARRAY ? '[' : '{');
	for (const struct json *v = json_first(n, &key); v; v = json_next(n, v, &key)) {
		strbuf_adds(b, count++ ? "," : "");
		if (n->type == JSON_OBJECT) {
			write_value(b, key, a);
			strbuf_addc(b, ':');
		}
		write_value(b, v, a);
	}
	must(count == n->n);
	strbuf_addc(b, n->type == JSON_ARRAY ? ']' : '}');
}

static void write_value(struct strbuf *b, const struct json *n, struct arena *a)
{
	if (n->type >= JSON_ARRAY) {
		write_container(b, n, a);
	} else if (n->type == JSON_STRING) {
		strbuf_addc(b, '"');
		strbuf_add_json(b, json_string(n, a));
		strbuf_addc(b, '"');
	} else {
		strbuf_add(b, json_raw(n));
	}
}

/* jansson keeps the last of duplicate names, so texts with them are not compared. */
static void must_mean_the_same(const struct json *n, struct arena *a, slice text)
{
	json_error_t je;
	struct strbuf b;
	strbuf_init(&b, 8 * text.len + 16);
	write_value(&b, n, a);
	must(!b.failed);
	json_t *before = load(text.p, text.len, FLAGS | JSON_REJECT_DUPLICATES, &je);
	json_t *after = load(b.p, b.len, FLAGS, &je);
	must(after != NULL);
	must(!before || equal(before, after));
	drop(before);
	drop(after);
	strbuf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice text = { (const char *)data, n };
	struct arena a;
	struct err e = { .text = "" };
	json_error_t je;
	bool cut;
	if (!load) {
		*(void **)&load = symbol("json_loadb");
		*(void **)&equal = symbol("json_equal");
		*(void **)&destroy = symbol("json_delete");
	}
	arena_init(&a);
	const struct json *ours = json_parse(&a, text, &e), *anyway = json_parse_cut(&a, text, &cut);
	must(ours ? anyway && !cut : e.text[0] && (!anyway || cut));
	must(!anyway || json_parse(&a, json_raw(anyway), NULL));
	if (utf8_valid(text) && n && !memchr(data, 0, n)) { /* jansson reads over NUL bytes */
		json_t *theirs = load(text.p, n, FLAGS, &je);
		must(ours || !theirs || strstr(e.text, "nested"));
		must(!ours || theirs || strstr(je.text, "overflow") || strstr(je.text, "Unicode") ||
		        strstr(je.text, "NUL"));
		if (ours && theirs)
			must_mean_the_same(ours, &a, text);
		drop(theirs);
	}
	arena_release(&a);
	return 0;
}
