/* core_rig.c - see core_rig.h. The client is blocking on its own side only: while it waits for bytes the main loop is pumped,
 * because the acceptors live there. Whatever the machine must be able to do aborts the test by cmocka's asserts. */
#include "tests/unit/rig/core_rig.h"

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/plan.h"
#include "lib/genai/tables.h"
#include "lib/otlp/json.h"

static int64_t rig_mono(struct clock *c)
{
	return clock_mono(clock_system()) + atomic_load(&((struct rig_clock *)c)->offset);
}

static int64_t rig_wall(struct clock *c)
{
	return clock_wall(clock_system()) + atomic_load(&((struct rig_clock *)c)->offset);
}

void core_rig_advance(struct core_rig *r, int64_t ns)
{
	atomic_fetch_add(&r->clock.offset, ns);
}

static struct plan *load(const char *fmt, va_list ap) PRINTF(1, 0);
static struct plan *load(const char *fmt, va_list ap)
{
	static const char *const sets[] = { "service::telemetry::metrics::level=none" };
	struct findings f;
	char *yaml, *source;
	if (vasprintf(&yaml, fmt, ap) < 0 || asprintf(&source, "yaml:%s", yaml) < 0)
		abort();
	const char *const configs[] = { source };
	bool metrics = strstr(yaml, "metrics: {level") != NULL;
	struct plan_sources s = { .configs = configs, .n_configs = 1, .sets = sets, .n_sets = metrics ? 0 : 1 };
	findings_init(&f);
	struct plan *p = plan_load(&s, &f);
	for (size_t i = 0; !p && i < f.n; i++)
		if (f.v[i].severity == FINDING_ERROR)
			print_message("%u:%u: %s\n", f.v[i].pos.line, f.v[i].pos.col, f.v[i].text);
	if (!p)
		fail_msg("the test's YAML:\n%s", yaml);
	findings_release(&f);
	free(source);
	free(yaml);
	return p;
}

static int begin(struct core_rig *r, struct err *e, const char *yaml, va_list ap) PRINTF(3, 0);
static int begin(struct core_rig *r, struct err *e, const char *yaml, va_list ap)
{
	*r = (struct core_rig){ .clock.clock = { rig_mono, rig_wall }, .log_fd = memfd_create("log", MFD_CLOEXEC) };
	struct log_conf lc = { LOG_DEBUG, LOG_TEXT, false, { r->log_fd }, 1 };
	assert_true(r->log_fd >= 0);
	assert_int_equal(loop_init(&r->loop, &r->clock.clock), 0);
	r->log = log_new(&lc, &r->clock.clock);
	arena_init(&r->arena);
	r->keys = genai_keys_new();
	struct core_options o = {
		.loop = &r->loop,
		.log = r->log,
		.version = "test",
		.n_workers = 2,
		.max_connections = 1000,
		.plan_free = plan_free,
		.keys = r->keys,
	};
	struct plan *p = load(yaml, ap);
	r->core = core_new(&o);
	return core_apply(r->core, p, e);
}

int core_rig_try(struct core_rig *r, struct err *e, const char *yaml, ...)
{
	va_list ap;
	va_start(ap, yaml);
	int rc = begin(r, e, yaml, ap);
	va_end(ap);
	return rc;
}

void core_rig_start(struct core_rig *r, const char *yaml, ...)
{
	struct err e = { .text = "" };
	va_list ap;
	va_start(ap, yaml);
	if (begin(r, &e, yaml, ap))
		fail_msg("the core does not start: %s", e.text);
	va_end(ap);
}

int core_rig_try_reload(struct core_rig *r, struct err *e, const char *yaml, ...)
{
	va_list ap;
	va_start(ap, yaml);
	int rc = core_apply(r->core, load(yaml, ap), e);
	va_end(ap);
	return rc;
}

void core_rig_reload(struct core_rig *r, const char *yaml, ...)
{
	struct err e = { .text = "" };
	va_list ap;
	va_start(ap, yaml);
	if (core_apply(r->core, load(yaml, ap), &e))
		fail_msg("reload: %s", e.text);
	va_end(ap);
}

