/* dlq.c - `weir dlq`: dead letters, listed, shown, sent again, removed.
 *
 * Letters are files that nobody writes to any more (lib/pipe/letter_file.h): no lock is taken and no weir has to run. One that runs may remove
 * old letters meanwhile, so a letter that is gone when its turn comes is no error. What cannot be read or is damaged is listed as that.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cmd/weir/commands.h"
#include "cmd/weir/dlq.h"
#include "cmd/weir/storages.h"
#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "lib/genai/call.h"
#include "lib/otlp/json.h"

static const char help[] =
        "weir dlq list|show|replay|purge (--config F ..| --directory D) [--exporter ID] [NUMBER ..| --all] [--json]\n"
        "\n"
        "Dead letters: what a destination refused for good, kept in the storage of its exporter. weir may run or not.\n"
        "\n"
        "  list             one line for each\n"
        "  show             each as JSON, with the OTLP request that was refused\n"
        "  replay           sends them again: to the exporter that they were refused to (otlp_http), as --config "
        "knows\n"
        "                   it, or to --to URL. What is taken with 2xx is removed, all else stays.\n"
        "  purge            removes them\n"
        "\n"
        "  --config, -c F   the config that names the storages; --set K=V: one value on top of it\n"
        "  --directory D    the directory of one storage\n"
        "  --exporter ID    only letters of this exporter\n"
        "  NUMBER .. --all  which ones; list takes all without\n"
        "  --to URL         replay: an OTLP/HTTP receiver, say a running weir; without a path /v1/traces (logs, "
        "metrics) is\n"
        "                   appended\n"
        "  --json           list: one JSON object a line\n"
        "\n"
        "Exit code 3: some were not taken; 4: there are none, or a NUMBER is not there (the others are done).\n";

enum { MAX_OUT = 1 << 30 };

enum verb { LIST, SHOW, REPLAY, PURGE, N_VERBS };
static const char *const verbs[N_VERBS] = { "list", "show", "replay", "purge" };

/* A letter asked for by its number. */
struct wanted {
	uint64_t number;
	bool found;
};

struct dlq {
	enum verb verb;
	const char *directory, *exporter, *to;
	bool json, all;
	VEC(struct wanted) numbers;
	struct storages storages;
	struct replay *replay;
	struct strbuf out;
	const char *at; /* the directory in work */
	size_t n_matched, n_failed;
	bool stuck; /* nobody takes anything: the rest is left */
};

static int complain(const char *what, const char *word)
{
	fprintf(stderr, "weir dlq: %s%s%s%s (see --help)\n", what, *word ? " \"" : "", word, *word ? "\"" : "");
	return -1;
}

/* Letters and exporters are named by anybody, and so are answers. */
static void report(uint64_t number, const char *text)
{
	struct strbuf line;
	strbuf_init(&line, 8192);
	call_print_text(&line, slice_of(text), 1000);
	fprintf(stderr, "weir dlq: %" PRIu64 ": %s\n", number, line.p ? line.p : "");
	strbuf_release(&line);
}

static slice exporter_of(const struct letter_file *l)
{
	slice routes = l->record.routes, name = { 0 };
	if (l->state == LETTER_SOUND && !routes_next(&routes, &name))
		name = (slice){ 0 };
	return name;
}

static const char *state_name(enum letter_state s)
{
	return s == LETTER_SOUND ? "sound" : s == LETTER_NEWER ? "of a newer version" : "damaged";
}

static void flush(struct dlq *q)
{
	fwrite(q->out.p ? q->out.p : "", 1, q->out.len, stdout);
	fflush(stdout);
	strbuf_clear(&q->out);
}

