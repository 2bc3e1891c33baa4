/* log.c - lines of text or JSON, limited per message; see log.h.
 *
 * The root owns the settings, the counters of the sampling and the lock over both. A child is a name and
 * a pointer to the root. A line is built on the caller's side without the lock and leaves under a second one, in
 * pieces that an output which polls as writable takes at once (PIPE_BUF): a reader that has stopped costs its first
 * line PATIENCE_MS and the following ones nothing, they are counted instead. Text from outside cannot start a line of
 * its own: control bytes are escaped.
 */
#include "lib/base/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/base/strbuf.h"

enum {
	LINE_MAX_BYTES = PIPE_BUF,
	N_COUNTERS = 1024,
	SAMPLE_FIRST = 10,
	SAMPLE_EVERY = 100,
	PATIENCE_MS = 10,
	BLOCK_PATIENCE_MS = 1000, /* without any progress; who writes blocks has a thread of its own */
};
static const int64_t sample_window_ns = 10 * NS_PER_S;

/* How often one message came in the current window; two messages of one counter take turns. */
struct counter {
	uint64_t hash;
	int64_t since;
	uint64_t n;
};

struct root {
	pthread_mutex_t lock;
	struct log_conf conf;
	_Atomic int level;
	struct clock *clock;
	struct counter counters[N_COUNTERS];
	pthread_mutex_t out; /* held while a line or a block leaves */
	_Atomic bool stalled; /* the last one did not: nobody waits again */
	bool cut[COUNTOF(((struct log_conf *)NULL)->fds)]; /* under `out`: this output's last line has no end */
	_Atomic uint64_t n_lost, n_told;
};

struct log {
	struct root *root;
	char *name; /* NULL: the root logger, which owns `root` */
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

struct log *log_new(const struct log_conf *c, struct clock *clock)
{
	struct log *l = must(calloc(1, sizeof(*l)));
	l->root = must(calloc(1, sizeof(*l->root)));
	pthread_mutex_init(&l->root->lock, NULL);
	pthread_mutex_init(&l->root->out, NULL);
	l->root->clock = clock;
	log_configure(l, c);
	return l;
}

void log_configure(struct log *root, const struct log_conf *c)
{
	struct root *r = root->root;
	pthread_mutex_lock(&r->lock);
	r->conf = *c;
	atomic_store_explicit(&r->level, (int)c->level, memory_order_relaxed);
	pthread_mutex_unlock(&r->lock);
}

struct log *log_child(struct log *parent, const char *name)
{
	struct log *l = must(calloc(1, sizeof(*l)));
	l->root = parent->root;
	l->name = must(strdup(name));
	return l;
}

void log_free(struct log *l)
{
	if (!l)
		return;
	if (!l->name) {
		pthread_mutex_destroy(&l->root->lock);
		pthread_mutex_destroy(&l->root->out);
		free(l->root);
	}
	free(l->name);
	free(l);
}

bool log_enabled(const struct log *l, enum log_level level)
{
	return (int)level >= atomic_load_explicit(&l->root->level, memory_order_relaxed);
}

/* Called with the lock held. */
static bool passes_sampling(struct root *r, enum log_level level, const char *name, const char *text)
{
	uint64_t hash = hash_bytes(text, strlen(text), (uint64_t)level);
	hash = hash_bytes(name, strlen(name), hash);
	struct counter *c = &r->counters[hash % N_COUNTERS];
	int64_t now = clock_mono(r->clock);
	if (c->hash != hash || c->n == 0 || now - c->since >= sample_window_ns)
		*c = (struct counter){ hash, now, 0 };
	c->n++;
	return c->n <= SAMPLE_FIRST || (c->n - SAMPLE_FIRST) % SAMPLE_EVERY == 0;
}

static void add_time(struct strbuf *b, int64_t wall_ns)
{
	time_t s = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;
	char date[32];
	gmtime_r(&s, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	strbuf_addf(b, "%s.%03dZ", date, (int)(wall_ns % NS_PER_S / NS_PER_MS));
}

static bool needs_quotes(slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c == '"' || c == '=' || c >= 0x7F)
			return true;
	}
	return s.len == 0;
}