static void on_drained(void *ctx, uint64_t n_lost)
{
	struct core_rig *r = ctx;
	assert_false(r->drained); /* once */
	r->drained = true;
	r->n_lost = n_lost;
}

void core_rig_drain(struct core_rig *r, int64_t timeout_ns)
{
	core_drain(r->core, timeout_ns, on_drained, r);
}

void core_rig_stop(struct core_rig *r)
{
	if (core_phase(r->core) != CORE_DRAINING)
		core_rig_drain(r, CORE_RIG_WAIT_S * NS_PER_S);
	UNTIL(r, r->drained);
	core_rig_check_equation(r);
	for (size_t i = 0; i < r->core->exporter_stats.n; i++) {
		const struct exporter_stats *s = r->core->exporter_stats.entries[i].value;
		for (unsigned k = 0; k < N_SIGNALS; k++)
			assert_int_equal(count_get(&s->by_signal[k].queued), 0);
		assert_int_equal(count_get(&s->in_flight), 0);
	}
	UNTIL(r, pool_used(core_pool(r->core)) == 0);
	core_rig_free(r);
}

void core_rig_free(struct core_rig *r)
{
	core_free(r->core);
	key_table_free(r->keys);
	loop_release(&r->loop);
	log_free(r->log);
	close(r->log_fd);
	arena_release(&r->arena);
}

static void print_state(struct core_rig *r)
{
	char text[4096];
	for (size_t i = 0; i < r->core->exporter_stats.n; i++) {
		const struct exporter_stats *s = r->core->exporter_stats.entries[i].value;
		for (unsigned k = 0; k < N_SIGNALS; k++) {
			const struct exporter_counts *c = &s->by_signal[k];
			print_message("%.*s/%u: accepted %llu delivered %llu rejected %llu dropped",
			        SLICE_ARG(r->core->exporter_stats.entries[i].key), k,
			        (unsigned long long)count_get(&c->accepted),
			        (unsigned long long)count_get(&c->delivered),
			        (unsigned long long)count_get(&c->rejected));
			for (unsigned d = 0; d < N_DROP_REASONS; d++)
				print_message(" %llu", (unsigned long long)count_get(&c->dropped[d]));
			print_message(" queued %llu\n", (unsigned long long)count_get(&c->queued));
		}
	}
	off_t at = lseek(r->log_fd, 0, SEEK_END);
	ssize_t n = pread(r->log_fd, text, sizeof text - 1, at > 4095 ? at - 4095 : 0);
	print_message("%.*s\n", n > 0 ? (int)n : 0, text);
}

void core_rig_turn(struct core_rig *r, int64_t began, const char *what, const char *file, int line)
{
	struct pollfd p = { .fd = uv_backend_fd(&r->loop.uv), .events = POLLIN };
	loop_pump(&r->loop);
	poll(&p, 1, 1);
	if (clock_mono(clock_system()) - began < CORE_RIG_WAIT_S * NS_PER_S)
		return;
	print_state(r);
	fail_msg("%s:%d: waited %d s for: %s", file, line, CORE_RIG_WAIT_S, what);
}

struct search {
	struct core_rig *rig;
	size_t nth, at;
	const char *found;
};

/* core_each_address begins with the newest. */
static void count_address(void *ctx, const char *address)
{
	struct search *s = ctx;
	(void)address;
	s->at++;
}

static void find_address(void *ctx, const char *address)
{
	struct search *s = ctx;
	if (--s->at == s->nth)
		s->found = arena_printf(&s->rig->arena, "%s", address);
}

const char *core_rig_address(struct core_rig *r, size_t nth)
{
	struct search s = { .rig = r, .nth = nth };
	core_each_address(r->core, count_address, &s);
	core_each_address(r->core, find_address, &s);
	assert_non_null(s.found);
	return s.found;
}

const char *core_rig_main_address(struct core_rig *r)
{
	for (const struct listener *l = r->core->listeners; l; l = l->next)
		if (l->on_main)
			return arena_printf(&r->arena, "%s", acceptor_address(l->acceptor));
	fail_msg("nothing listens on the main loop");
	return NULL;
}

