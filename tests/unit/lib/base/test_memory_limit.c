/* test_memory_limit.c - memory_limit over made-up /proc and /sys trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "lib/base/memory.h"

struct file {
	const char *path, *text;
};

struct tree {
	struct disk disk;
	const struct file *files;
	size_t at[8];
};

static int tree_open(struct disk *d, const char *path, int flags UNUSED, unsigned mode UNUSED)
{
	struct tree *t = CONTAINER_OF(d, struct tree, disk);
	for (int i = 0; t->files[i].path; i++) {
		if (strcmp(t->files[i].path, path) == 0) {
			t->at[i] = 0;
			return i;
		}
	}
	return -ENOENT;
}

static ssize_t tree_read(struct disk *d, int fd, void *p, size_t n)
{
	struct tree *t = CONTAINER_OF(d, struct tree, disk);
	slice left = slice_of(t->files[fd].text + t->at[fd]);
	n = n < left.len ? n : left.len;
	memcpy(p, left.p, n);
	t->at[fd] += n;
	return (ssize_t)n;
}

static int tree_close(struct disk *d UNUSED, int fd UNUSED)
{
	return 0;
}

static const struct {
	struct file files[8];
	uint64_t want;
} cases[] = {
	{ { { NULL, NULL } }, 1000 },
	{ { { "/proc/self/cgroup", "0::/\n" }, { "/sys/fs/cgroup/memory.max", "400\n" } }, 400 },
	{ { { "/proc/self/cgroup", "0::/\n" }, { "/sys/fs/cgroup/memory.max", "max\n" } }, 1000 },
	{ { { "/proc/self/cgroup", "0::/\n" }, { "/sys/fs/cgroup/memory.max", "4000\n" } }, 1000 },
	/* an ancestor is tighter than the group itself */
	{ { { "/proc/self/cgroup", "0::/a/b\n" }, { "/sys/fs/cgroup/a/b/memory.max", "500\n" },
	          { "/sys/fs/cgroup/a/memory.max", "300\n" } },
	        300 },
	/* in a container the path is not there, the root is the container's */
	{ { { "/proc/self/cgroup", "0::/../x\n" }, { "/sys/fs/cgroup/memory.max", "200\n" } }, 200 },
	{ { { "/proc/self/cgroup", "12:cpu,cpuacct:/d\n9:hugetlb,memory:/d/e\n0::/\n" },
	          { "/sys/fs/cgroup/memory/d/e/memory.limit_in_bytes", "9223372036854771712\n" },
	          { "/sys/fs/cgroup/memory/d/memory.limit_in_bytes", "100\n" } },
	        100 },
	{ { { "/proc/self/cgroup", "garbage\n::\n\n" } }, 1000 },
};

static void trees(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(cases); i++) {
		struct tree t = { .disk = { .open = tree_open, .read = tree_read, .close = tree_close },
			.files = cases[i].files };
		assert_int_equal(memory_limit(&t.disk, 1000), cases[i].want);
	}
	assert_true(memory_total() > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(trees) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
