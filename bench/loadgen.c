/* loadgen.c - load on one HTTP endpoint of this machine, as its client sees it.
 *
 *     build/bench/loadgen [options] PORT PATH FILE...        (127.0.0.1 only)
 *
 * Closed loop (default): each connection sends the next body as soon as it has its answer. Open loop (-r): requests fall
 * due at a fixed rate, and latency counts from the moment one fell due, so that a stalled server cannot hide. Bodies are read
 * once and sent in turn. Ends after -s seconds or -n requests, whichever is first; prints one line of JSON.
 * A 503 is counted as refused, and its connection pauses for 5 ms. A connection is made anew after an answer that says so or that came
 * before the whole body was sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNS = 1024, MAX_BODIES = 256, ANSWER = 65536, MAX_SAMPLES = 1 << 24 };

struct message {
	char *p;
	size_t n;
};

struct conn {
	int fd;
	const struct message *out; /* NULL: idle */
	size_t sent, n_in;
	int64_t since, paused_until; /* ns; since: when the request fell due */
	char in[ANSWER];
};

struct load {
	int port, n_conns, n_bodies, epoll;
	double rate, seconds; /* rate 0: closed loop */
	uint64_t limit, spans; /* requests; spans a body */
	const char *path, *type, *coding;
	struct message bodies[MAX_BODIES];
	struct conn *conns;
	uint64_t started, ok, refused, failed;
	int64_t begin, stop;
	uint32_t *us; /* latency samples of 200s, microseconds */
	size_t n_us;
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The whole request for one file: head and body in one piece. */
static void load_body(struct load *l, const char *path)
{
	FILE *f = fopen(path, "rb");
	if (!f || fseek(f, 0, SEEK_END) < 0)
		die(path);
	size_t size = (size_t)ftell(f);
	rewind(f);
	struct message *m = &l->bodies[l->n_bodies++];
	m->p = malloc(size + 1024);
	if (!m->p)
		die("malloc");
	int head = snprintf(m->p, 1024,
	        "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: loadgen\r\nContent-Type: "
	        "%s\r\n%s%s%sContent-Length: %zu\r\n\r\n",
	        l->path, l->type, l->coding ? "Content-Encoding: " : "", l->coding ? l->coding : "",
	        l->coding ? "\r\n" : "", size);
	m->n = (size_t)head + size;
	if (fread(m->p + head, 1, size, f) != size)
		die(path);
	fclose(f);
}

static void watch(struct load *l, struct conn *c, int how, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };
	if (epoll_ctl(l->epoll, how, c->fd, &e) < 0)
		die("epoll_ctl");
}

