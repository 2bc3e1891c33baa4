/* test_normalize.c - spans of every convention to canonical attributes, and that a second run changes nothing.
 *
 * normalize_cases.json holds requests of spans with the attributes that must come out (null: must be absent; other attributes may be
 * there). Numbers are compared with their type, messages as JSON. Every case, and every recorded request, is run again on its output.
 */
#include "tests/unit/lib/genai/spans.h"

#include <dirent.h>

#include "lib/genai/normalize.h"

static int choice(const char *text, const char *const *names)
{
	for (int i = 0; names[i]; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	fail_msg("no option \"%s\"", text);
	return -1;
}

static struct normalize_options options_of(json_t *c)
{
	static const char *const originals[] = { "keep", "drop_known", "drop_all", NULL };
	static const char *const precedence[] = { "otel_first", "llm_first", "vendor_first", NULL };
	struct normalize_options o = { .originals = ORIGINALS_DROP_KNOWN };
	json_t *given = json_object_get(c, "options");
	if (*spans_text(given, "originals"))
		o.originals = (enum originals)choice(spans_text(given, "originals"), originals);
	if (*spans_text(given, "precedence"))
		o.precedence = (enum precedence)choice(spans_text(given, "precedence"), precedence);
	o.fold_events = strcmp(spans_text(given, "message_events"), "keep") != 0;
	o.raw_finish_reasons = strcmp(spans_text(given, "finish_reasons"), "raw") == 0;
	return o;
}

/* A document that the case writes as JSON and the span holds as text. */
static bool same(json_t *got, json_t *want)
{
	if (json_is_string(got) && (json_is_array(want) || json_is_object(want))) {
		json_t *parsed = json_loads(json_string_value(got), JSON_DECODE_ANY, NULL);
		bool is = parsed && json_equal(parsed, want);
		json_decref(parsed);
		return is;
	}
	return got && json_equal(got, want);
}

static unsigned check_span(const char *name, const char *span_name, json_t *got, json_t *want)
{
	const char *key;
	json_t *v;
	unsigned failed = 0;
	json_object_foreach(want, key, v)
	{
		json_t *is = json_object_get(got, key);
		if (json_is_null(v) ? !is : same(is, v))
			continue;
		char *a = is ? json_dumps(is, JSON_ENCODE_ANY) : NULL, *b = json_dumps(v, JSON_ENCODE_ANY);
		print_error("%s / %s: %s\n  got      %s\n  expected %s\n", name, span_name, key, a ? a : "nothing", b);
		free(a);
		free(b);
		failed++;
	}
	if (failed) {
		char *all = json_dumps(got, JSON_INDENT(1));
		fprintf(stderr, "%s\n", all);
		free(all);
	}
	return failed;
}

static void print_changes(const char *name, const struct span *before, const struct span *after)
{
	json_t *was = spans_read(&before->attrs), *is = spans_read(&after->attrs), *v;
	const char *key;
	json_object_foreach(is, key, v) if (!json_equal(json_object_get(was, key), v))
	        print_error("%s / %.*s: a second run sets %s\n", name, SLICE_ARG(before->name), key);
	json_object_foreach(was, key, v) if (!json_object_get(is, key))
	        print_error("%s / %.*s: a second run deletes %s\n", name, SLICE_ARG(before->name), key);
	json_decref(was);
	json_decref(is);
}

/* Encodes, scans and normalises once more: the same bytes must come out, and nothing be touched. */
static unsigned check_again(const char *name, struct normalizer *n, const struct normalize_options *o, struct traces *t,
        const struct key_table *keys)
{
	struct traces once, again;
	struct scan_report report;
	struct err e = { 0 };
	struct buf *body = traces_encode(t, NULL);
	assert_int_equal(traces_scan(&once, body, keys, NULL, &report, &e), 0);
	assert_int_equal(traces_scan(&again, body, keys, NULL, &report, &e), 0);
	normalize_traces(n, o, &again, NULL);
	unsigned failed = again.dirty;
	if (failed)
		print_error("%s: a second run edits\n", name);
	struct span *b = traces_first_span(&again);
	for (struct span *a = traces_first_span(&once); failed && a; a = traces_next_span(&once, a)) {
		print_changes(name, a, b);
		b = traces_next_span(&again, b);
	}
	traces_release(&once);
	traces_release(&again);
	buf_unref(body);
	return failed;
}

static unsigned check_case(struct normalizer *n, json_t *c)
{
	struct spans s;
	struct normalize_options o = options_of(c);
	const char *name = spans_text(c, "name");
	char *text = json_dumps(json_object_get(c, "spans"), 0);
	json_t *span;
	size_t i;
	unsigned failed = 0;
	print_message("%s\n", name);
	spans_load(&s, text);
	normalize_traces(n, &o, &s.t, NULL);
	json_array_foreach(json_object_get(c, "spans"), i, span)
	{
		json_t *got = spans_read(&spans_nth(&s, (unsigned)i)->attrs);
		failed += check_span(name, spans_text(span, "name"), got, json_object_get(span, "want"));
		json_decref(got);
	}
	failed += check_again(name, n, &o, &s.t, s.keys);
	spans_release(&s);
	free(text);
	return failed;
}

static void cases(void **unused)
{
	(void)unused;
	struct normalizer n;
	json_error_t why;
	json_t *all = json_load_file("tests/unit/lib/genai/normalize_cases.json", 0, &why), *c;
	size_t i;
	unsigned failed = 0;
	if (!all)
		fail_msg("normalize_cases.json:%d: %s", why.line, why.text);
	normalizer_init(&n);
	json_array_foreach(all, i, c) failed += check_case(&n, c);
	normalizer_release(&n);
	json_decref(all);
	assert_int_equal(failed, 0);
}

static void release_body(struct buf *body, struct key_table *keys)
{
	buf_unref(body);
	key_table_free(keys);
}

static unsigned run_file(struct normalizer *n, const char *dir, const char *name)
{
	char path[512];
	struct traces t;
	struct scan_report report;
	struct err e = { 0 };
	unsigned failed = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	char *data = malloc(1 << 22);
	size_t len = fread(data, 1, 1 << 22, f);
	fclose(f);
	struct buf *body = buf_copy(NULL, (slice){ data, len });
	free(data);
	struct key_table *keys = genai_keys_new();
	if (traces_scan(&t, body, keys, NULL, &report, &e) == 0) {
		for (int i = 0; i < 18; i++) {
			struct normalize_options o = { .originals = (enum originals)(i % 3),
				.precedence = (enum precedence)(i / 3 % 3),
				.fold_events = i % 2,
				.raw_finish_reasons = i / 9 };
			traces_release(&t);
			assert_int_equal(traces_scan(&t, body, keys, NULL, &report, &e), 0);
			normalize_traces(n, &o, &t, NULL);
			if (check_again(path, n, &o, &t, keys)) {
				print_error("originals %d precedence %d fold %d raw %d\n", (int)o.originals,
				        (int)o.precedence, o.fold_events, o.raw_finish_reasons);
				failed++;
			}
		}
		traces_release(&t);
	}
	release_body(body, keys);
	return failed;
}

static unsigned run_directory(struct normalizer *n, const char *dir, unsigned *files)
{
	DIR *d = opendir(dir);
	unsigned failed = 0;
	for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
		size_t len = strlen(e->d_name);
		if (len < 3 || strcmp(e->d_name + len - 3, ".pb") || strstr(e->d_name, "logs") ||
		        strstr(e->d_name, "metrics"))
			continue;
		failed += run_file(n, dir, e->d_name);
		++*files;
	}
	if (d)
		closedir(d);
	return failed;
}

