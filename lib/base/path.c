/* path.c - see path.h.
 *
 * What exists is realpath(3)'s to tell: the longest beginning of the path that it knows. What mkdir would make below that has no links, so that
 * ".." takes the word before it away. */
#include "lib/base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *format(const char *dir, const char *slash, slice path)
{
	char *out;
	if (asprintf(&out, "%s%s%.*s", dir, slash, SLICE_ARG(path)) < 0)
		abort();
	return out;
}

static char *make_absolute(slice path)
{
	if (path.len && path.p[0] == '/')
		return format("", "", path);
	char *here = getcwd(NULL, 0);
	char *out = format(here ? here : "", "/", path);
	free(here);
	return out;
}

/* Takes `dir`, which is absolute, and goes on from it. */
static char *append(char *dir, slice word)
{
	if (!word.len || slice_is(word, "."))
		return dir;
	if (slice_is(word, "..")) {
		char *last = strrchr(dir, '/');
		last[last == dir] = 0;
		return dir;
	}
	char *out = format(dir, dir[1] ? "/" : "", word);
	free(dir);
	return out;
}

char *path_resolve(slice path)
{
	char *whole = make_absolute(path), *head = strdup(whole), *real;
	if (!head)
		abort();
	while (!(real = realpath(*head ? head : "/", NULL)) && *head)
		*strrchr(head, '/') = 0;
	if (!real && !(real = strdup("/")))
		abort();
	for (const char *at = whole + strlen(head); *at;) {
		size_t len = strcspn(at, "/");
		real = append(real, (slice){ at, len });
		at += len + (at[len] == '/');
	}
	free(head);
	free(whole);
	return real;
}

bool path_is_same(slice a, slice b)
{
	if (a.len == b.len && !memcmp(a.p, b.p, a.len))
		return true;
	char *x = path_resolve(a), *y = path_resolve(b);
	bool same = !strcmp(x, y);
	free(x);
	free(y);
	return same;
}
