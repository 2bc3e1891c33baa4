/* fake_backend.c - see fake_backend.h. */
#include "tests/unit/rig/fake_backend.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "lib/otlp/wire.h"
#include "lib/pipe/call.h"

const char fake_pipeline[] = "pipeline";

struct answer_mail {
	struct mail mail; /* first */
	struct answer_mail *next;
	struct fake_backend *backend;
	struct delivery *delivery;
	struct verdict verdict;
};

static int64_t fake_now(struct clock *c)
{
	return atomic_load(&((struct fake_clock_shared *)c)->now);
}

static uint64_t next_random(struct fake_backend *b)
{
	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	return b->random;
}

/* The numbers of the items of one request. */
static size_t numbers_of(slice body, unsigned *out, size_t n)
{
	struct wire_field group, scope, item, field;
	for (slice a = body; a.len && wire_next(&a, &group);)
		for (slice s = group.content; s.len && wire_next(&s, &scope);)
			for (slice i = scope.tag == TAG(2, WIRE_LEN) ? scope.content : (slice){ 0 };
			        i.len && wire_next(&i, &item);)
				for (slice f = item.content; f.len && wire_next(&f, &field);)
					if (field.tag == TAG(2, WIRE_LEN))
						out[n++] = (unsigned)wire_fix32((const uint8_t *)field.content.p);
	return n;
}

static enum verdict_kind decide(struct fake_backend *b, const unsigned *numbers, size_t n, uint64_t size)
{
	if (b->always != DELIVERED)
		return b->always;
	if (b->busy_percent && next_random(b) % 100 < b->busy_percent)
		return RETRY;
	if (b->refuse_all)
		return BAD_DATA;
	if (b->max_bytes && size > b->max_bytes)
		return TOO_LARGE;
	for (size_t i = 0; i < n; i++)
		if (b->poison[numbers[i]])
			return BAD_DATA;
	return DELIVERED;
}

static void on_answer(struct mail *m)
{
	struct answer_mail *a = (struct answer_mail *)m;
	struct delivery *d = a->delivery;
	struct verdict v = a->verdict;
	pthread_mutex_lock(&a->backend->lock);
	a->backend->n_in_flight--;
	pthread_mutex_unlock(&a->backend->lock);
	free(a);
	delivery_done(d, &v);
}

static void judge(struct fake_backend *b, const struct delivery *d, struct verdict *v)
{
	static unsigned numbers[FAKE_ITEMS];
	uint64_t size = delivery_bytes(d);
	size_t n = 0;
	for (size_t i = 0; i < d->n_bodies; i++)
		n = numbers_of(buf_slice(d->bodies[i]), numbers, n);
	assert_int_equal(n, d->n_items);
	v->kind = decide(b, numbers, n, size);
	v->status = v->kind == BAD_DATA ? 400 : v->kind == TOO_LARGE ? 413 : 0;
	v->retry_after_ns = v->kind == RETRY ? b->retry_after_ns : 0;
	v->said = SLICE("no good");
	snprintf(v->text, sizeof v->text, "kind %d", (int)v->kind);
	for (size_t i = 0; i < n; i++) {
		b->sent[numbers[i]]++;
		b->accepted[numbers[i]] = (uint8_t)(b->accepted[numbers[i]] + (v->kind == DELIVERED));
	}
	b->n_in_flight++;
	if (b->max_in_flight < b->n_in_flight)
		b->max_in_flight = b->n_in_flight;
	assert_true(b->n_requests < FAKE_REQUESTS);
	b->requests[b->n_requests++] = (struct fake_request){ b->clock.now, d->n_items, size, b->n_in_flight, v->kind };
}

static void fake_send(struct stage *s, struct delivery *d)
{
	struct fake_backend *b = *(struct fake_backend *const *)s->conf;
	struct answer_mail *a = calloc(1, sizeof *a);
	assert_non_null(a);
	pthread_mutex_lock(&b->lock);
	*a = (struct answer_mail){ .mail.run = on_answer, .backend = b, .delivery = d };
	judge(b, d, &a->verdict);
	bool hangs = b->hangs;
	if (hangs) {
		a->next = b->hanging;
		b->hanging = a;
	}
	pthread_mutex_unlock(&b->lock);
	if (!hangs)
		loop_post(s->loop, &a->mail);
}

