/* test_path.c - spellings of one place, through links and where nothing is yet. */
#include "lib/base/path.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64], came_from[4096];

/* ROOT/real/deep, ROOT/link -> real, ROOT/loop -> loop; the working directory is ROOT. */
static int make_tree(void **state UNUSED)
{
	snprintf(root, sizeof root, "/tmp/weir-path-XXXXXX");
	return getcwd(came_from, sizeof came_from) && mkdtemp(root) && !chdir(root) && !mkdir("real", 0700) &&
	                !mkdir("real/deep", 0700) && !symlink("real", "link") && !symlink("loop", "loop")
	        ? 0
	        : -1;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *f UNUSED)
{
	return remove(path);
}

static int remove_tree(void **state UNUSED)
{
	return chdir(came_from) || nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What they are below ROOT; "" is ROOT itself. */
static void test_spellings(void **state UNUSED)
{
	static const struct {
		const char *path, *place;
	} rows[] = {
		{ "real", "/real" },
		{ "real/", "/real" },
		{ ".//real/.", "/real" },
		{ "link", "/real" },
		{ "link/deep/..", "/real" },
		{ "link/..", "" },
		{ "link/new", "/real/new" },
		{ "new", "/new" },
		{ "new//a/./b/", "/new/a/b" },
		{ "new/../link", "/link" }, /* `new` is not there: what follows is words */
		{ "new/a/../../b", "/b" },
		{ "loop/a", "/loop/a" },
		{ "real/deep/../../link/x/../deep", "/real/deep" },
		{ "", "" },
	};
	char *here = path_resolve(SLICE("."));
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		char want[4200], absolute[4200];
		snprintf(want, sizeof want, "%s%s", here, rows[i].place);
		snprintf(absolute, sizeof absolute, "%s/%s", root, rows[i].path);
		char *relative = path_resolve(slice_of(rows[i].path)), *other = path_resolve(slice_of(absolute));
		assert_string_equal(relative, want);
		assert_string_equal(other, want);
		assert_true(path_is_same(slice_of(rows[i].path), slice_of(want)) || !strcmp(rows[i].place, "/link"));
		free(relative);
		free(other);
	}
	free(here);
}

static void test_ends(void **state UNUSED)
{
	static const char *const tops[] = { "/", "//", "/..", "/nothing-of-this-name/..",
		"/nothing-of-this-name/../../.." };
	for (size_t i = 0; i < COUNTOF(tops); i++) {
		char *top = path_resolve(slice_of(tops[i]));
		assert_string_equal(top, "/");
		free(top);
	}
	assert_true(path_is_same(SLICE("real"), SLICE("link/")));
	assert_true(path_is_same(SLICE("new"), SLICE("new")));
	assert_false(path_is_same(SLICE("real"), SLICE("real/deep")));
	assert_false(path_is_same(SLICE("new"), SLICE("newer")));
	assert_false(path_is_same(SLICE("link/new"), SLICE("new")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_spellings, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_ends, make_tree, remove_tree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