int core_rig_connect(struct core_rig *r UNUSED, const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	const char *colon = strrchr(address, ':');
	char host[32];
	assert_non_null(colon);
	snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
	assert_int_equal(inet_pton(AF_INET, host, &a.sin_addr), 1);
	a.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	assert_true(fd >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (connect(fd, (struct sockaddr *)&a, sizeof a))
		fail_msg("connect to %s: %s", address, strerror(errno));
	return fd;
}

void core_rig_write(struct core_rig *r, int fd, slice text)
{
	size_t at = 0;
	for (int64_t began = clock_mono(clock_system()); at < text.len;) {
		ssize_t n = send(fd, text.p + at, text.len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN)
			return; /* the server has answered early and closed: the answer is still to be read */
		else
			core_rig_turn(r, began, "room to send", __FILE__, __LINE__);
	}
}

static ssize_t read_some(struct core_rig *r, int fd, char *p, size_t n)
{
	for (int64_t began = clock_mono(clock_system());; core_rig_turn(r, began, "bytes", __FILE__, __LINE__)) {
		ssize_t k = recv(fd, p, n, MSG_DONTWAIT);
		if (k >= 0 || errno != EAGAIN)
			return k;
	}
}

bool core_rig_is_closed(struct core_rig *r, int fd)
{
	char c;
	return read_some(r, fd, &c, 1) <= 0;
}

const char *answer_header(struct core_rig *r, const struct answer *a, const char *name)
{
	const char *line = a->head.p;
	size_t len = strlen(name);
	while (line && (line = strstr(line, "\r\n"))) {
		line += 2;
		if (!strncasecmp(line, name, len) && line[len] == ':') {
			line += len + 1;
			line += strspn(line, " ");
			return arena_printf(&r->arena, "%.*s", (int)strcspn(line, "\r"), line);
		}
	}
	return "";
}

struct answer core_rig_read(struct core_rig *r, int fd)
{
	enum { MAX = 1 << 18 };
	struct answer a = { 0 };
	char *text = arena_alloc(&r->arena, MAX + 1), *end = NULL;
	size_t n = 0, want = MAX;
	while (n < want) {
		/* never more than this answer: the next one of a pipeline stays in the socket */
		ssize_t k = read_some(r, fd, text + n, end ? want - n : 1);
		if (k <= 0)
			break;
		text[n += (size_t)k] = 0;
		if (!end && n >= 4 && !memcmp(text + n - 4, "\r\n\r\n", 4)) {
			end = text + n;
			a.head = (slice){ text, n - 2 };
			a.status = (int)strtol(text + 9, NULL, 10);
			want = n + strtoul(answer_header(r, &a, "Content-Length"), NULL, 10);
		}
	}
	if (!end)
		return (struct answer){ 0 };
	a.body = (slice){ end, n - (size_t)(end - text) };
	return a;
}

struct answer core_rig_ask(
        struct core_rig *r, const char *address, const char *method, const char *path, const char *headers, slice body)
{
	int fd = core_rig_connect(r, address);
	const char *head = arena_printf(&r->arena, "%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %zu\r\n\r\n",
	        method, path, address, headers, body.len);
	core_rig_write(r, fd, slice_of(head));
	core_rig_write(r, fd, body);
	struct answer a = core_rig_read(r, fd);
	close(fd);
	return a;
}

struct answer core_rig_post(struct core_rig *r, const char *path, const char *headers, slice body)
{
	return core_rig_ask(r, core_rig_address(r, 0), "POST", path, headers, body);
}

slice core_rig_spans_json(struct core_rig *r, unsigned n)
{
	const char *spans = "";
	for (unsigned i = 0; i < n; i++) {
		unsigned id = ++r->n_spans_made;
		spans = arena_printf(&r->arena,
		        "%s%s{\"traceId\":\"0102030405060708090a0b0c%08x\",\"spanId\":\"0a0b0c0d%08x\",\"name\":\"span "
		        "%u\"}",
		        spans, i ? "," : "", id, id, id);
	}
	return slice_of(arena_printf(&r->arena,
	        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"
	        "\"stringValue\":\"rig\"}}"
	        "]},\"scopeSpans\":[{\"spans\":[%s]}]}]}",
	        spans));
}

slice core_rig_to_proto(struct core_rig *r, enum signal signal, const char *json)
{
	struct err e = { .text = "" };
	struct buf *body = NULL;
	uint64_t n_utf8 = 0;
	if (json_to_otlp(signal, slice_of(json), NULL, &body, &n_utf8, &e))
		fail_msg("the test's JSON: %s\n%s", e.text, json);
	char *copy = arena_alloc(&r->arena, body->len + 1);
	size_t n = body->len;
	memcpy(copy, body->data, n);
	buf_unref(body);
	return (slice){ copy, n };
}

slice core_rig_spans(struct core_rig *r, unsigned n)
{
	return core_rig_to_proto(r, TRACES, core_rig_spans_json(r, n).p);
}

void core_rig_take(struct core_rig *r, unsigned n, int status)
{
	struct answer a = core_rig_post(r, "/v1/traces", CORE_RIG_PROTO, core_rig_spans(r, n));
	if (a.status != status)
		fail_msg("answer %d, not %d: %.*s", a.status, status, SLICE_ARG(a.body));
}

struct exporter_counts *core_rig_counts(struct core_rig *r, const char *id, enum signal signal)
{
	struct exporter_stats *s = map_get(&r->core->exporter_stats, slice_of(id));
	if (!s)
		fail_msg("no exporter %s", id);
	return &s->by_signal[signal_index(signal)];
}

struct exporter *core_rig_exporter(struct core_rig *r, const char *id)
{
	struct exporter *const *v;
	size_t n = core_exporters(r->core, &v);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(exporter_id(v[i]), id))
			return v[i];
	fail_msg("no exporter %s in the graph", id);
	return NULL;
}

