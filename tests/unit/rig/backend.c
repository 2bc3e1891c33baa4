/* backend.c - see backend.h. */
#include "tests/unit/rig/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "lib/net/compress.h"
#include "lib/otlp/json.h"
#include "lib/otlp/traces.h"

const struct peer_answer backend_ok = { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, NULL, PEER_KEEP };

static struct peer_answer play(void *ctx, const struct peer_request *r)
{
	struct backend *b = ctx;
	unsigned n = atomic_load(&b->n);
	if (n < BACKEND_MAX) {
		struct backend_request *q = &b->v[n];
		q->head = strdup(r->head);
		q->body = calloc(1, r->body_len + BUF_SLACK + 1);
		if (!q->head || !q->body)
			abort();
		memcpy(q->body, r->body, r->body_len);
		q->len = r->body_len;
		q->connection = r->connection;
		atomic_store(&b->n, n + 1);
	}
	size_t turn = b->n_turns++;
	return b->script[turn < b->n_script ? turn : b->n_script - 1];
}

void backend_start(struct backend *b, const struct peer_answer *script, size_t n, char base[32])
{
	*b = (struct backend){ .script = script ? script : &backend_ok, .n_script = script ? n : 1 };
	b->peer.script = play;
	b->peer.ctx = b;
	peer_start(&b->peer);
	snprintf(base, 32, "http://127.0.0.1:%u", b->peer.port);
}

void backend_set(struct backend *b, const struct peer_answer *script, size_t n)
{
	pthread_mutex_lock(&b->peer.lock);
	b->script = script ? script : &backend_ok;
	b->n_script = script ? n : 1;
	b->n_turns = 0;
	pthread_mutex_unlock(&b->peer.lock);
}

void backend_stop(struct backend *b)
{
	peer_stop(&b->peer);
	for (unsigned i = 0; i < b->n; i++) {
		free(b->v[i].head);
		free(b->v[i].body);
	}
}

unsigned backend_count(struct backend *b)
{
	return atomic_load(&b->n);
}

const struct backend_request *backend_get(struct backend *b, unsigned nth)
{
	assert_true(nth < backend_count(b));
	return &b->v[nth];
}

const char *backend_header(const struct backend_request *q, const char *name, char out[256])
{
	size_t len = strlen(name);
	out[0] = 0;
	for (const char *line = q->head; (line = strstr(line, "\r\n"));) {
		line += 2;
		if (strncasecmp(line, name, len) || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " ");
		snprintf(out, 256, "%.*s", (int)strcspn(line, "\r"), line);
		return out;
	}
	return out;
}

static unsigned count_spans(slice proto)
{
	struct scan_report report = { 0 };
	struct err e = { .text = "" };
	bool rewrite = false;
	if (traces_check(proto, &report, &rewrite, &e))
		fail_msg("the backend got what is not OTLP: %s", e.text);
	return report.n_spans;
}

unsigned backend_spans(const struct backend_request *q)
{
	char type[256], coding[256];
	struct codec *codec = codec_new();
	struct buf *plain = NULL, *proto = NULL;
	struct err e = { .text = "" };
	uint64_t n_utf8;
	slice body = { q->body, q->len };
	enum coding c = coding_parse(slice_of(backend_header(q, "Content-Encoding", coding)));
	if (c != CODING_IDENTITY) {
		assert_int_equal(codec_inflate(codec, c, body, 1 << 24, NULL, &plain, &e), INFLATE_OK);
		body = buf_slice(plain);
	}
	if (!strcmp(backend_header(q, "Content-Type", type), "application/json")) {
		assert_int_equal(json_to_otlp(TRACES, body, NULL, &proto, &n_utf8, &e), 0);
		body = buf_slice(proto);
	}
	unsigned n = count_spans(body);
	buf_unref(plain);
	buf_unref(proto);
	codec_free(codec);
	return n;
}

unsigned backend_all_spans(struct backend *b)
{
	unsigned n = 0;
	for (unsigned i = 0; i < backend_count(b); i++)
		n += backend_spans(backend_get(b, i));
	return n;
}

int backend_dead(char base[32])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	snprintf(base, 32, "http://127.0.0.1:%u", ntohs(a.sin_port));
	return fd;
}