static void recorded_requests(void **unused)
{
	(void)unused;
	struct normalizer n;
	unsigned files = 0;
	normalizer_init(&n);
	unsigned failed = run_directory(&n, "tests/corpus", &files) + run_directory(&n, "tests/corpus/genai", &files);
	normalizer_release(&n);
	print_message("%u files\n", files);
	assert_true(files > 10);
	assert_int_equal(failed, 0);
}

static void mappings(void **unused)
{
	(void)unused;
	static const struct mapping list[] = {
		{ { "my.tokens", 9 }, { "gen_ai.usage.input_tokens", 25 }, MAPPING_INT },
		{ { "my.model", 8 }, { "llm.model", 9 }, MAPPING_AS_IS },
		{ { "my.bad", 6 }, { "gen_ai.usage.output_tokens", 26 }, MAPPING_INT },
		{ { "my.map", 6 }, { "respan.metadata", 15 }, MAPPING_JSON },
		{ { "n", 1 }, { "n", 1 }, MAPPING_DOUBLE },
		{ { "b", 1 }, { "c", 1 }, MAPPING_BOOL },
	};
	static const char in[] =
	        "[{\"attributes\":{\"my.tokens\":\"12\",\"my.model\":\"m\",\"my.bad\":\"x\",\"my.map\":{\"a\":[1]},"
	        "\"n\":1,\"b\":\"True\",\"c\":\"old\"}}]";
	static const char want[] =
	        "{\"gen_ai.usage.input_tokens\":12,\"my.tokens\":null,\"gen_ai.request.model\":\"m\","
	        "\"my.model\":null,\"my.bad\":\"x\",\"weir.metadata.a\":\"[1]\",\"my.map\":null,\"n\":1.0,"
	        "\"b\":null,\"c\":true,\"weir.span.kind\":\"llm\"}";
	struct normalizer n;
	struct spans s;
	struct normalize_options o = {
		.originals = ORIGINALS_DROP_KNOWN, .mappings = list, .n_mappings = COUNTOF(list)
	};
	normalizer_init(&n);
	spans_load(&s, in);
	normalize_traces(&n, &o, &s.t, NULL);
	json_t *got = spans_read(&spans_nth(&s, 0)->attrs), *expected = json_loads(want, 0, NULL);
	assert_int_equal(check_span("mappings", "", got, expected), 0);
	assert_int_equal(check_again("mappings", &n, &o, &s.t, s.keys), 0);
	json_decref(got);
	json_decref(expected);
	spans_release(&s);
	normalizer_release(&n);
}

