/* http_transfer.c - one exchange: the request handed to libcurl, the answer taken from it.
 *
 * Bodies up to SMALL go out together with the head in one write, for which libcurl wants them in one piece: a
 * single part is used in place, several are joined. Larger ones are read by libcurl part by part, and again from the
 * start when a kept connection turns out dead. Of the answer three header fields and the body are kept; both are
 * limited while they arrive. An answer that libcurl leaves unread in a broken connection is read here.
 */
#include "lib/net/http_transfer.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/parse.h"

enum {
	SMALL = 60000, /* libcurl joins head and body below 64 KiB */
	MAX_HEAD = 64 << 10,
	MAX_VALUE = 1024,
	KEEP_BODY = 64 << 10,
	KEEP_LINES = 16 << 10,
	MAX_LAST_WORDS = 16 << 10,
};

static const char *const head_names[N_HEADS] = {
	[HEAD_CONTENT_TYPE] = "content-type",
	[HEAD_RETRY_AFTER] = "retry-after",
	[HEAD_DATE] = "date",
};

static void forget_answer(struct transfer *t)
{
	t->head_ended = false;
	strbuf_clear(&t->body);
	for (int i = 0; i < N_HEADS; i++)
		strbuf_clear(&t->heads[i]);
}

/* The first of several is taken, as the Collector does; but two answers to "when again?" are none: the value becomes what cannot be
 * parsed. */
static void keep_field(struct transfer *t, slice line)
{
	const char *colon = memchr(line.p, ':', line.len);
	slice name = { line.p, colon ? (size_t)(colon - line.p) : 0 };

	for (int i = 0; i < N_HEADS; i++)
		if (t->heads[i].len == 0 && slice_ieq(name, slice_of(head_names[i])))
			strbuf_add(&t->heads[i], slice_trim((slice){ colon + 1, line.len - name.len - 1 }));
		else if (i == HEAD_RETRY_AFTER && slice_ieq(name, slice_of(head_names[i])))
			strbuf_adds(&t->heads[i], ", twice");
}

static size_t on_head(char *p, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;
	slice line = { p, size * n };

	t->head_bytes += line.len;
	if (t->head_bytes > MAX_HEAD) {
		t->too_large = true;
		return 0;
	}
	if (slice_starts(line, SLICE("HTTP/"))) /* also after an interim 1xx answer */
		forget_answer(t);
	else if (slice_trim(line).len == 0)
		t->head_ended = true;
	else
		keep_field(t, line);
	return line.len;
}

/* What is over the limit is not read, but what is not is kept: the beginning may say enough. */
static size_t on_body(char *p, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;

	if (strbuf_add(&t->body, (slice){ p, size * n }) == 0)
		return size * n;
	t->too_large = true;
	return 0;
}

static void forget_last_words(struct transfer *t)
{
	forget_answer(t);
	t->head_bytes = 0;
	t->last_status = 0;
}

/* The request goes out on a connection: what was heard until now came from the one before, which broke, or, until libcurl has begun,
 * from the one of the exchange before, which it still names. */
static int on_begin(void *transfer, char *there, char *here, int remote_port, int port)
{
	struct transfer *t = transfer;

	(void)there, (void)here, (void)remote_port, (void)port;
	forget_last_words(t);
	t->n_attempts++;
	return CURL_PREREQFUNC_OK;
}

static size_t on_read(char *out, size_t size, size_t n, void *transfer)
{
	struct transfer *t = transfer;
	size_t room = size * n, done = 0;

	while (t->part < t->n_parts && done < room) {
		slice s = t->parts[t->part];
		size_t left = s.len - t->at, k = left < room - done ? left : room - done;

		if (k > 0)
			memcpy(out + done, s.p + t->at, k);
		done += k;
		t->at += k;
		if (t->at == s.len) {
			t->part++;
			t->at = 0;
		}
	}
	return done;
}

