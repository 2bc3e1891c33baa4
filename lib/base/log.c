/* log.c - lines of text or JSON, limited per message; see log.h.
 *
 * The root owns the settings, the counters of the sampling and the lock over both. A child is a name and
 * a pointer to the root. A line is built on the caller's side without the lock and leaves by one
 * write(2) per output. Text from outside cannot start a line of its own: control bytes are escaped.
 */
#include "lib/base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/base/strbuf.h"

enum { LINE_MAX_BYTES = 64 * 1024, N_COUNTERS = 1024, SAMPLE_FIRST = 10, SAMPLE_EVERY = 100 };
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

/* Errors are ignored: there is nobody to tell. A block is longer than what a pipe takes at once. */
static void write_line(const struct log_conf *conf, slice line)
{
	for (unsigned i = 0; i < conf->n_fds; i++) {
		ssize_t n;
		for (size_t at = 0; at < line.len; at += (size_t)n) {
			n = write(conf->fds[i], line.p + at, line.len - at);
			if (n <= 0)
				break;
		}
	}
}

struct line {
	const struct log *log;
	enum log_level level;
	const char *text;
	slice block;
	size_t max;
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
	write_line(conf, strbuf_slice(&b));
	strbuf_release(&b);
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
	print_line(&(struct line){ l, level, text, { 0 }, LINE_MAX_BYTES }, &conf, ap);
	va_end(ap);
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
	print_line(&(struct line){ l, level, text, block, LINE_MAX_BYTES + 6 * block.len }, &conf, ap);
	va_end(ap);
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
