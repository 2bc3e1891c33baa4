/* write_letter.c - puts dead letters into a storage directory, as an exporter does, for tests/e2e/test_dlq.py.
 *
 *   write_letter DIRECTORY < LINES
 * A line has columns separated by tabs: exporter, signal (traces, logs, metrics), number of items, reason, text, file with the request
 * (protobuf). The storage is made, locked while this runs, and closed.
 */
#include <stdio.h>

#include "lib/base/parse.h"
#include "lib/pipe/dead_letters.h"

static slice column(slice *rest)
{
	const char *tab = memchr(rest->p, '\t', rest->len);
	slice s = { rest->p, tab ? (size_t)(tab - rest->p) : rest->len };
	size_t used = s.len + (tab != NULL);
	*rest = (slice){ rest->p + used, rest->len - used };
	return s;
}

static int write_one(struct dead_letters *d, slice line)
{
	struct store_record r = { .pipeline = SLICE("traces/in") };
	struct strbuf routes;
	char file[4096], *body;
	size_t len;
	uint64_t n;
	strbuf_init(&routes, 1024);
	routes_add(&routes, column(&line));
	slice signal = column(&line);
	r.signal = slice_is(signal, "traces") ? TRACES : slice_is(signal, "logs") ? LOGS : METRICS;
	if (parse_u64(column(&line), &n))
		return -1;
	r.n_items = (uint32_t)n;
	r.reason = column(&line);
	r.text = column(&line);
	snprintf(file, sizeof file, "%.*s", SLICE_ARG(line));
	if (disk_slurp(disk_system(), file, 64 << 20, &body, &len))
		return -1;
	r.routes = strbuf_slice(&routes);
	r.body = (slice){ body, len };
	int rc = dead_letters_add(d, &r);
	free(body);
	strbuf_release(&routes);
	return rc;
}

int main(int argc, char **argv)
{
	const struct log_conf log = { .level = LOG_INFO, .fds = { 2 }, .n_fds = 1 };
	struct store_options o = { .disk = disk_system(), .clock = clock_system(), .create = true, .sync = true };
	struct store *s;
	struct err e;
	char line[8192];
	int rc = 0;
	if (argc != 2)
		return 1;
	o.log = log_new(&log, clock_system());
	o.directory = argv[1];
	o.max_size = 1 << 30;
	o.segment_size = 1 << 20;
	if (store_open(&o, &s, &e) != STORE_OPENED) {
		fprintf(stderr, "write_letter: %s\n", e.text);
		return 1;
	}
	const struct dead_letters_options d = {
		.disk = o.disk, .clock = o.clock, .log = o.log, .store = s, .directory = argv[1]
	};
	struct dead_letters *letters = dead_letters_open(&d);
	while (rc == 0 && fgets(line, sizeof line, stdin))
		rc = write_one(letters, (slice){ line, strcspn(line, "\n") });
	dead_letters_close(letters);
	store_close(s);
	log_free(o.log);
	return rc != 0;
}
