/* test_loop.c - mails keep their order across threads; timers follow the loop's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>

#include "lib/net/loop.h"

enum { SENDERS = 3, MAILS = 20000 };

struct note {
	struct mail mail;
	int sender, number;
	struct box *box;
};

struct box {
	struct loop loop;
	int next[SENDERS];
	int received, disorder;
};

struct sender {
	pthread_t thread;
	struct box *box;
	int id;
};

static void on_note(struct mail *m)
{
	struct note *n = CONTAINER_OF(m, struct note, mail);
	struct box *b = n->box;
	if (b->next[n->sender]++ != n->number)
		b->disorder++;
	if (++b->received == SENDERS * MAILS)
		loop_stop(&b->loop);
	free(n);
}

static void *send_notes(void *arg)
{
	struct sender *s = arg;
	for (int i = 0; i < MAILS; i++) {
		struct note *n = malloc(sizeof(*n));
		*n = (struct note){ .mail = { .run = on_note }, .sender = s->id, .number = i, .box = s->box };
		loop_post(&s->box->loop, &n->mail);
	}
	return NULL;
}

static void test_mails_of_one_sender_arrive_in_order(void **state UNUSED)
{
	struct box b = { .received = 0 };
	struct sender s[SENDERS];
	assert_int_equal(loop_init(&b.loop, clock_system()), 0);
	for (int i = 0; i < SENDERS; i++) {
		s[i] = (struct sender){ .box = &b, .id = i };
		assert_int_equal(pthread_create(&s[i].thread, NULL, send_notes, &s[i]), 0);
	}
	loop_run(&b.loop);
	for (int i = 0; i < SENDERS; i++)
		pthread_join(s[i].thread, NULL);
	assert_int_equal(b.received, SENDERS * MAILS);
	assert_int_equal(b.disorder, 0);
	loop_release(&b.loop);
}

struct chain {
	struct mail mail;
	struct loop *loop;
	int left, ran;
};

static void on_chain(struct mail *m)
{
	struct chain *c = CONTAINER_OF(m, struct chain, mail);
	c->ran++;
	if (c->left-- > 0)
		loop_post(c->loop, m);
}

static void test_a_mail_may_post_and_release_runs_the_rest(void **state UNUSED)
{
	struct loop l;
	struct chain c = { .mail = { .run = on_chain }, .loop = &l, .left = 5 };
	assert_int_equal(loop_init(&l, clock_system()), 0);
	loop_post(&l, &c.mail);
	loop_drain_mail(&l);
	assert_int_equal(c.ran, 1);
	loop_drain_mail(&l);
	assert_int_equal(c.ran, 2);
	loop_release(&l);
	assert_int_equal(c.ran, 6);
}

struct alarm {
	struct timer timer;
	int n_fired, order, *counter;
	int64_t again_ns;
	bool closed;
};

static void on_alarm(struct timer *t)
{
	struct alarm *a = CONTAINER_OF(t, struct alarm, timer);
	a->n_fired++;
	a->order = ++*a->counter;
	if (a->again_ns >= 0)
		timer_start(t, a->again_ns);
}

static void on_alarm_closed(struct timer *t)
{
	CONTAINER_OF(t, struct alarm, timer)->closed = true;
}

static void test_timers_follow_the_fake_clock(void **state UNUSED)
{
	struct fake_clock clock;
	struct loop l;
	int counter = 0;
	struct alarm a[4];
	fake_clock_init(&clock, 1000, 0);
	assert_int_equal(loop_init(&l, &clock.clock), 0);
	for (size_t i = 0; i < COUNTOF(a); i++) {
		a[i] = (struct alarm){ .counter = &counter, .again_ns = -1 };
		timer_init(&l, &a[i].timer, on_alarm);
	}
	timer_start(&a[0].timer, 30 * NS_PER_MS);
	timer_start(&a[1].timer, 10 * NS_PER_MS);
	timer_start(&a[2].timer, 20 * NS_PER_MS);
	a[3].again_ns = 0;
	timer_start(&a[3].timer, 25 * NS_PER_MS);
	loop_pump(&l);
	assert_int_equal(counter, 0);
	fake_clock_advance(&clock, 10 * NS_PER_MS);
	loop_pump(&l);
	assert_int_equal(a[1].n_fired, 1);
	assert_int_equal(counter, 1);
	timer_start(&a[2].timer, 15 * NS_PER_MS); /* replaces the earlier start */
	fake_clock_advance(&clock, 14 * NS_PER_MS);
	loop_pump(&l);
	assert_int_equal(counter, 1);
	fake_clock_advance(&clock, 6 * NS_PER_MS);
	loop_pump(&l); /* in order of time; the one that starts itself anew waits for the next turn */
	assert_int_equal(a[0].n_fired, 1);
	assert_int_equal(a[2].n_fired, 1);
	assert_in_range(a[3].n_fired, 1, 2); /* uv may find it due again in the same turn, not more */
	assert_true(a[2].order < a[0].order);
	timer_stop(&a[3].timer);
	counter = 0;
	fake_clock_advance(&clock, NS_PER_S);
	loop_pump(&l);
	assert_int_equal(counter, 0);
	for (size_t i = 0; i < COUNTOF(a); i++)
		timer_close(&a[i].timer, i ? on_alarm_closed : NULL);
	timer_start(&a[1].timer, 0); /* of a closing timer: nothing */
	loop_release(&l);
	assert_true(a[1].closed && a[2].closed && a[3].closed && !a[0].closed);
	assert_int_equal(counter, 0);
}

struct stopper {
	struct timer timer;
	struct loop *loop;
	int64_t at;
};

static void on_stop_time(struct timer *t)
{
	struct stopper *s = CONTAINER_OF(t, struct stopper, timer);
	s->at = loop_now(s->loop);
	loop_stop(s->loop);
}

static void test_a_timer_never_fires_early_on_the_real_clock(void **state UNUSED)
{
	struct loop l;
	struct stopper s = { .loop = &l };
	int64_t start;
	assert_int_equal(loop_init(&l, clock_system()), 0);
	timer_init(&l, &s.timer, on_stop_time);
	start = loop_now(&l);
	timer_start(&s.timer, 1500000);
	loop_run(&l);
	assert_true(s.at - start >= 1500000);
	timer_close(&s.timer, NULL);
	loop_release(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mails_of_one_sender_arrive_in_order),
		cmocka_unit_test(test_a_mail_may_post_and_release_runs_the_rest),
		cmocka_unit_test(test_timers_follow_the_fake_clock),
		cmocka_unit_test(test_a_timer_never_fires_early_on_the_real_clock),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