/* The members of a letter without the closing brace. */
static void add_object(struct dlq *q, const struct letter_file *l)
{
	const struct store_record *r = &l->record;
	struct strbuf *out = &q->out;
	strbuf_addf(out, "{\"number\":%" PRIu64, l->number);
	show_member(out, "directory", slice_of(q->at));
	show_member(out, "state", slice_of(state_name(l->state)));
	strbuf_addf(out, ",\"bytes\":%" PRIu64, l->size);
	if (l->state != LETTER_SOUND)
		return;
	strbuf_adds(out, ",\"refused_at\":\"");
	show_time(out, r->arrival_wall_ns);
	strbuf_addc(out, '"');
	show_member(out, "exporter", exporter_of(l));
	show_member(out, "pipeline", r->pipeline);
	show_member(out, "signal", slice_of(show_signal(r->signal)));
	strbuf_addf(out, ",\"items\":%" PRIu32, r->n_items);
	show_member(out, "reason", r->reason);
	show_member(out, "text", r->text);
}

static void add_cell(struct strbuf *out, slice text, size_t width)
{
	size_t from = out->len;
	call_print_text(out, text.len ? text : SLICE("-"), 200);
	call_print_pad(out, from, width);
	strbuf_adds(out, "  ");
}

static void list_line(struct dlq *q, const struct letter_file *l)
{
	const struct store_record *r = &l->record;
	struct strbuf *out = &q->out;
	size_t from = out->len;
	strbuf_addf(out, "%6" PRIu64 "  ", l->number);
	if (l->state != LETTER_SOUND) {
		strbuf_addf(out, "%s\n", state_name(l->state));
		return;
	}
	show_time(out, r->arrival_wall_ns);
	strbuf_adds(out, "  ");
	add_cell(out, exporter_of(l), 20);
	add_cell(out, slice_of(show_signal(r->signal)), 7);
	strbuf_addf(out, "%6" PRIu32 "  ", r->n_items);
	from = out->len;
	show_bytes(out, l->size);
	call_print_pad(out, from, 9);
	strbuf_adds(out, "  ");
	add_cell(out, r->reason, 11);
	call_print_text(out, r->text, 120);
	strbuf_addc(out, '\n');
}

static void list(struct dlq *q, const struct letter_file *l)
{
	if (q->json) {
		add_object(q, l);
		strbuf_adds(&q->out, "}\n");
	} else {
		if (q->n_matched == 1)
			strbuf_addf(&q->out, "%6s  %-20s  %-20s  %-7s  %6s  %-9s  %-11s  %s\n", "NUMBER", "REFUSED",
			        "EXPORTER", "SIGNAL", "ITEMS", "BYTES", "REASON", "SAID");
		list_line(q, l);
	}
	if (q->out.len > 1 << 16)
		flush(q);
}

static void show(struct dlq *q, const struct letter_file *l)
{
	struct buf *json = NULL;
	add_object(q, l);
	if (l->state != LETTER_SOUND || otlp_to_json(l->record.signal, l->record.body, NULL, &json)) {
		report(l->number, l->state == LETTER_SOUND ? "its body is not OTLP" : state_name(l->state));
		q->n_failed++;
	} else {
		strbuf_adds(&q->out, ",\"request\":");
		strbuf_add(&q->out, buf_slice(json));
	}
	strbuf_adds(&q->out, "}\n");
	buf_unref(json);
	flush(q);
}

static bool take_off(struct dlq *q, uint64_t number)
{
	int rc = letter_file_remove(disk_system(), q->at, number);
	if (rc == 0)
		return true;
	report(number, strerror(-rc));
	q->n_failed++;
	return false;
}

static void replay(struct dlq *q, const struct letter_file *l)
{
	struct err e = { .text = "" };
	slice exporter = exporter_of(l);
	if (l->state != LETTER_SOUND) {
		report(l->number, state_name(l->state));
		q->n_failed++;
		return;
	}
	enum replay_result rc = replay_send(q->replay, l, exporter, &e);
	if (rc != REPLAY_SENT) {
		report(l->number, e.text);
		q->n_failed++;
		q->stuck = rc == REPLAY_STUCK;
		return;
	}
	strbuf_addf(&q->out, "sent %" PRIu64 " (%" PRIu32 " %s) to ", l->number, l->record.n_items,
	        l->record.signal == TRACES         ? "spans"
	                : l->record.signal == LOGS ? "log records"
	                                           : "data points");
	call_print_text(&q->out, q->to ? slice_of(q->to) : exporter, 200);
	strbuf_addc(&q->out, '\n');
	flush(q);
	take_off(q, l->number);
}

