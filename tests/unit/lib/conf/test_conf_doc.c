/* test_conf_doc.c - the four faces of an option table, read back: text, Markdown, JSON, JSON Schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "lib/conf/conf_doc.h"

struct element {
	slice name;
};
struct group {
	duration wait;
	bytes room;
};
struct option {
	bool enabled;
	slice cert;
};
struct demo {
	bool on;
	uint32_t count;
	double share;
	slice must;
	int mode;
	struct conf_strs strs;
	struct conf_map headers;
	struct node *any;
	struct group group, inlined;
	struct option option;
	struct conf_list list;
};

static const char *const modes[] = { "gzip", "none|", "deflate|zlib", NULL };

static const struct conf_field element_fields[] = {
	CONF_STR(element, name, NULL, "Name of it."),
	CONF_END,
};
static const struct conf_field group_fields[] = {
	CONF_DURATION(group, wait, "1s", "Wait | pause.", .min = 1, .max = 60),
	CONF_BYTES(group, room, "1MiB", "Room.", .min = 1024, .max = 1048576),
	CONF_END,
};
static const struct conf_field inlined_fields[] = {
	CONF_DURATION(group, wait, "1s", "Wait too."),
	CONF_END,
};
static const struct conf_field option_fields[] = {
	CONF_STR(option, cert, NULL, "Certificate."),
	CONF_REFUSED("tpm", "Not here."),
	CONF_END,
};
static const struct conf_field fields[] = {
	CONF_INLINE(demo, inlined, group, inlined_fields, "In line.", .def = "wait=9s"),
	CONF_BOOL(demo, on, "true", "On."),
	CONF_U32(demo, count, "5", "Count.", .min = 1, .max = 10, .aliases = "old_count"),
	CONF_F64(demo, share, "0.5", "Share \"quoted\".", .min = 0, .max = 1),
	CONF_STR(demo, must, NULL, "Must."),
	CONF_ENUM(demo, mode, "gzip", modes, "Mode."),
	CONF_STRS(demo, strs, "a,b", "Strs."),
	CONF_MAP(demo, headers, "Headers."),
	CONF_NODE(demo, any, "Any."),
	CONF_GROUP(demo, group, group, group_fields, "Group.", .def = "wait=7s"),
	CONF_OPTION(demo, option, option, option_fields, "Option."),
	CONF_LIST(demo, list, element, element_fields, "List."),
	CONF_IGNORED("buffer", "Tunes nothing."),
	CONF_END,
};
static const struct conf_field no_fields[] = { CONF_END };

static char *text_of(void (*doc)(const struct conf_field *rows, struct strbuf *out), const struct conf_field *rows)
{
	struct strbuf out;
	strbuf_init(&out, 1 << 20);
	doc(rows, &out);
	assert_false(out.failed);
	char *text = strdup(out.p ? out.p : "");
	strbuf_release(&out);
	return text;
}

static void test_text(void **state)
{
	(void)state;
	static const char *const lines[] = {
		"  wait           duration          9s        Wait too.\n",
		"  on             bool              true      On.\n",
		"  count          integer           5         Count. (1 to 10)\n",
		"  must           string            required  Must.\n",
		"  mode           choice            gzip      Mode. (one of gzip, none, deflate)\n",
		"  any            any               -         Any.\n",
		"  group::wait    duration          7s        Wait | pause. (1s to 1m0s)\n",
		"  group::room    size              1MiB      Room. (1KiB to 1MiB)\n",
		"  list::N::name  string            required  Name of it.\n",
		"Options of the Collector that weir does not have:\n  option::tpm    Not here.\n",
		"without effect:\n  buffer         Tunes nothing.\n",
		"  option::enabled  bool",
	};
	char *text = text_of(conf_doc_text, fields);
	for (size_t i = 0; i < COUNTOF(lines); i++) {
		/* the widest path sets the column: compare without runs of spaces */
		char want[256], *w = want, *squeezed = strdup(text), *s = squeezed;
		for (const char *c = lines[i]; *c; c++)
			if (*c != ' ' || w == want || w[-1] != ' ')
				*w++ = *c;
		*w = 0;
		for (const char *c = text; *c; c++)
			if (*c != ' ' || s == squeezed || s[-1] != ' ')
				*s++ = *c;
		*s = 0;
		if (!strstr(squeezed, want))
			fail_msg("no line \"%s\" in\n%s", want, text);
		free(squeezed);
	}
	assert_null(strstr(text, "inlined"));
	free(text);
	text = text_of(conf_doc_text, no_fields);
	assert_string_equal(text, "");
	free(text);
}