/* libcurl goes back to the start only. */
static int on_seek(void *transfer, curl_off_t offset, int origin)
{
	struct transfer *t = transfer;

	if (offset != 0 || origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	t->part = t->at = 0;
	return CURL_SEEKFUNC_OK;
}

/* Of a line that begins as a status line; 0: it is none. */
static long status_of(slice line)
{
	uint64_t status = 0;

	if (line.len < 13 || (line.p[12] != ' ' && line.p[12] != '\r') ||
	        parse_u64((slice){ line.p + 9, 3 }, &status) != 0)
		return 0;
	return (long)status;
}

/* An answer's head, and the body when it is there as it is. Only a refusal counts; a 408 speaks of waiting for a
 * request, maybe for the one before. */
static void take_last_words(struct transfer *t, slice words)
{
	const char *end;
	bool plain = true;
	long status = 0;

	while (!t->head_ended && (end = memmem(words.p, words.len, "\r\n", 2)) != NULL) {
		slice line = { words.p, (size_t)(end + 2 - words.p) };

		if (slice_starts(line, SLICE("HTTP/1.")))
			status = status_of(line);
		if (status < 100 || on_head((char *)(uintptr_t)line.p, 1, line.len, t) != line.len)
			break;
		plain &= line.len < 18 || !slice_ieq((slice){ line.p, 18 }, SLICE("transfer-encoding:"));
		t->head_ended &= status >= 200; /* an interim answer is not the last one */
		words = (slice){ end + 2, words.len - line.len };
	}
	t->last_status = t->head_ended && status >= 400 && status < 600 && status != 408 ? status : 0;
	if (t->last_status == 0)
		forget_last_words(t);
	else if (plain)
		on_body((char *)(uintptr_t)words.p, 1, words.len, t);
}

/* Both ends, because connections to several servers may share a local port. */
static bool is_on(const struct transfer *t, const struct end *local, const struct end *remote)
{
	const struct curl_api *curl = t->client->curl;
	const char *here = NULL, *there = NULL;
	long port = 0, remote_port = 0;

	curl->easy_getinfo(t->easy, CURLINFO_LOCAL_IP, &here);
	curl->easy_getinfo(t->easy, CURLINFO_LOCAL_PORT, &port);
	curl->easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &there);
	curl->easy_getinfo(t->easy, CURLINFO_PRIMARY_PORT, &remote_port);
	return here && there && port == local->port && remote_port == remote->port && strcmp(here, local->ip) == 0 &&
	        strcmp(there, remote->ip) == 0;
}

void client_hear_out(struct http_client *c, curl_socket_t fd, const struct end *local, const struct end *remote)
{
	char words[MAX_LAST_WORDS];
	ssize_t n = recv(fd, words, sizeof(words), MSG_DONTWAIT);

	if (n <= 0 || !slice_starts((slice){ words, (size_t)n }, SLICE("HTTP/1.")))
		return;
	for (struct transfer *t = c->active; t; t = t->next)
		if (t->head_bytes == 0 && is_on(t, local, remote))
			take_last_words(t, (slice){ words, (size_t)n });
}

struct transfer *transfer_new(struct http_client *c)
{
	struct transfer *t = calloc(1, sizeof(*t));

	if (!t)
		abort();
	t->client = c;
	t->easy = c->curl->easy_init();
	if (!t->easy) {
		free(t);
		return NULL;
	}
	arena_init(&t->lines);
	strbuf_init(&t->small, SMALL);
	strbuf_init(&t->body, c->settings.max_response);
	for (int i = 0; i < N_HEADS; i++)
		strbuf_init(&t->heads[i], MAX_VALUE);
	c->curl->easy_setopt(t->easy, CURLOPT_PRIVATE, t);
	c->curl->easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->error);
	c->curl->easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_begin);
	c->curl->easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
	c->curl->easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_head);
	c->curl->easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
	c->curl->easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	c->curl->easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	c->curl->easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
	c->curl->easy_setopt(t->easy, CURLOPT_READDATA, t);
	c->curl->easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, on_seek);
	c->curl->easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
	transfer_watch(t);
	transfer_setup(t);
	return t;
}

void transfer_free(struct transfer *t)
{
	t->client->curl->easy_cleanup(t->easy);
	transfer_forget_aim(t);
	arena_release(&t->lines);
	strbuf_release(&t->small);
	strbuf_release(&t->body);
	for (int i = 0; i < N_HEADS; i++)
		strbuf_release(&t->heads[i]);
	free(t);
}

static struct curl_slist *push_line(struct transfer *t, struct curl_slist *list, char *line)
{
	struct curl_slist *l = arena_alloc(&t->lines, sizeof(*l));

	*l = (struct curl_slist){ .data = line, .next = list };
	return l;
}

/* libcurl keeps the list, not a copy; order does not matter. */
static int load_headers(struct transfer *t, const char *const *headers, struct err *e)
{
	struct curl_slist *list = NULL;
	bool has_host = false;

	for (; headers && *headers; headers++) {
		slice line = slice_of(*headers);
		const char *colon = memchr(line.p, ':', line.len);

		if (!colon || colon == line.p || strpbrk(line.p, "\r\n"))
			return err_set(e, "a header is not \"Name: value\" on one line");
		slice name = { line.p, (size_t)(colon - line.p) };

		has_host |= slice_ieq(name, SLICE("host"));
		if (slice_trim((slice){ colon + 1, line.len - name.len - 1 }).len == 0) /* else it would be removed */
			list = push_line(t, list, arena_printf(&t->lines, "%.*s;", SLICE_ARG(name)));
		else
			list = push_line(t, list, arena_cstr(&t->lines, line));
	}
	if (t->host_header && !has_host)
		list = push_line(t, list, t->host_header);
	list = push_line(t, list, arena_cstr(&t->lines, SLICE("Expect:"))); /* never wait for a 100 */
	t->client->curl->easy_setopt(t->easy, CURLOPT_HTTPHEADER, list);
	return 0;
}