/* Is the letter, which is there or is not, one of those asked for? */
static bool is_meant(struct dlq *q, uint64_t number, bool found)
{
	bool meant = !q->numbers.n;
	for (size_t i = 0; i < q->numbers.n; i++)
		if (q->numbers.v[i].number == number) {
			q->numbers.v[i].found = found;
			meant = true;
		}
	return meant;
}

static void act(struct dlq *q, uint64_t number)
{
	struct letter_file l;
	bool with_body = q->verb == SHOW || q->verb == REPLAY;
	int rc = letter_file_read(disk_system(), q->at, number, with_body, &l);
	if (rc == -ENOENT || (rc == 0 && q->exporter && !slice_is(exporter_of(&l), q->exporter))) {
		(void)is_meant(q, number, false);
		letter_file_release(&l);
		return;
	}
	q->n_matched++;
	if (rc && q->verb != PURGE) {
		report(number, strerror(-rc));
		q->n_failed++;
	} else if (q->verb == PURGE) {
		if (take_off(q, number))
			strbuf_addf(&q->out, "removed %" PRIu64 "\n", number);
	} else if (q->verb == LIST) {
		list(q, &l);
	} else if (q->verb == SHOW) {
		show(q, &l);
	} else {
		replay(q, &l);
	}
	letter_file_release(&l);
}

/* A letter that was sent and cannot be removed would be sent again by the next replay. */
static int may_remove(const struct dlq *q)
{
	char path[LETTER_PATH];
	if (!letter_file_path(q->at, 0, "", path))
		return -ENAMETOOLONG;
	*strrchr(path, '/') = 0;
	return access(path, W_OK) ? -errno : 0;
}

static int act_on_directory(struct dlq *q, const char *directory)
{
	struct letter_list l;
	q->at = directory;
	int rc = letter_list(disk_system(), directory, &l);
	if (rc == 0 && q->verb == REPLAY && l.numbers.n)
		rc = may_remove(q);
	if (rc)
		fprintf(stderr, "weir dlq: %s: %s\n", directory, strerror(-rc));
	for (size_t i = 0; rc == 0 && i < l.numbers.n; i++)
		if (is_meant(q, l.numbers.v[i], true) && !q->stuck)
			act(q, l.numbers.v[i]);
	letter_list_release(&l);
	return rc && rc != -ENOENT ? EXIT_USAGE : EXIT_OK;
}

/* Names those asked for that are not there; how many they are. */
static size_t report_absent(const struct dlq *q)
{
	size_t n = 0;
	for (size_t i = 0; i < q->numbers.n; i++) {
		if (q->numbers.v[i].found)
			continue;
		report(q->numbers.v[i].number, "no such dead letter");
		n++;
	}
	return n;
}

static int act_on_all(struct dlq *q)
{
	int code = EXIT_OK;
	strbuf_init(&q->out, MAX_OUT);
	for (size_t i = 0; i < q->storages.directories.n && !q->stuck; i++) {
		if (q->verb == LIST && !q->json && q->storages.directories.n > 1)
			strbuf_addf(&q->out, "%s\n", q->storages.directories.v[i]);
		int rc = act_on_directory(q, q->storages.directories.v[i]);
		code = rc ? rc : code;
	}
	if (q->n_matched)
		flush(q);
	strbuf_release(&q->out);
	if (q->stuck)
		fprintf(stderr, "weir dlq: stopped: nobody takes them now; the rest is left as it is\n");
	if (code == EXIT_OK && !q->n_matched && !q->numbers.n)
		fprintf(stderr, "weir dlq: no dead letters%s\n", q->exporter ? " as asked for" : "");
	bool absent = code == EXIT_OK && (report_absent(q) || !q->n_matched);
	if (code == EXIT_OK && q->n_failed && q->verb != LIST)
		return EXIT_START;
	return absent ? EXIT_ABSENT : code;
}