static const struct component fake = {
	.name = "fake",
	.kind = EXPORTER,
	.signals = TRACES | LOGS | METRICS,
	.send = fake_send,
	.stop = stage_stopped,
};

struct exporter_settings fake_backend_settings(void)
{
	return (struct exporter_settings){
		.retry = { .enabled = true,
		        .initial_interval = { 5 * NS_PER_S },
		        .max_interval = { 30 * NS_PER_S },
		        .max_elapsed_time = { 300 * NS_PER_S },
		        .randomization_factor = 0.5,
		        .multiplier = 1.5 },
		.n_consumers = 10,
		.capacity = UINT32_MAX,
		.quota = UINT32_MAX,
		.sizer = SIZER_REQUESTS,
		.required = true,
	};
}

void fake_backend_start(struct fake_backend *b, const struct exporter_settings *s, uint64_t seed)
{
	static struct fake_backend *conf;
	struct exporter_settings own = fake_backend_settings();
	struct log_conf lc = { LOG_DEBUG, LOG_TEXT, false, { memfd_create("log", MFD_CLOEXEC) }, 1 };
	struct err e = { .text = "" };
	*b = (struct fake_backend){ .clock.clock = { fake_now, fake_now }, .random = seed | 1, .log_fd = lc.fds[0] };
	atomic_store(&b->clock.now, 1000 * NS_PER_S);
	pthread_mutex_init(&b->lock, NULL);
	assert_int_equal(loop_init(&b->main, &b->clock.clock), 0);
	b->log = log_new(&lc, &b->clock.clock);
	b->exporter = exporter_new(&fake, "fake", &b->stats, &b->main, b->log);
	b->exporter->random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15); /* jitter follows the seed */
	conf = b;
	assert_int_equal(exporter_prepare(b->exporter, &conf, NULL, NULL, NULL, NULL, &e), 0);
	exporter_commit(b->exporter, s ? s : &own);
}

static char *put_group(char *o, size_t len)
{
	return wire_put_varint(wire_put_varint(o, TAG(1, WIRE_LEN)), len);
}

void fake_backend_put(struct fake_backend *b, enum signal signal, unsigned first, unsigned n, const size_t *sizes)
{
	static const char resource[] = "\x0a\x04\x0a\x02"
	                               "ab"; /* a resource of six bytes */
	static const char padding[1 << 20];
	size_t items = 0;
	for (unsigned i = 0; i < n; i++)
		items += wire_field_size(TAG(2, WIRE_LEN), 10 + wire_field_size(TAG(5, WIRE_LEN), sizes[i]));
	size_t scope = wire_field_size(TAG(2, WIRE_LEN), items), group = 6 + scope;
	struct buf *body = buf_new(NULL, wire_field_size(TAG(1, WIRE_LEN), group));
	assert_non_null(body);
	char *o = put_group(body->data, group);
	o = wire_put_bytes(o, (slice){ resource, 6 });
	o = wire_put_varint(wire_put_varint(o, TAG(2, WIRE_LEN)), items);
	for (unsigned i = 0; i < n; i++) {
		uint64_t id = first + i;
		o = wire_put_varint(o, TAG(2, WIRE_LEN));
		o = wire_put_varint(o, 10 + wire_field_size(TAG(5, WIRE_LEN), sizes[i]));
		o = wire_put_field(o, TAG(2, WIRE_LEN), (slice){ (const char *)&id, 8 });
		o = wire_put_field(o, TAG(5, WIRE_LEN), (slice){ padding, sizes[i] });
	}
	body->len = (size_t)(o - body->data);
	struct record *r = record_new(signal, fake_pipeline, (slice){ 0 }, 0, n, body);
	struct exporter_counts *c = &b->stats.by_signal[signal_index(signal)];
	uint64_t units;
	assert_true(queue_reserve(&b->exporter->queue, n, body->len, true, &units));
	count_add(&c->accepted, n);
	count_add(&c->queued, n);
	bool asleep = queue_commit(&b->exporter->queue, queue_entry_new(r, units));
	(void)asleep; /* fake_backend_poke wakes it */
}

