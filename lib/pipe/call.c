/* call.c - a mail and a semaphore (see call.h).
 *
 * The call lives on the caller's stack: the semaphore guarantees that it outlives the mail. */
#include "lib/pipe/call.h"

struct call {
	struct mail mail; /* first */
	void (*run)(void *arg);
	void *arg;
	uv_sem_t done;
};

static void on_mail(struct mail *m)
{
	struct call *c = (struct call *)m;
	c->run(c->arg);
	uv_sem_post(&c->done);
}

void call_on(struct loop *l, void (*run)(void *arg), void *arg)
{
	struct call c = { .mail = { .run = on_mail }, .run = run, .arg = arg };
	if (l->pumped) { /* there is but one thread */
		run(arg);
		return;
	}
	if (uv_sem_init(&c.done, 0))
		abort();
	loop_post(l, &c.mail);
	uv_sem_wait(&c.done);
	uv_sem_destroy(&c.done);
}