static int run_verb(struct dlq *q, const struct args *a)
{
	struct err e = { .text = "" };
	int code = storages_load(&q->storages, &a->sources, q->directory, "weir dlq");
	if (code == 0 && q->numbers.n && q->storages.directories.n > 1) {
		fprintf(stderr,
		        "weir dlq: the config has %zu storages, each with its own numbers: name one with "
		        "--directory\n",
		        q->storages.directories.n);
		code = EXIT_USAGE;
	}
	if (code == 0 && q->verb == REPLAY && !(q->replay = replay_new(q->storages.plan, q->to, &e))) {
		fprintf(stderr, "weir dlq: %s\n", e.text);
		code = EXIT_USAGE;
	}
	if (code == 0)
		code = act_on_all(q);
	if (q->replay)
		replay_free(q->replay);
	storages_release(&q->storages);
	return code;
}

static int take_word(struct dlq *q, const char *word)
{
	uint64_t n;
	for (unsigned i = 0; q->verb == N_VERBS && i < N_VERBS; i++)
		if (!strcmp(word, verbs[i])) {
			q->verb = (enum verb)i;
			return 0;
		}
	if (q->verb == N_VERBS)
		return complain("not one of list, show, replay, purge:", word);
	if (parse_u64(slice_of(word), &n) || !n)
		return complain("not the number of a dead letter:", word);
	*VEC_ADD(&q->numbers) = (struct wanted){ .number = n };
	return 0;
}

/* Takes out the words that are neither flags nor values of flags, for args_parse knows flags only. */
static int take_words(struct dlq *q, int *argc, char **argv)
{
	static const char *const valued[] = { "--config", "-c", "--set", "--directory", "--exporter", "--to" };
	int n = 1;
	for (int i = 1; i < *argc; i++) {
		bool has_value = false;
		for (size_t k = 0; k < COUNTOF(valued); k++)
			has_value = has_value || !strcmp(argv[i], valued[k]);
		if (argv[i][0] != '-') {
			if (take_word(q, argv[i]))
				return -1;
			continue;
		}
		argv[n++] = argv[i];
		if (has_value && i + 1 < *argc)
			argv[n++] = argv[++i];
	}
	*argc = n;
	return 0;
}

static int check(const struct dlq *q)
{
	if (q->verb == N_VERBS)
		return complain("say what to do: list, show, replay or purge", "");
	if (q->verb != LIST && !q->numbers.n && !q->all && !q->exporter)
		return complain("which ones? NUMBER .., --exporter ID or --all", "");
	if (q->all && q->numbers.n)
		return complain("NUMBER .. or --all, not both", "");
	if (q->to && q->verb != REPLAY)
		return complain("--to belongs to replay", "");
	if (q->verb == REPLAY && !q->to && q->directory && !*q->directory)
		return complain("--directory is empty", "");
	return 0;
}

int cmd_dlq(int argc, char **argv)
{
	struct dlq q = { .verb = N_VERBS };
	struct args a = { 0 };
	const struct args_option options[] = { { "--directory", &q.directory, NULL },
		{ "--exporter", &q.exporter, NULL }, { "--to", &q.to, NULL }, { "--json", NULL, &q.json },
		{ "--all", NULL, &q.all }, { NULL, NULL, NULL } };
	int code = EXIT_USAGE;
	if (take_words(&q, &argc, argv) == 0 && args_parse(&a, argc, argv, options) == 0) {
		if (a.help) {
			fputs(help, stdout);
			code = EXIT_OK;
		} else if (check(&q) == 0) {
			code = run_verb(&q, &a);
		}
	}
	args_release(&a);
	VEC_RELEASE(&q.numbers);
	return code;
}