static void test_markdown(void **state)
{
	(void)state;
	static const char *const parts[] = {
		"| option | type | default | |\n|---|---|---|---|\n| `wait` | duration | `9s` | Wait too. |\n",
		"| `count` | integer | `5` | Count. (1 to 10) Older spelling: old_count. |\n",
		"| `must` | string | **required** | Must. |\n",
		"\n### group\n\nGroup.\n\n| option | type | default | |\n",
		"| `wait` | duration | `7s` | Wait \\| pause. (1s to 1m0s) |\n",
		"\n### option\n\nOption. Off unless the section is present.\n\n",
		"\n### list\n\nList.\n\n| option | type | default | |\n|---|---|---|---|\n| `name` | string | **",
		"| `option::tpm` | Not here. |\n",
		"| `buffer` | Tunes nothing. |\n",
	};
	char *text = text_of(conf_doc_markdown, fields);
	for (size_t i = 0; i < COUNTOF(parts); i++)
		if (!strstr(text, parts[i]))
			fail_msg("no \"%s\" in\n%s", parts[i], text);
	free(text);
}

static json_t *parsed(void (*doc)(const struct conf_field *rows, struct strbuf *out), const struct conf_field *rows)
{
	char *text = text_of(doc, rows);
	json_error_t e;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);
	if (!j)
		fail_msg("%s at %d in %s", e.text, e.position, text);
	free(text);
	return j;
}

/* Does the text of `j` at the pointer-like path ("option/enabled") equal `want`? */
static void assert_json(json_t *j, const char *key, const char *want)
{
	char *got = json_dumps(json_object_get(j, key), JSON_ENCODE_ANY | JSON_COMPACT);
	assert_string_equal(got ? got : "absent", want);
	free(got);
}

static json_t *row(json_t *rows, const char *key)
{
	size_t i;
	json_t *r;
	json_array_foreach(rows, i, r) if (strcmp(json_string_value(json_object_get(r, "key")), key) == 0) return r;
	fail_msg("no row %s", key);
	return NULL;
}

static void test_json(void **state)
{
	(void)state;
	json_t *rows = parsed(conf_doc_json, fields);
	assert_int_equal(json_array_size(rows), 13);
	assert_json(row(rows, "wait"), "default", "\"9s\"");
	assert_json(row(rows, "on"), "default", "true");
	assert_json(row(rows, "count"), "default", "5");
	assert_json(row(rows, "count"), "min", "1");
	assert_json(row(rows, "count"), "max", "10");
	assert_json(row(rows, "count"), "aliases", "\"old_count\"");
	assert_json(row(rows, "share"), "help", "\"Share \\\"quoted\\\".\"");
	assert_json(row(rows, "must"), "required", "true");
	assert_json(row(rows, "must"), "default", "absent");
	assert_json(row(rows, "mode"), "choices", "[\"gzip\",\"none\",\"deflate\"]");
	assert_json(row(rows, "strs"), "default", "[\"a\",\"b\"]");
	assert_json(row(rows, "headers"), "default", "{}");
	json_t *group = json_object_get(row(rows, "group"), "options");
	assert_json(row(group, "wait"), "default", "\"7s\"");
	assert_json(row(group, "room"), "max", "\"1MiB\"");
	json_t *option = json_object_get(row(rows, "option"), "options");
	assert_json(row(option, "enabled"), "type", "\"bool\"");
	assert_json(row(option, "tpm"), "type", "\"refused\"");
	json_decref(rows);
	rows = parsed(conf_doc_json, no_fields);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
}

static void test_schema(void **state)
{
	(void)state;
	json_t *s = parsed(conf_doc_schema, fields), *p = json_object_get(s, "properties");
	assert_json(s, "additionalProperties", "false");
	assert_json(s, "required", "[\"must\"]");
	assert_json(json_object_get(p, "count"), "minimum", "1");
	assert_json(json_object_get(p, "count"), "maximum", "10");
	assert_json(json_object_get(p, "old_count"), "deprecated", "true");
	assert_json(json_object_get(p, "must"), "type", "[\"string\",\"null\"]");
	assert_json(json_object_get(p, "wait"), "default", "\"9s\"");
	assert_json(json_object_get(p, "buffer"), "deprecated", "true");
	json_t *option = json_object_get(p, "option");
	assert_non_null(json_object_get(json_object_get(option, "properties"), "enabled"));
	assert_null(json_object_get(json_object_get(option, "properties"), "tpm"));
	assert_json(option, "required", "absent");
	json_t *items = json_object_get(json_object_get(p, "list"), "items");
	assert_json(items, "required", "[\"name\"]");
	json_decref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_markdown),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_schema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
