/* memory.c - see memory.h. A cgroup's own file may say "max" while an ancestor's limits it, so every level on the
 * way to the root is read; in a container the root that is seen is usually the container's own group. */
#include "lib/base/memory.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/base/parse.h"

enum { FILE_MAX = 64 * 1024 };

static uint64_t limit_in(struct disk *d, const char *path)
{
	char *text;
	size_t len;
	uint64_t n = UINT64_MAX;
	if (disk_slurp(d, path, FILE_MAX, &text, &len))
		return n;
	if (parse_u64(slice_trim((slice){ text, len }), &n))
		n = UINT64_MAX; /* "max" */
	free(text);
	return n;
}

/* The least limit of `group` ("/a/b") and its ancestors under `root`, in files called `name`. */
static uint64_t least(struct disk *d, const char *root, slice group, const char *name)
{
	uint64_t min = UINT64_MAX;
	for (;;) {
		char path[512];
		while (group.len && group.p[group.len - 1] == '/')
			group.len--;
		int n = snprintf(path, sizeof(path), "%s%.*s/%s", root, SLICE_ARG(group), name);
		uint64_t limit = n < (int)sizeof(path) ? limit_in(d, path) : UINT64_MAX;
		min = limit < min ? limit : min;
		if (!group.len)
			return min;
		while (group.len && group.p[group.len - 1] != '/')
			group.len--;
	}
}

/* A line of /proc/self/cgroup is "ID:CONTROLLERS:PATH"; no controllers: v2. */
static uint64_t limit_of_line(struct disk *d, slice line)
{
	const char *first = memchr(line.p, ':', line.len);
	const char *second = first ? memchr(first + 1, ':', (size_t)(line.p + line.len - first - 1)) : NULL;
	if (!second)
		return UINT64_MAX;
	slice controllers = { first + 1, (size_t)(second - first - 1) };
	slice path = { second + 1, (size_t)(line.p + line.len - second - 1) };
	if (!controllers.len)
		return least(d, "/sys/fs/cgroup", path, "memory.max");
	while (controllers.len) {
		const char *comma = memchr(controllers.p, ',', controllers.len);
		size_t n = comma ? (size_t)(comma - controllers.p) : controllers.len;
		if (slice_is((slice){ controllers.p, n }, "memory"))
			return least(d, "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
		controllers.p += n + (comma != NULL), controllers.len -= n + (comma != NULL);
	}
	return UINT64_MAX;
}

uint64_t memory_limit(struct disk *d, uint64_t host)
{
	char *text;
	size_t len;
	if (disk_slurp(d, "/proc/self/cgroup", FILE_MAX, &text, &len))
		return host;
	for (slice rest = { text, len }; rest.len;) {
		const char *end = memchr(rest.p, '\n', rest.len);
		size_t n = end ? (size_t)(end - rest.p) : rest.len;
		uint64_t limit = limit_of_line(d, (slice){ rest.p, n });
		host = limit < host ? limit : host;
		rest.p += n + (end != NULL), rest.len -= n + (end != NULL);
	}
	free(text);
	return host;
}

uint64_t memory_total(void)
{
	return memory_limit(disk_system(), (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}