static void load_body(struct transfer *t, const struct http_post *p)
{
	const struct curl_api *curl = t->client->curl;
	const char *whole = NULL; /* NULL: read part by part */
	size_t total = 0;

	for (size_t i = 0; i < p->n_parts; i++)
		total += p->parts[i].len;
	if (total == 0) {
		whole = "";
	} else if (total <= SMALL && p->n_parts == 1) {
		whole = p->parts[0].p;
	} else if (total <= SMALL) {
		for (size_t i = 0; i < p->n_parts; i++)
			strbuf_add(&t->small, p->parts[i]);
		whole = t->small.failed ? NULL : t->small.p;
	}
	t->parts = p->parts;
	t->n_parts = p->n_parts;
	t->part = t->at = 0;
	curl->easy_setopt(t->easy, CURLOPT_POSTFIELDS, whole);
	curl->easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)total);
}

int transfer_load(struct transfer *t, const struct http_post *p, struct err *e)
{
	if (transfer_aim(t, p->url, e) != 0 || load_headers(t, p->headers, e) != 0)
		return -1;
	load_body(t, p);
	if (t->timeout_ns != p->timeout_ns)
		t->client->curl->easy_setopt(
		        t->easy, CURLOPT_TIMEOUT_MS, (long)((p->timeout_ns + NS_PER_MS - 1) / NS_PER_MS));
	t->timeout_ns = p->timeout_ns;
	t->on_done = p->on_done;
	t->ctx = p->ctx;
	t->n_attempts = 0;
	return 0;
}

/* What libcurl says about the exchange, corrected. */
static CURLcode code_of(struct transfer *t, CURLcode code, long status)
{
	curl_off_t announced = 0;

	if (code == CURLE_OK) /* also when the end of the connection cut the head */
		return t->head_ended ? CURLE_OK : CURLE_PARTIAL_FILE;
	/* A server may answer (413, 401) and close before it has read the body: the answer counts. */
	if (code == CURLE_SEND_ERROR && status >= 400)
		return CURLE_OK;
	/* A header line that is longer than libcurl takes; a body that announces more than is read, however that ended. */
	t->client->curl->easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
	t->too_large |=
	        status && (code == CURLE_OUT_OF_MEMORY || announced > (curl_off_t)t->client->settings.max_response);
	return code;
}

void transfer_reply(struct transfer *t, CURLcode code, bool cancelled, struct http_reply *r, char *text, size_t n)
{
	long status = 0;

	memset(r, 0, sizeof(*r));
	text[0] = '\0';
	r->text = text;
	if (cancelled) {
		r->fault = HTTP_FAULT_CANCELLED;
		snprintf(text, n, "cancelled before %s had answered", t->peer);
		return;
	}
	t->client->curl->easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_SEND_ERROR && status == 0)
		status = t->last_status;
	code = code_of(t, code, status);
	if (code != CURLE_OK)
		r->fault = transfer_fault(t, code, text, n);
	if (code != CURLE_OK && r->fault != HTTP_FAULT_TOO_LARGE)
		return;
	r->status = (int)status;
	r->body = strbuf_slice(&t->body);
	r->content_type = strbuf_slice(&t->heads[HEAD_CONTENT_TYPE]);
	r->retry_after = strbuf_slice(&t->heads[HEAD_RETRY_AFTER]);
	r->date = strbuf_slice(&t->heads[HEAD_DATE]);
}

void transfer_clear(struct transfer *t)
{
	forget_last_words(t);
	if (t->body.cap > KEEP_BODY) {
		strbuf_release(&t->body);
		strbuf_init(&t->body, t->client->settings.max_response);
	}
	strbuf_clear(&t->small);
	/* libcurl must not see what dies here */
	t->client->curl->easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
	t->client->curl->easy_setopt(t->easy, CURLOPT_POSTFIELDS, "");
	arena_reset(&t->lines, KEEP_LINES);
	t->parts = NULL;
	t->n_parts = 0;
	t->too_large = false;
	t->error[0] = '\0';
}
