/* queue.c - `weir queue`: what waits where, for how long, and what became of the rest.
 *
 * It looks at the storage directories from outside (lib/pipe/store_inspect.h): nothing is locked, nothing is changed, and a running weir is
 * not asked. Queues in memory are not seen: those are in the metrics.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cmd/weir/commands.h"
#include "cmd/weir/storages.h"
#include "lib/base/clock.h"
#include "lib/genai/call.h"
#include "lib/pipe/groups.h"
#include "lib/pipe/store_inspect.h"

static const char help[] = "weir queue (--config F ..| --directory D) [--json]\n"
                           "\n"
                           "What waits in the storages of a config, or in one directory: for each exporter its "
                           "records, bytes and items, the age\n"
                           "of the oldest, and what became of all it ever accepted. weir may run or not; what it did "
                           "within the last 200 ms may\n"
                           "not be seen yet. An exporter that waits but is not in the config is an orphan: its queue "
                           "is sent or dropped by weir\n"
                           "as long as it is there. Queues in memory are not shown.\n"
                           "\n"
                           "  --config, -c F   the config that names the storages; --set K=V: one value on top of it\n"
                           "  --directory D    the directory of one storage\n"
                           "  --json           one JSON object a storage\n"
                           "\n"
                           "Exit code 4: no exporter has a storage, or nothing is there.\n";

enum { MAX_OUT = 16 << 20 };

static const enum signal signals[N_SIGNALS] = { TRACES, LOGS, METRICS };

struct queue_view {
	const char *directory;
	const struct plan *plan; /* NULL: without a config */
	struct store_view store;
	int64_t now;
	struct strbuf out;
};

/* Does the config have its queue in this directory? */
static bool is_configured(const struct queue_view *v, const char *id)
{
	for (size_t i = 0; i < v->plan->n_components; i++) {
		const struct plan_component *c = &v->plan->components[i];
		if (c->type->kind != EXPORTER || !c->used || strcmp(c->id, id) != 0)
			continue;
		slice storage = ((const struct exporter_conf *)c->conf)->sending_queue.storage;
		return storages_is_in(v->plan, storage, v->directory);
	}
	return false;
}

static bool is_orphan(const struct queue_view *v, const struct exporter_backlog *b)
{
	return v->plan && b->counts.queued_records && !is_configured(v, b->name);
}

static uint64_t dropped(const struct store_counts *n)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		sum += n->dropped[i];
	return sum;
}

static void add_signal_json(struct strbuf *out, const struct store_counts *n)
{
	strbuf_addf(out,
	        "{\"accepted\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"rejected\":%" PRIu64
	        ",\"dead_lettered\":%" PRIu64 ",\"queued\":%" PRIu64 ",\"dropped\":{",
	        n->accepted, n->delivered, n->rejected, n->dead_lettered, n->queued);
	bool first = true;
	for (unsigned i = 0; i < N_DROP_REASONS; i++) {
		if (!n->dropped[i])
			continue;
		strbuf_addf(out, "%s\"%s\":%" PRIu64, first ? "" : ",", drop_reason_name((enum drop_reason)i),
		        n->dropped[i]);
		first = false;
	}
	strbuf_adds(out, "}}");
}

static void add_exporter_json(struct queue_view *v, const struct exporter_backlog *b)
{
	struct strbuf *out = &v->out;
	strbuf_addc(out, '{');
	show_member(out, "exporter", slice_of(b->name));
	strbuf_addf(
	        out, ",\"records\":%" PRIu64 ",\"bytes\":%" PRIu64, b->counts.queued_records, b->counts.queued_bytes);
	if (b->oldest_wall_ns) {
		strbuf_adds(out, ",\"oldest\":\"");
		show_time(out, b->oldest_wall_ns);
		int64_t age = v->now > b->oldest_wall_ns ? v->now - b->oldest_wall_ns : 0;
		strbuf_addf(out, "\",\"oldest_age_seconds\":%.3f", (double)age / (double)NS_PER_S);
	}
	if (v->plan)
		strbuf_addf(out, ",\"orphan\":%s", is_orphan(v, b) ? "true" : "false");
	strbuf_adds(out, ",\"items\":{");
	for (unsigned i = 0; i < N_SIGNALS; i++) {
		strbuf_addf(out, "%s\"%s\":", i ? "," : "", show_signal(signals[i]));
		add_signal_json(out, &b->counts.by_signal[i]);
	}
	strbuf_adds(out, "}}");
}

static void add_json(struct queue_view *v)
{
	const struct store_view *s = &v->store;
	struct strbuf *out = &v->out;
	strbuf_addc(out, '{');
	show_member(out, "directory", slice_of(v->directory));
	strbuf_addf(out,
	        ",\"bytes\":%" PRIu64 ",\"segments\":{\"files\":%" PRIu64 ",\"bytes\":%" PRIu64
	        "},\"dead_letters\":{\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 "},\"damaged\":{\"records\":%" PRIu64
	        ",\"items\":%" PRIu64 ",\"bytes\":%" PRIu64 "},\"exporters\":[",
	        s->total_bytes, s->n_segments, s->segment_bytes, s->n_letters, s->letter_bytes, s->damage.n_records,
	        s->damage.n_items, s->damage.n_bytes);
	for (size_t i = 0; i < s->n_exporters; i++) {
		if (i)
			strbuf_addc(out, ',');
		add_exporter_json(v, &s->exporters[i]);
	}
	strbuf_adds(out, "]}\n");
}

