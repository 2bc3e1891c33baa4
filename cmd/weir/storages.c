/* storages.c - where a config's exporters keep what waits, and how sizes and times are written (see storages.h).
 *
 * Only extensions that run (service::extensions) are looked into. Nothing is opened here.
 */
#include "cmd/weir/storages.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "cmd/weir/commands.h"
#include "cmd/weir/explain.h"
#include "lib/base/clock.h"

static slice without_slash(slice directory)
{
	while (directory.len > 1 && directory.p[directory.len - 1] == '/')
		directory.len--;
	return directory;
}

static void add(struct storages *s, slice directory)
{
	directory = without_slash(directory);
	for (size_t i = 0; i < s->directories.n; i++)
		if (slice_is(directory, s->directories.v[i]))
			return;
	char *copy = strndup(directory.p, directory.len);
	if (!copy)
		abort();
	*VEC_ADD(&s->directories) = copy;
}

/* Of a file_storage that runs; empty: it is something else. */
static slice directory_of(const struct plan_component *c)
{
	const slice *directory = NULL;
	if (c->type->kind == EXTENSION && c->used && !strcmp(c->type->name, "file_storage"))
		directory = explain_option(c, "directory");
	return directory ? without_slash(*directory) : (slice){ 0 };
}

bool storages_is_in(const struct plan *p, slice id, const char *directory)
{
	for (size_t i = 0; i < p->n_components; i++)
		if (slice_is(id, p->components[i].id) && p->components[i].type->kind == EXTENSION)
			return slice_eq(directory_of(&p->components[i]), without_slash(slice_of(directory)));
	return false;
}

static void add_of_plan(struct storages *s)
{
	for (size_t i = 0; i < s->plan->n_components; i++) {
		slice directory = directory_of(&s->plan->components[i]);
		if (directory.len)
			add(s, directory);
	}
}

int storages_load(struct storages *s, const struct plan_sources *sources, const char *directory, const char *command)
{
	struct findings f;
	*s = (struct storages){ 0 };
	if (!sources->n_configs && !directory) {
		fprintf(stderr, "%s: where? Name a config (--config F) or a storage (--directory D)\n", command);
		return EXIT_USAGE;
	}
	if (sources->n_configs) {
		findings_init(&f);
		s->plan = plan_load(sources, &f);
		findings_print(&f, stderr);
		findings_release(&f);
		if (!s->plan)
			return EXIT_USAGE;
	}
	if (directory && *directory)
		add(s, slice_of(directory));
	else if (s->plan)
		add_of_plan(s);
	if (s->directories.n)
		return 0;
	if (!s->plan) {
		fprintf(stderr, "%s: --directory is empty\n", command);
		return EXIT_USAGE;
	}
	fprintf(stderr, "%s: the config has no file_storage in service::extensions: queues are in memory\n", command);
	return EXIT_ABSENT;
}

void storages_release(struct storages *s)
{
	for (size_t i = 0; i < s->directories.n; i++)
		free(s->directories.v[i]);
	VEC_RELEASE(&s->directories);
	plan_free(s->plan);
	s->plan = NULL;
}

void show_bytes(struct strbuf *out, uint64_t n)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n / 1024;
	size_t i = 0;
	if (n < 1024) {
		strbuf_addf(out, "%" PRIu64 " B", n);
		return;
	}
	for (; v >= 1024 && i + 1 < COUNTOF(units); i++)
		v /= 1024;
	strbuf_addf(out, "%.1f %s", v, units[i]);
}

void show_time(struct strbuf *out, int64_t wall_ns)
{
	time_t t = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	char text[40];
	gmtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	strbuf_adds(out, text);
}

void show_age(struct strbuf *out, int64_t since_wall_ns, int64_t now_wall_ns)
{
	int64_t s = now_wall_ns > since_wall_ns ? (now_wall_ns - since_wall_ns) / NS_PER_S : 0;
	if (s < 60)
		strbuf_addf(out, "%" PRId64 "s", s);
	else if (s < 3600)
		strbuf_addf(out, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
	else if (s < 86400)
		strbuf_addf(out, "%" PRId64 "h%" PRId64 "m", s / 3600, s / 60 % 60);
	else
		strbuf_addf(out, "%" PRId64 "d%" PRId64 "h", s / 86400, s / 3600 % 24);
}

void show_member(struct strbuf *out, const char *key, slice text)
{
	bool first = !out->len || out->p[out->len - 1] == '{';
	strbuf_addf(out, "%s\"%s\":\"", first ? "" : ",", key);
	strbuf_add_json(out, text);
	strbuf_addc(out, '"');
}

const char *show_signal(enum signal s)
{
	return s == TRACES ? "traces" : s == LOGS ? "logs" : "metrics";
}