static void connect_one(struct load *l, struct conn *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)l->port) };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int one = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a) < 0)
		die("connect");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c->out = NULL;
	c->n_in = 0;
	watch(l, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void reconnect(struct load *l, struct conn *c)
{
	close(c->fd);
	if (c->out)
		l->failed++;
	connect_one(l, c);
}

static void push(struct load *l, struct conn *c)
{
	while (c->sent < c->out->n) {
		ssize_t n = send(c->fd, c->out->p + c->sent, c->out->n - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0) {
			if (errno == EAGAIN)
				watch(l, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			else
				reconnect(l, c);
			return;
		}
		c->sent += (size_t)n;
	}
	watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
}

static bool over(const struct load *l, int64_t now)
{
	return now >= l->stop || l->started >= l->limit;
}

/* Begins the next request on an idle connection when one is due. */
static void begin(struct load *l, struct conn *c, int64_t now)
{
	if (c->out || over(l, now) || now < c->paused_until)
		return;
	c->since = now;
	if (l->rate > 0) {
		int64_t due = l->begin + (int64_t)((double)l->started * 1e9 / l->rate);
		if (due > now)
			return;
		c->since = due;
	}
	c->out = &l->bodies[l->started++ % (uint64_t)l->n_bodies];
	c->sent = 0;
	c->n_in = 0;
	push(l, c);
}

/* Status of a complete answer in c->in, 0 when there is more to come, -1 when it is none. */
static int answer_status(const struct conn *c)
{
	static const char name[] = "\ncontent-length:";
	const char *end = memmem(c->in, c->n_in, "\r\n\r\n", 4);
	if (!end)
		return c->n_in == ANSWER ? -1 : 0;
	size_t head = (size_t)(end - c->in) + 4, body = 0;
	for (size_t i = 0; i + sizeof name < head; i++)
		if (c->in[i] == '\n' && strncasecmp(c->in + i, name, sizeof name - 1) == 0)
			body = strtoul(c->in + i + sizeof name - 1, NULL, 10);
	if (head + body > ANSWER)
		return -1;
	return c->n_in >= head + body ? (int)strtol(c->in + 9, NULL, 10) : 0;
}

static bool says_close(const struct conn *c)
{
	static const char line[] = "\nconnection: close";
	const char *end = memmem(c->in, c->n_in, "\r\n\r\n", 4);
	for (const char *p = c->in; end && p + sizeof line - 1 <= end; p++)
		if (*p == '\n' && strncasecmp(p, line, sizeof line - 1) == 0)
			return true;
	return false;
}

static void readable(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->n_in, ANSWER - c->n_in, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		reconnect(l, c);
		return;
	}
	c->n_in += (size_t)n;
	int status = answer_status(c);
	if (status == 0)
		return;
	int64_t now = now_ns();
	if (status == 200) {
		l->ok++;
		if (l->n_us < MAX_SAMPLES)
			l->us[l->n_us++] = (uint32_t)((now - c->since) / 1000);
	} else if (status == 503) {
		l->refused++;
		c->paused_until = now + 5000000;
	} else {
		l->failed++;
	}
	bool ended = !c->out || c->sent < c->out->n || says_close(c);
	c->out = NULL;
	c->n_in = 0;
	if (ended)
		reconnect(l, c);
	begin(l, c, now);
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static double quantile(const struct load *l, double q)
{
	return l->n_us ? (double)l->us[(size_t)((double)(l->n_us - 1) * q)] / 1000 : 0;
}

static void report(struct load *l, double seconds)
{
	qsort(l->us, l->n_us, sizeof *l->us, by_value);
	printf("{\"requests\": %llu, \"refused\": %llu, \"failed\": %llu, \"seconds\": %.3f, \"requests_per_s\": %.1f, "
	       "\"spans\": %llu, \"spans_per_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, "
	       "\"max_ms\": %.3f}\n",
	        (unsigned long long)l->ok, (unsigned long long)l->refused, (unsigned long long)l->failed, seconds,
	        (double)l->ok / seconds, (unsigned long long)(l->ok * l->spans), (double)(l->ok * l->spans) / seconds,
	        quantile(l, 0.5), quantile(l, 0.99), quantile(l, 0.999), quantile(l, 1));
}

static bool busy(const struct load *l)
{
	for (int i = 0; i < l->n_conns; i++)
		if (l->conns[i].out)
			return true;
	return false;
}

static void run(struct load *l)
{
	l->begin = now_ns();
	l->stop = l->begin + (int64_t)(l->seconds * 1e9);
	int64_t give_up = l->stop + 10000000000, now = l->begin;
	while (now < give_up && (!over(l, now) || busy(l))) {
		struct epoll_event events[64];
		struct timespec pause = { .tv_nsec = 100000 };
		for (int i = 0; i < l->n_conns; i++)
			begin(l, &l->conns[i], now);
		int n = epoll_pwait2(l->epoll, events, 64, &pause, NULL);
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
				readable(l, c);
			else if (c->out)
				push(l, c);
		}
		now = now_ns();
	}
	report(l, (double)(now - l->begin) / 1e9);
}

int main(int argc, char **argv)
{
	struct load l = {
		.n_conns = 16, .seconds = 5, .limit = UINT64_MAX, .spans = 1, .type = "application/x-protobuf"
	};
	for (int o; (o = getopt(argc, argv, "c:s:n:r:p:t:e:")) != -1;) {
		switch (o) {
		case 'c':
			l.n_conns = (int)strtol(optarg, NULL, 10);
			break;
		case 's':
			l.seconds = strtod(optarg, NULL);
			break;
		case 'n':
			l.limit = strtoull(optarg, NULL, 10);
			break;
		case 'r':
			l.rate = strtod(optarg, NULL);
			break;
		case 'p':
			l.spans = strtoull(optarg, NULL, 10);
			break;
		case 't':
			l.type = optarg;
			break;
		case 'e':
			l.coding = optarg;
			break;
		default:
			return 1;
		}
	}
	if (argc - optind < 3 || argc - optind > MAX_BODIES || l.n_conns < 1 || l.n_conns > MAX_CONNS) {
		fprintf(stderr,
		        "usage: loadgen [-c connections] [-s seconds] [-n requests] [-r requests per second] [-p spans "
		        "per "
		        "body] [-t content type] [-e content encoding] PORT PATH FILE...\n");
		return 1;
	}
	l.port = (int)strtol(argv[optind], NULL, 10);
	l.path = argv[optind + 1];
	for (int i = optind + 2; i < argc; i++)
		load_body(&l, argv[i]);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.conns = calloc((size_t)l.n_conns, sizeof *l.conns);
	l.us = malloc(MAX_SAMPLES * sizeof *l.us);
	if (!l.conns || !l.us)
		die("malloc");
	for (int i = 0; i < l.n_conns; i++)
		connect_one(&l, &l.conns[i]);
	run(&l);
	return l.failed > 0;
}