uint64_t core_rig_requests(struct core_rig *r, const char *receiver, enum request_outcome o)
{
	const struct receiver_stats *s = map_get(&r->core->receiver_stats, slice_of(receiver));
	uint64_t n = 0;
	assert_non_null(s);
	for (unsigned w = 0; w < s->n_cells; w++)
		n += count_get(&s->cells[w].n_requests[o]);
	return n;
}

struct received core_rig_received(struct core_rig *r, const char *receiver, enum signal signal)
{
	const struct receiver_stats *s = map_get(&r->core->receiver_stats, slice_of(receiver));
	struct received sum = { 0 };
	assert_non_null(s);
	for (unsigned w = 0; w < s->n_cells; w++) {
		const struct receiver_counts *c = &s->cells[w].by_signal[signal_index(signal)];
		sum.accepted += count_get(&c->accepted);
		sum.refused += count_get(&c->refused);
	}
	return sum;
}

static bool holds(const struct core_rig *r)
{
	bool ok = true;
	for (size_t i = 0; i < r->core->exporter_stats.n; i++) {
		const struct exporter_stats *s = r->core->exporter_stats.entries[i].value;
		for (unsigned k = 0; k < N_SIGNALS; k++) {
			const struct exporter_counts *c = &s->by_signal[k];
			uint64_t sum = count_get(&c->delivered) + count_get(&c->rejected) +
			        count_get(&c->dead_lettered) + count_get(&c->queued);
			for (unsigned d = 0; d < N_DROP_REASONS; d++)
				sum += count_get(&c->dropped[d]);
			ok = ok && sum == count_get(&c->accepted);
		}
	}
	return ok;
}

void core_rig_check_equation(struct core_rig *r)
{
	UNTIL(r, holds(r));
}

bool core_rig_has_logged(struct core_rig *r, const char *text)
{
	size_t n = (size_t)lseek(r->log_fd, 0, SEEK_END);
	char *all = malloc(n + 1);
	assert_non_null(all);
	ssize_t got = pread(r->log_fd, all, n, 0);
	bool found = got > 0 && memmem(all, (size_t)got, text, strlen(text));
	free(all);
	return found;
}