static void add_equation(struct strbuf *out, const char *signal, const struct store_counts *n)
{
	if (!n->accepted)
		return;
	strbuf_addf(out,
	        "    %-7s  accepted %" PRIu64 " = delivered %" PRIu64 " + rejected %" PRIu64 " + dead_lettered %" PRIu64
	        " + dropped %" PRIu64 " + queued %" PRIu64 "\n",
	        signal, n->accepted, n->delivered, n->rejected, n->dead_lettered, dropped(n), n->queued);
	for (unsigned i = 0; i < N_DROP_REASONS; i++)
		if (n->dropped[i])
			strbuf_addf(out, "             dropped as %s: %" PRIu64 "\n",
			        drop_reason_name((enum drop_reason)i), n->dropped[i]);
}

static void add_exporter_text(struct queue_view *v, const struct exporter_backlog *b)
{
	struct strbuf *out = &v->out;
	strbuf_adds(out, "  ");
	call_print_text(out, slice_of(b->name), 200);
	if (b->counts.queued_records) {
		strbuf_addf(out, ": %" PRIu64 " record%s, ", b->counts.queued_records,
		        b->counts.queued_records == 1 ? "" : "s");
		show_bytes(out, b->counts.queued_bytes);
	} else {
		strbuf_adds(out, ": nothing waits");
	}
	if (b->counts.queued_records && b->oldest_wall_ns) {
		strbuf_adds(out, ", the oldest since ");
		show_age(out, b->oldest_wall_ns, v->now);
	}
	strbuf_adds(out, is_orphan(v, b) ? " (orphan: not in the config)\n" : "\n");
	for (unsigned i = 0; i < N_SIGNALS; i++)
		add_equation(out, show_signal(signals[i]), &b->counts.by_signal[i]);
}

static void add_text(struct queue_view *v)
{
	const struct store_view *s = &v->store;
	struct strbuf *out = &v->out;
	strbuf_addf(out, "%s: ", v->directory);
	show_bytes(out, s->total_bytes);
	strbuf_addf(out, ", %" PRIu64 " segment%s, %" PRIu64 " dead letter%s\n", s->n_segments,
	        s->n_segments == 1 ? "" : "s", s->n_letters, s->n_letters == 1 ? "" : "s");
	if (s->damage.n_bytes || s->damage.n_records)
		strbuf_addf(out, "  damage skipped so far: %" PRIu64 " records, %" PRIu64 " items, %" PRIu64 " bytes\n",
		        s->damage.n_records, s->damage.n_items, s->damage.n_bytes);
	for (size_t i = 0; i < s->n_exporters; i++)
		add_exporter_text(v, &s->exporters[i]);
}

/* 0 when something was shown, EXIT_ABSENT, or EXIT_USAGE after a message. */
static int show_directory(const struct storages *s, const char *directory, bool json)
{
	struct queue_view v = { .directory = directory, .plan = s->plan, .now = clock_wall(clock_system()) };
	struct err e = { .text = "" };
	int rc = store_inspect(disk_system(), directory, &v.store, &e);
	if (rc == -ENOENT)
		return EXIT_ABSENT;
	if (rc) {
		fprintf(stderr, "weir queue: %s\n", e.text);
		return EXIT_USAGE;
	}
	strbuf_init(&v.out, MAX_OUT);
	if (json)
		add_json(&v);
	else
		add_text(&v);
	fwrite(v.out.p ? v.out.p : "", 1, v.out.len, stdout);
	strbuf_release(&v.out);
	store_view_release(&v.store);
	return EXIT_OK;
}

static int show_all(const struct storages *s, bool json)
{
	size_t n_shown = 0;
	int code = EXIT_OK;
	for (size_t i = 0; i < s->directories.n; i++) {
		int rc = show_directory(s, s->directories.v[i], json);
		n_shown += rc == EXIT_OK;
		if (rc == EXIT_ABSENT)
			fprintf(stderr, "weir queue: %s: no storage is there (yet)\n", s->directories.v[i]);
		else if (rc)
			code = rc;
	}
	return code ? code : n_shown ? EXIT_OK : EXIT_ABSENT;
}

int cmd_queue(int argc, char **argv)
{
	const char *directory = NULL;
	bool json = false;
	const struct args_option options[] = { { "--directory", &directory, NULL }, { "--json", NULL, &json },
		{ NULL, NULL, NULL } };
	struct storages s = { 0 };
	struct args a;
	int code = EXIT_USAGE;
	if (args_parse(&a, argc, argv, options) == 0) {
		if (a.help) {
			fputs(help, stdout);
			code = EXIT_OK;
		} else {
			code = storages_load(&s, &a.sources, directory, "weir queue");
			code = code ? code : show_all(&s, json);
			storages_release(&s);
		}
	}
	args_release(&a);
	return code;
}
