/* Two storages in one directory, in whatever way it is spelt (config/plan_directories.c). */
#include "tests/unit/config/expect.h"

#include <unistd.h>

#define CONFIG                                                   \
	"receivers: {otlp: }\nexporters: {nop: }\nextensions:\n" \
	"  file_storage/a: {directory: %s}\n"                    \
	"  file_storage/b: {directory: %s}\n"                    \
	"  file_storage: {max_size: 2MiB}\n"                     \
	"service: {extensions: [%s], pipelines: {traces: {receivers: [otlp], exporters: [nop]}}}\n"
#define DEFAULT "/var/lib/otelcol/file_storage"
#define BOTH "file_storage/a, file_storage/b"

static char link_path[64];

static int make_link(void **state UNUSED)
{
	snprintf(link_path, sizeof link_path, "/tmp/weir-directories-%d", (int)getpid());
	return symlink("/usr/bin", link_path);
}

static int remove_link(void **state UNUSED)
{
	return unlink(link_path);
}

/* `a` and `b` in each other's place; expected NULL: nothing is found. */
static void check(const char *a, const char *b, const char *extensions, const char *expected)
{
	char yaml[1024];
	const char *const findings[] = { expected, NULL };
	snprintf(yaml, sizeof yaml, CONFIG, a, b, extensions);
	struct plan *p = load_text(yaml, findings);
	plan_free(p);
}

static void one_directory(void **state UNUSED)
{
	static const char found[] = "5:31: error: extensions::file_storage/b: directory",
	                  *const pairs[][2] = {
		                  { "/nowhere/x", "/nowhere/x" },
		                  { "/nowhere/x", "/nowhere/x/" },
		                  { "/nowhere/x", "//nowhere/./y/../x" },
		                  { "relative/x", "./relative//x" },
	                  };
	for (size_t i = 0; i < COUNTOF(pairs); i++) {
		check(pairs[i][0], pairs[i][1], BOTH, found);
		check(pairs[i][1], pairs[i][0], BOTH, found);
	}
	check("/usr/bin", link_path, BOTH, found);
	check(link_path, "/usr/bin/", BOTH, found);
	check("/nowhere/x", "/nowhere/x", BOTH, "5:31: error: is that of \"file_storage/a\" already");
	/* the default is nobody's text: the place is the id */
	check("/nowhere/x", DEFAULT, "file_storage, file_storage/b", "6:3: error: extensions::file_storage: directory");
	check(DEFAULT "/", "/nowhere/x", "file_storage, file_storage/a",
	        "6:3: error: \"" DEFAULT "\" is that of \"file_storage/a\"");
}

static void not_one_directory(void **state UNUSED)
{
	static const char *const pairs[][2] = {
		{ "/nowhere/x", "/nowhere/y" },
		{ "/nowhere/x", "/nowhere/x/y" },
		{ "/nowhere/x", "/nowhere/X" },
		{ "/usr/bin", "/usr/lib" },
	};
	for (size_t i = 0; i < COUNTOF(pairs); i++)
		check(pairs[i][0], pairs[i][1], BOTH ", file_storage", NULL);
	check("/nowhere/x", "/nowhere/x", "file_storage/b", NULL); /* the other one does not run */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_directory, make_link, remove_link),
		cmocka_unit_test(not_one_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
