/* test_file.c - the file exporter on a real directory: formats, prefixes, start and reload, a full disk (/dev/full). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <unistd.h>

#include "lib/base/disk.h"
#include "lib/net/compress.h"
#include "lib/otlp/json.h"
#include "lib/pipe/groups.h"
#include "tests/unit/rig/rig.h"

extern const struct component exporter_file;

#define TRACE(name)                                                                                   \
	"{\"resourceSpans\":[{\"resource\":{},\"scopeSpans\":[{\"scope\":{},\"spans\":[{\"traceId\":" \
	"\"0102030405060708090a0b0c0d0e0f10\",\"spanId\":\"0102030405060708\",\"name\":\"" name "\"}]}]}]}"
static const char one[] = TRACE("one"), two[] = TRACE("two");
static const char log_json[] =
        "{\"resourceLogs\":[{\"resource\":{},\"scopeLogs\":[{\"scope\":{},\"logRecords\":[{\"body\":"
        "{\"stringValue\":\"hi\"}}]}]}]}";

static int setup(void **state)
{
	char dir[] = "/tmp/weir-file-XXXXXX";
	if (!mkdtemp(dir))
		return -1;
	*state = strdup(dir);
	return 0;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int flag UNUSED, struct FTW *ftw UNUSED)
{
	return remove(path);
}

static int teardown(void **state)
{
	nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return 0;
}

static slice content(struct rig *r, const char *path)
{
	char *text;
	size_t len;
	assert_int_equal(disk_slurp(disk_system(), path, 1 << 20, &text, &len), 0);
	slice s = arena_dup(&r->arena, (slice){ text, len });
	free(text);
	return s;
}

static void send_two(struct rig *r)
{
	rig_send(r, TRACES, 2, (const char *const[]){ one, two, NULL });
	assert_int_equal(r->verdict.kind, DELIVERED);
	assert_int_equal(r->verdict.n_rejected, 0);
}

/* The canonical JSON of a request, as the codec writes it. */
static const char *canonical(struct rig *r, enum signal signal, const char *json, slice *wire)
{
	struct buf *w, *j;
	uint64_t n = 0;
	struct err e;
	assert_int_equal(json_to_otlp(signal, slice_of(json), NULL, &w, &n, &e), 0);
	assert_int_equal(otlp_to_json(signal, buf_slice(w), NULL, &j), 0);
	*wire = arena_dup(&r->arena, buf_slice(w));
	const char *text = arena_cstr(&r->arena, buf_slice(j));
	buf_unref(w);
	buf_unref(j);
	return text;
}

static void json_lines(void **state)
{
	struct rig r;
	slice wire;
	struct arena a;
	arena_init(&a);
	char *path = arena_printf(&a, "%s/new/data.json", (char *)*state);
	rig_init(&r, &exporter_file, arena_printf(&a, "{path: %s, create_directory: true}", path));
	send_two(&r);
	rig_send(&r, LOGS, 1, (const char *const[]){ log_json, NULL });
	assert_int_equal(r.verdict.kind, DELIVERED);
	char *want = arena_printf(&a, "%s\n%s\n%s\n", canonical(&r, TRACES, one, &wire),
	        canonical(&r, TRACES, two, &wire), canonical(&r, LOGS, log_json, &wire));
	assert_true(slice_is(content(&r, path), want));
	rig_release(&r);
	arena_release(&a);
}

/* Takes one length-prefixed message off the front. */
static slice message(slice *at)
{
	assert_true(at->len >= 4);
	const unsigned char *p = (const unsigned char *)at->p;
	size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	assert_true(n <= at->len - 4);
	slice m = { at->p + 4, n };
	at->p += 4 + n, at->len -= 4 + n;
	return m;
}

static void prefixed(void **state)
{
	static const char *const options[] = { "format: proto", "format: proto, compression: zstd",
		"compression: zstd" };
	for (size_t i = 0; i < COUNTOF(options); i++) {
		struct rig r;
		struct arena a;
		struct err e;
		arena_init(&a);
		char *path = arena_printf(&a, "%s/data%zu", (char *)*state, i);
		rig_init(&r, &exporter_file, arena_printf(&a, "{path: %s, %s}", path, options[i]));
		send_two(&r);
		slice file = content(&r, path), wire[2];
		const char *json[] = { canonical(&r, TRACES, one, &wire[0]), canonical(&r, TRACES, two, &wire[1]) };
		struct codec *codec = codec_new();
		for (int k = 0; k < 2; k++) {
			slice m = message(&file);
			struct buf *plain = NULL;
			if (i > 0)
				assert_int_equal(
				        codec_inflate(codec, CODING_ZSTD, m, 1 << 20, NULL, &plain, &e), INFLATE_OK);
			assert_true(slice_eq(plain ? buf_slice(plain) : m, i < 2 ? wire[k] : slice_of(json[k])));
			buf_unref(plain);
		}
		assert_int_equal(file.len, 0);
		codec_free(codec);
		rig_release(&r);
		arena_release(&a);
	}
}

static size_t n_lines(slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '\n';
	return n;
}