static void add_quoted(struct strbuf *b, slice s)
{
	strbuf_addc(b, '"');
	strbuf_add_json(b, s);
	strbuf_addc(b, '"');
}

/* A message is prose: quotes and spaces stand, line breaks and bad bytes do not. */
static void add_prose(struct strbuf *b, slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		size_t n = i;
		while (n < s.len && (s.p[n] == '"' || s.p[n] == '\\'))
			n++;
		strbuf_add(b, (slice){ s.p + i, n - i });
		i = n;
		while (n < s.len && s.p[n] != '"' && s.p[n] != '\\')
			n++;
		strbuf_add_json(b, (slice){ s.p + i, n - i });
		i = n - 1;
	}
}

static const char *const level_names[] = { "debug", "info", "warn", "error" };

static void text_line(
        struct strbuf *b, int64_t wall_ns, enum log_level level, const char *name, const char *text, va_list ap)
{
	add_time(b, wall_ns);
	strbuf_addf(b, " %-5s ", level_names[level]);
	if (name)
		strbuf_addf(b, "%s: ", name);
	add_prose(b, slice_of(text));
	for (const char *key; (key = va_arg(ap, const char *));) {
		slice value = slice_of(va_arg(ap, const char *));
		strbuf_addf(b, " %s=", key);
		if (needs_quotes(value))
			add_quoted(b, value);
		else
			strbuf_add(b, value);
	}
}

static void json_line(
        struct strbuf *b, int64_t wall_ns, enum log_level level, const char *name, const char *text, va_list ap)
{
	strbuf_addf(b, "{\"level\":\"%s\",\"ts\":\"", level_names[level]);
	add_time(b, wall_ns);
	strbuf_addc(b, '"');
	if (name) {
		strbuf_adds(b, ",\"component\":");
		add_quoted(b, slice_of(name));
	}
	strbuf_adds(b, ",\"msg\":");
	add_quoted(b, slice_of(text));
	for (const char *key; (key = va_arg(ap, const char *));) {
		strbuf_addc(b, ',');
		add_quoted(b, slice_of(key));
		strbuf_addc(b, ':');
		add_quoted(b, slice_of(va_arg(ap, const char *)));
	}
	strbuf_addc(b, '}');
}

/* A pipe that polls as writable takes PIPE_BUF bytes without blocking; files, terminals and sockets do too. */
static bool writable(int fd, int patience_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int n;
	do
		n = poll(&p, 1, patience_ms);
	while (n < 0 && errno == EINTR);
	return n > 0 && !(p.revents & (POLLERR | POLLNVAL));
}

/* `cut`: the text before ended in the middle, so this one begins a line. */
static bool write_all(int fd, slice text, int patience_ms, bool *cut)
{
	slice all = text;
	if (*cut && (!writable(fd, patience_ms) || write(fd, "\n", 1) != 1))
		return false;
	*cut = false;
	while (text.len) {
		ssize_t n = -1;
		if (writable(fd, patience_ms))
			n = write(fd, text.p, text.len < PIPE_BUF ? text.len : PIPE_BUF);
		if (n <= 0) {
			*cut = text.len < all.len;
			return false;
		}
		text = (slice){ text.p + n, text.len - (size_t)n };
	}
	return true;
}

static bool lock_out(struct root *r, int patience_ms)
{
	const struct timespec look = { .tv_nsec = 1000000L };
	for (int ms = 0; pthread_mutex_trylock(&r->out); ms++) {
		if (ms >= patience_ms)
			return false;
		nanosleep(&look, NULL);
	}
	return true;
}

/* Every output gets the text or is passed over; false when one was. */
static bool leave(struct root *r, const struct log_conf *conf, slice text, int patience_ms)
{
	bool all = true;
	patience_ms = atomic_load_explicit(&r->stalled, memory_order_relaxed) ? 0 : patience_ms;
	if (!lock_out(r, patience_ms)) {
		atomic_store_explicit(&r->stalled, true, memory_order_relaxed);
		return false;
	}
	for (unsigned i = 0; i < conf->n_fds; i++)
		all &= write_all(conf->fds[i], text, patience_ms, &r->cut[i]);
	atomic_store_explicit(&r->stalled, !all, memory_order_relaxed);
	pthread_mutex_unlock(&r->out);
	return all;
}

