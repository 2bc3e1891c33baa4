/* args.c - command line flags by hand: two forms (--flag VALUE and --flag=VALUE), one letter (-c), no bundling.
 *
 * The Collector's spellings work: --config may be repeated, --set comes after all files wherever it stands.
 */
#include "cmd/weir/args.h"

#include <stdio.h>

enum { MAX_KNOWN = 32 };

/* `word` is `flag` or "flag=value"; *value is what stands behind "=", else NULL. */
static bool matches(const char *word, const char *flag, const char **value)
{
	size_t n = strlen(flag);
	if (strncmp(word, flag, n) != 0 || (word[n] && word[n] != '='))
		return false;
	*value = word[n] ? word + n + 1 : NULL;
	return true;
}

static int complain(const char *what, const char *word)
{
	fprintf(stderr, "weir: %s \"%s\" (see --help)\n", what, word);
	return -1;
}

static int complain_unknown(const char *word, const struct args_option *options)
{
	const char *known[MAX_KNOWN] = { "--config", "--set", "--help" };
	size_t n = 3;
	for (const struct args_option *o = options; o && o->name && n < MAX_KNOWN - 1; o++)
		known[n++] = o->name;
	const char *near = findings_nearest((slice){ word, strcspn(word, "=") }, known);
	if (!near)
		return complain("unknown flag", word);
	fprintf(stderr, "weir: unknown flag \"%s\", did you mean \"%s\"? (see --help)\n", word, near);
	return -1;
}

struct cursor {
	int argc, at;
	char **argv;
};

/* The value of the flag at the cursor: behind "=" or the next word. */
static const char *take_value(struct cursor *c, const char *attached)
{
	if (attached)
		return attached;
	return c->at + 1 < c->argc ? c->argv[++c->at] : NULL;
}

static int take_option(struct cursor *c, const struct args_option *options)
{
	const char *word = c->argv[c->at], *attached = NULL;
	for (const struct args_option *o = options; o && o->name; o++) {
		if (!matches(word, o->name, &attached))
			continue;
		if (!o->value && attached)
			return complain("no value belongs to the flag", word);
		if (o->flag)
			*o->flag = true;
		if (o->value && !(*o->value = take_value(c, attached)))
			return complain("a value is missing for", word);
		return 0;
	}
	return word[0] == '-' ? complain_unknown(word, options) : complain("unexpected argument", word);
}

static int take_word(struct args *a, struct cursor *c, const struct args_option *options)
{
	const char *word = c->argv[c->at], *attached = NULL;
	const char **configs = (const char **)(uintptr_t)a->sources.configs,
	           **sets = (const char **)(uintptr_t)a->sources.sets;
	bool is_config = matches(word, "--config", &attached) || matches(word, "-c", &attached);
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		a->help = true;
		return 0;
	}
	if (!is_config && !matches(word, "--set", &attached))
		return take_option(c, options);
	const char *value = take_value(c, attached);
	if (!value || !*value)
		return complain("a value is missing for", word);
	if (is_config)
		configs[a->sources.n_configs++] = value;
	else
		sets[a->sources.n_sets++] = value;
	return 0;
}

int args_parse(struct args *a, int argc, char **argv, const struct args_option *options)
{
	struct cursor c = { .argc = argc, .at = 1, .argv = argv };
	size_t room = (size_t)argc + 1;
	*a = (struct args){ .sources.configs = calloc(room, sizeof(char *)),
		.sources.sets = calloc(room, sizeof(char *)) };
	if (!a->sources.configs || !a->sources.sets)
		abort();
	int rc = 0;
	for (; rc == 0 && c.at < argc; c.at++)
		rc = take_word(a, &c, options);
	return rc;
}

void args_release(struct args *a)
{
	free((void *)(uintptr_t)a->sources.configs);
	free((void *)(uintptr_t)a->sources.sets);
	*a = (struct args){ 0 };
}