static void start_empties_unless_append(void **state)
{
	static const struct {
		const char *append;
		size_t n_lines;
	} table[] = { { "false", 2 }, { "false", 2 }, { "true", 4 }, { "true", 6 }, { "false", 2 } };
	for (size_t i = 0; i < COUNTOF(table); i++) {
		struct rig r;
		struct arena a;
		arena_init(&a);
		char *path = arena_printf(&a, "%s/data", (char *)*state);
		rig_init(&r, &exporter_file, arena_printf(&a, "{path: %s, append: %s}", path, table[i].append));
		send_two(&r);
		assert_int_equal(n_lines(content(&r, path)), table[i].n_lines);
		rig_release(&r);
		arena_release(&a);
	}
}

/* The successor of a reload goes on in the file, also after its predecessor is gone. */
static void reload_goes_on(void **state)
{
	struct rig r;
	struct err e;
	struct arena a;
	arena_init(&a);
	char *path = arena_printf(&a, "%s/data", (char *)*state);
	rig_init(&r, &exporter_file, arena_printf(&a, "path: %s", path));
	send_two(&r);
	void *shared = arena_zalloc(&r.arena, exporter_file.shared_size), *old = r.stage.shared;
	assert_int_equal(exporter_file.open(shared, r.conf, old, &e), 0);
	exporter_file.close(old);
	r.stage.shared = shared;
	send_two(&r);
	assert_int_equal(n_lines(content(&r, path)), 4);
	rig_release(&r);
	arena_release(&a);
}

static void rotation(void **state)
{
	struct rig r;
	struct arena a;
	arena_init(&a);
	char *path = arena_printf(&a, "%s/data.json", (char *)*state);
	rig_init(&r, &exporter_file, arena_printf(&a, "{path: %s, rotation: {max_megabytes: 1}}", path));
	char *name = arena_alloc(&a, 600001);
	memset(name, 'n', 600000);
	name[600000] = 0;
	const char *big = arena_printf(&a, TRACE("%s"), name);
	for (int i = 0; i < 2; i++)
		rig_send(&r, TRACES, 1, (const char *const[]){ big, NULL });
	assert_int_equal(r.verdict.kind, DELIVERED);
	char *old = arena_printf(&a, "%s/data-2026-11-21T07-00-00.123.json", (char *)*state);
	assert_int_equal(n_lines(content(&r, path)), 1);
	assert_int_equal(n_lines(content(&r, old)), 1);
	rig_release(&r);
	arena_release(&a);
}

static void a_full_disk_is_retried(void **state UNUSED)
{
	struct rig r;
	rig_init(&r, &exporter_file, "path: /dev/full");
	rig_send(&r, TRACES, 1, (const char *const[]){ one, NULL });
	assert_int_equal(r.verdict.kind, RETRY);
	assert_string_equal(r.verdict.text, "cannot write to /dev/full: No space left on device");
	const struct exporter_conf *c = r.conf;
	assert_int_equal(c->retry_on_failure.max_elapsed_time.ns, 0); /* for ever, by default */
	rig_release(&r);
}

static void open_failures(void **state)
{
	struct arena a;
	struct findings f;
	struct err e = { 0 };
	arena_init(&a);
	findings_init(&f);
	struct node *n = node_new(&a, NODE_MAP, (struct pos){ 0 });
	node_set(&a, n, SLICE("path"), (struct pos){ 0 },
	        node_scalar(&a, slice_of(arena_printf(&a, "%s/no/such", (char *)*state)), (struct pos){ 0 }));
	void *conf = arena_zalloc(&a, exporter_file.conf_size), *shared = arena_zalloc(&a, exporter_file.shared_size);
	assert_int_equal(
	        conf_load(exporter_file.fields, n, SLICE("file"), (struct pos){ 0 }, conf, exporter_file.check, &a, &f),
	        0);
	assert_int_equal(exporter_file.open(shared, conf, NULL, &e), -1);
	assert_non_null(strstr(e.text, "/no/such: No such file or directory"));
	findings_release(&f);
	arena_release(&a);
}

static void refused(void **state UNUSED)
{
	static const struct {
		const char *yaml, *place, *text;
	} table[] = {
		{ "", "1:1", "path" },
		{ "path: ''", "1:7", "path must be non-empty" },
		{ "{path: a, format: text}", "1:19", "\"json\" or \"proto\"" },
		{ "{path: a, compression: gzip}", "1:24", "\"zstd\"" },
		{ "{path: a, append: true, compression: zstd}", "1:38", "append and compression" },
		{ "{path: a, append: true, rotation: {}}", "1:25", "append and rotation" },
		{ "{path: a, flush_interval: -1s}", "1:27", "flush_interval must be larger than zero" },
		{ "{path: a, group_by: {enabled: true}}", "1:11", "group_by" },
		{ "{path: a, create_directory: true, directory_permissions: '0999'}", "1:58", "valid octal" },
		{ "{path: a, create_directory: true, directory_permissions: '1777'}", "1:58", "invalid bits" },
		{ "{path: a, directory_permissions: '0755'}", "1:34", "requires create_directory" },
	};
	for (size_t i = 0; i < COUNTOF(table); i++)
		rig_refuses(&exporter_file, table[i].yaml, table[i].place, table[i].text);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIR(json_lines),
		IN_DIR(prefixed),
		IN_DIR(start_empties_unless_append),
		IN_DIR(reload_goes_on),
		IN_DIR(rotation),
		IN_DIR(open_failures),
		cmocka_unit_test(a_full_disk_is_retried),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