struct line {
	const struct log *log;
	enum log_level level;
	const char *text;
	slice block;
	size_t max;
	int patience_ms;
};

static void print_line(const struct line *l, const struct log_conf *conf, va_list ap)
{
	struct strbuf b;
	strbuf_init(&b, l->max);
	int64_t now = clock_wall(l->log->root->clock);
	bool json = conf->encoding == LOG_JSON;
	if (json)
		json_line(&b, now, l->level, l->log->name, l->text, ap);
	else
		text_line(&b, now, l->level, l->log->name, l->text, ap);
	if (json && l->block.len) {
		b.len--; /* the closing brace */
		strbuf_adds(&b, ",\"output\":");
		add_quoted(&b, l->block);
		strbuf_addc(&b, '}');
	}
	strbuf_addc(&b, '\n');
	if (!json)
		strbuf_add(&b, l->block);
	if (b.failed) {
		/* the message without what is long */
		strbuf_clear(&b);
		strbuf_addf(&b, json ? "{\"level\":\"%s\",\"msg\":\"log line too long\"}\n" : "%s log line too long\n",
		        level_names[l->level]);
	}
	if (!leave(l->log->root, conf, strbuf_slice(&b), l->patience_ms))
		atomic_fetch_add_explicit(&l->log->root->n_lost, 1, memory_order_relaxed);
	strbuf_release(&b);
}

uint64_t log_lost(const struct log *l)
{
	return atomic_load_explicit(&l->root->n_lost, memory_order_relaxed);
}

/* Once the reader is back. The line may be lost itself: then it is counted, and told with the next. */
static void tell_lost(struct log *l)
{
	uint64_t lost = log_lost(l), told = atomic_load_explicit(&l->root->n_told, memory_order_relaxed);
	if (lost == told || atomic_load_explicit(&l->root->stalled, memory_order_relaxed))
		return;
	if (atomic_compare_exchange_strong(&l->root->n_told, &told, lost))
		log_write(l, LOG_WARN, "Log lines were lost: their reader did not keep up, or the disk is full",
		        "lines", LOG_U(lost - told), NULL);
}

void log_write(struct log *l, enum log_level level, const char *text, ...)
{
	if (!log_enabled(l, level))
		return;
	struct root *r = l->root;
	pthread_mutex_lock(&r->lock);
	struct log_conf conf = r->conf;
	bool pass = !conf.sampling || passes_sampling(r, level, l->name ? l->name : "", text);
	pthread_mutex_unlock(&r->lock);
	if (!pass)
		return;
	va_list ap;
	va_start(ap, text);
	print_line(&(struct line){ l, level, text, { 0 }, LINE_MAX_BYTES, PATIENCE_MS }, &conf, ap);
	va_end(ap);
	tell_lost(l);
}

void log_block(struct log *l, enum log_level level, slice block, const char *text, ...)
{
	if (!log_enabled(l, level))
		return;
	pthread_mutex_lock(&l->root->lock);
	struct log_conf conf = l->root->conf;
	pthread_mutex_unlock(&l->root->lock);
	va_list ap;
	va_start(ap, text);
	/* a byte becomes at most six in JSON */
	print_line(
	        &(struct line){ l, level, text, block, LINE_MAX_BYTES + 6 * block.len, BLOCK_PATIENCE_MS }, &conf, ap);
	va_end(ap);
	tell_lost(l);
}

struct log_num log_num_u(uint64_t n)
{
	struct log_num num;
	snprintf(num.text, sizeof(num.text), "%llu", (unsigned long long)n);
	return num;
}

struct log_num log_num_i(int64_t n)
{
	struct log_num num;
	snprintf(num.text, sizeof(num.text), "%lld", (long long)n);
	return num;
}
