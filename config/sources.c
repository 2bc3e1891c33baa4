/* sources.c - where a config's text comes from: files, stdin, the environment, the command line.
 *
 * Names in positions are the words of the command line or constants, which both outlive every plan. --set comes after
 * all --config wherever it stood, as in the Collector; its line is the number of the --set, its column counts in its
 * text.
 */
#include "config/sources.h"

#include <errno.h>
#include <unistd.h>

#include "config/merge.h"
#include "config/yaml.h"
#include "lib/base/disk.h"
#include "lib/base/strbuf.h"

struct loader {
	struct arena *arena;
	struct findings *findings;
	bool failed;
};

/* A text and the name that findings in it carry. */
struct source {
	slice text;
	struct pos start;
};

static bool fail(struct loader *l, struct pos pos, const char *what, const char *why)
{
	findings_add(l->findings, FINDING_ERROR, pos, "%s%s", what, why);
	l->failed = true;
	return false;
}

static bool read_file(struct loader *l, const char *path, struct source *out)
{
	char *p = NULL;
	size_t len = 0;
	int rc = disk_slurp(disk_system(), path, YAML_MAX_BYTES, &p, &len);
	if (rc == -EFBIG)
		return fail(l, out->start, "the configuration file is larger than 1 MiB", "");
	if (rc < 0)
		return fail(l, out->start, "cannot read the configuration file: ", strerror(-rc));
	out->text = arena_dup(l->arena, (slice){ p, len });
	free(p);
	return true;
}

static bool read_stdin(struct loader *l, const char *unused UNUSED, struct source *out)
{
	struct strbuf b;
	char chunk[8192];
	ssize_t n;
	strbuf_init(&b, YAML_MAX_BYTES);
	while ((n = disk_system()->read(disk_system(), STDIN_FILENO, chunk, sizeof(chunk))) > 0 || n == -EINTR) {
		if (n > 0 && strbuf_add(&b, (slice){ chunk, (size_t)n }) < 0)
			break;
	}
	out->text = arena_dup(l->arena, strbuf_slice(&b));
	bool too_large = b.failed;
	strbuf_release(&b);
	if (too_large)
		return fail(l, out->start, "the configuration is larger than 1 MiB", "");
	return n < 0 ? fail(l, out->start, "cannot read stdin: ", strerror((int)-n)) : true;
}

static bool read_env(struct loader *l, const char *name, struct source *out)
{
	const char *text = getenv(name);
	if (!text)
		return fail(l, out->start, "the environment variable is not set", "");
	out->text = arena_dup(l->arena, slice_of(text));
	return true;
}

static bool read_inline(struct loader *l UNUSED, const char *text, struct source *out)
{
	out->text = slice_of(text);
	return true;
}

static bool refuse_http(struct loader *l, const char *rest UNUSED, struct source *out)
{
	return fail(
	        l, out->start, "weir does not fetch configs over the network: ", "fetch it first and give its path");
}

/* How each scheme is read and, when it is not as given, the name its findings carry. */
static const struct scheme {
	const char *prefix;
	const char *name;
	bool (*read)(struct loader *l, const char *rest, struct source *out);
} schemes[] = {
	{ "file:", NULL, read_file },
	{ "env:", NULL, read_env },
	{ "yaml:", "yaml:", read_inline },
	{ "http:", NULL, refuse_http },
	{ "https:", NULL, refuse_http },
};

static const struct scheme *find_scheme(const char *word)
{
	for (size_t i = 0; i < COUNTOF(schemes); i++) {
		if (strncmp(word, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* Two letters or more before a colon, as in the Collector; one letter is a drive. */
static bool has_scheme(const char *word)
{
	size_t n = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
	return n > 1 && word[n] == ':' && !strchr("0123456789+.-", word[0]);
}

static const char *name_of(const char *word)
{
	const struct scheme *s = find_scheme(word);
	if (strcmp(word, "-") == 0)
		return "<stdin>";
	return s && s->name ? s->name : word;
}

static bool read_source(struct loader *l, const char *word, struct source *out)
{
	const struct scheme *s = find_scheme(word);
	if (strcmp(word, "-") == 0)
		return read_stdin(l, NULL, out);
	if (s)
		return s->read(l, word + strlen(s->prefix), out);
	if (has_scheme(word))
		return fail(l, out->start,
		        "unsupported scheme: ", "a source is a path, file:PATH, env:NAME, yaml:TEXT or -");
	return read_file(l, word, out);
}

static struct node *load_config(struct loader *l, const char *word)
{
	struct source s = { .start = { name_of(word), 1, 1 } };
	if (!read_source(l, word, &s))
		return NULL;
	struct node *n = yaml_parse(l->arena, s.text, s.start.file, l->findings);
	if (n && n->kind == NODE_NULL)
		fail(l, s.start, "empty configuration file", "");
	else if (n && n->kind != NODE_MAP)
		fail(l, n->pos, "a configuration is a map of sections (receivers, processors, exporters, ...)", "");
	l->failed = l->failed || !n;
	return n && n->kind == NODE_MAP ? merge_unflatten(l->arena, n) : NULL;
}

/* The key as a path with "::"; dots separate when there is no "::". */
static slice set_path(struct loader *l, slice key)
{
	char *p = arena_alloc(l->arena, 2 * key.len + 1);
	bool dots = !key.len || !memmem(key.p, key.len, "::", 2);
	size_t n = 0;
	for (size_t i = 0; i < key.len; i++) {
		if (dots && key.p[i] == '.')
			p[n++] = ':';
		p[n++] = dots && key.p[i] == '.' ? ':' : key.p[i];
	}
	return (slice){ p, n };
}

static uint32_t n_characters(slice s)
{
	uint32_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
	return n;
}

static struct node *load_set(struct loader *l, const char *word, uint32_t nth)
{
	struct pos pos = { "--set", nth, 1 };
	const char *equals = strchr(word, '=');
	if (!equals || equals == word) {
		fail(l, pos, equals ? "missing key before the equal sign" : "missing equal sign",
		        ": write key::path=value");
		return NULL;
	}
	slice key = { word, (size_t)(equals - word) };
	struct pos value_pos = { "--set", nth, n_characters(key) + 2 };
	struct node *value = yaml_parse_value(l->arena, slice_of(equals + 1), value_pos, l->findings);
	if (!value) {
		l->failed = true;
		return NULL;
	}
	struct node *map = node_new(l->arena, NODE_MAP, pos);
	node_set(l->arena, map, set_path(l, key), pos, value);
	return merge_unflatten(l->arena, map);
}

static void name_files(const struct plan_sources *src, struct findings *f)
{
	const char **names = arena_zalloc(&f->arena, (src->n_configs + 1) * sizeof(*names));
	for (size_t i = 0; i < src->n_configs; i++)
		names[i] = name_of(src->configs[i]);
	names[src->n_configs] = "--set";
	f->files = names;
	f->n_files = src->n_configs + 1;
}

struct node *sources_load(struct arena *a, const struct plan_sources *src, struct findings *f)
{
	struct loader l = { .arena = a, .findings = f };
	struct node *root = NULL;
	name_files(src, f);
	for (size_t i = 0; i < src->n_configs; i++) {
		struct node *n = load_config(&l, src->configs[i]);
		root = n ? merge_nodes(a, root, n) : root;
	}
	for (size_t i = 0; i < src->n_sets; i++) {
		struct node *n = load_set(&l, src->sets[i], (uint32_t)i + 1);
		root = n ? merge_nodes(a, root, n) : root;
	}
	return l.failed ? NULL : root;
}