static void run_pump(void *exporter)
{
	exporter_pump(exporter);
}

static void nothing(void *unused UNUSED)
{
}

void fake_backend_poke(struct fake_backend *b)
{
	struct answer_mail *list = NULL;
	pthread_mutex_lock(&b->lock);
	if (!b->hangs) {
		list = b->hanging;
		b->hanging = NULL;
	}
	pthread_mutex_unlock(&b->lock);
	for (struct answer_mail *next; list; list = next) {
		next = list->next;
		loop_post(&b->exporter->loop, &list->mail);
	}
	call_on(&b->exporter->loop, run_pump, b->exporter);
	/* answers are mails behind this one, and what they let go is answered behind those */
	for (unsigned before = UINT_MAX, now; (now = fake_backend_requests(b)) != before; before = now)
		for (unsigned i = 0; i < 3; i++)
			call_on(&b->exporter->loop, nothing, NULL);
}

void fake_backend_take(struct fake_backend *b, enum signal signal, unsigned first, unsigned n, size_t size)
{
	static size_t sizes[FAKE_ITEMS];
	for (unsigned i = 0; i < n; i++)
		sizes[i] = size;
	fake_backend_put(b, signal, first, n, sizes);
	fake_backend_poke(b);
}

void fake_backend_advance(struct fake_backend *b, int64_t ns)
{
	atomic_fetch_add(&b->clock.now, ns);
	fake_backend_poke(b);
}

static uint64_t all_queued(const struct fake_backend *b)
{
	uint64_t n = 0;
	for (unsigned k = 0; k < N_SIGNALS; k++)
		n += count_get(&b->stats.by_signal[k].queued);
	return n;
}

void fake_backend_finish(struct fake_backend *b, int64_t limit_ns)
{
	int64_t end = b->clock.now + limit_ns;
	fake_backend_poke(b);
	while (all_queued(b)) {
		if (b->clock.now > end)
			fail_msg("%llu still queued after %lld s", (unsigned long long)all_queued(b),
			        (long long)(limit_ns / NS_PER_S));
		fake_backend_advance(b, NS_PER_S);
	}
}

static void on_drained(struct exporter *e UNUSED, void *ctx)
{
	((struct fake_backend *)ctx)->drained = true;
}

void fake_backend_stop(struct fake_backend *b)
{
	b->hangs = false;
	exporter_drain(b->exporter, 0, DROP_SHUTDOWN, on_drained, b);
	while (!b->drained) {
		fake_backend_poke(b);
		loop_pump(&b->main);
	}
	for (unsigned k = 0; k < N_SIGNALS; k++) {
		const struct exporter_counts *c = &b->stats.by_signal[k];
		uint64_t sum = c->delivered + c->rejected + c->dead_lettered;
		for (unsigned d = 0; d < N_DROP_REASONS; d++)
			sum += c->dropped[d];
		assert_int_equal(c->queued, 0);
		assert_int_equal(sum, c->accepted);
	}
	struct exporter_view view = exporter_view(b->exporter);
	assert_int_equal(view.queue_size, 0);
	assert_int_equal(view.queue_bytes, 0);
	assert_int_equal(b->n_in_flight, 0);
	exporter_free(b->exporter);
	loop_pump(&b->main);
	loop_release(&b->main);
	log_free(b->log);
	close(b->log_fd);
	pthread_mutex_destroy(&b->lock);
}

unsigned fake_backend_requests(struct fake_backend *b)
{
	pthread_mutex_lock(&b->lock);
	unsigned n = b->n_requests;
	pthread_mutex_unlock(&b->lock);
	return n;
}

bool fake_backend_has_logged(struct fake_backend *b, const char *text)
{
	size_t n = (size_t)lseek(b->log_fd, 0, SEEK_END);
	char *all = malloc(n + 1);
	assert_non_null(all);
	ssize_t got = pread(b->log_fd, all, n, 0);
	bool found = got > 0 && memmem(all, (size_t)got, text, strlen(text));
	free(all);
	return found;
}