/* Many keys, many members, many spans of one call: bounded work, and the rest stays where it was. */
static void bounds(void **unused)
{
	(void)unused;
	struct normalizer n;
	struct spans s;
	struct normalize_options o = { .originals = ORIGINALS_DROP_KNOWN };
	json_t *attributes = json_object(), *members = json_object(), *list = json_array();
	char key[32];
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "respan.metadata.k%d", i);
		json_object_set_new(attributes, key, json_integer(i));
		json_object_set_new(members, key, json_integer(i));
	}
	char *text = json_dumps(members, 0);
	json_object_set_new(attributes, "metadata", json_pack("s", text));
	json_object_set_new(attributes, "gen_ai.operation.name", json_pack("s", "chat"));
	free(text);
	json_array_append_new(list, json_pack("{s:o}", "attributes", attributes));
	json_decref(members);
	for (int i = 0; i < 3000; i++)
		json_array_append_new(list,
		        json_pack("{s:s,s:{s:s,s:i,s:s}}", "scope", i & 1 ? "a" : "b", "attributes",
		                "gen_ai.operation.name", "chat", "gen_ai.usage.input_tokens", 7, "gen_ai.response.id",
		                "same"));
	text = json_dumps(list, 0);
	spans_load(&s, text);
	normalizer_init(&n);
	normalize_traces(&n, &o, &s.t, NULL);
	assert_in_range(spans_nth(&s, 0)->attrs.n, 1000, 1300);
	assert_non_null(attrs_find(&spans_nth(&s, 0)->attrs, SLICE("metadata")));
	assert_int_equal(check_again("bounds", &n, &o, &s.t, s.keys), 0);
	spans_release(&s);
	normalizer_release(&n);
	free(text);
	json_decref(list);
}

/* What one run leaves for lack of room the next one leaves, too: members of a document, and attributes beyond what is read. */
static void bounds_again(void **unused)
{
	(void)unused;
	struct normalizer n;
	normalizer_init(&n);
	for (unsigned i = 0; i < 3 * 4; i++) {
		static const int counts[] = { 120, 249, 400, 1200 };
		struct normalize_options o = { .originals = (enum originals)(i % 3) };
		json_t *members = json_object();
		struct spans s;
		char key[32], *document;
		for (int k = 0; k < counts[i / 3]; k++) {
			snprintf(key, sizeof(key), "k%d", k);
			json_object_set_new(members, key, json_integer(k));
		}
		document = json_dumps(members, 0);
		json_t *list = json_pack("[{s:{s:s,s:s,s:i,s:s}}]", "attributes", "langfuse.metadata", document,
		        "gen_ai.system", "openai", "llm.usage.total_tokens", 3, "gen_ai.operation.name", "chat");
		free(document);
		document = json_dumps(list, 0);
		spans_load(&s, document);
		normalize_traces(&n, &o, &s.t, NULL);
		assert_in_range(spans_nth(&s, 0)->attrs.n, 100, 300);
		assert_int_equal(check_again("bounds", &n, &o, &s.t, s.keys), 0);
		spans_release(&s);
		free(document);
		json_decref(list);
		json_decref(members);
	}
	normalizer_release(&n);
}

static void counts_conventions(void **unused)
{
	(void)unused;
	struct normalizer n;
	struct spans s;
	uint32_t seen[N_ECOSYSTEMS] = { 0 };
	struct normalize_options o = { .originals = ORIGINALS_DROP_KNOWN };
	normalizer_init(&n);
	spans_load(&s, "[{\"scope\":\"pydantic-ai\"},{\"scope\":\"pydantic-ai\"},{\"scope\":\"nobody\"}]");
	normalize_traces(&n, &o, &s.t, seen);
	assert_int_equal(seen[ECO_PYDANTIC_AI], 2);
	assert_int_equal(seen[ECO_NONE], 1);
	spans_release(&s);
	normalizer_release(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(recorded_requests),
		cmocka_unit_test(mappings),
		cmocka_unit_test(bounds),
		cmocka_unit_test(bounds_again),
		cmocka_unit_test(counts_conventions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
