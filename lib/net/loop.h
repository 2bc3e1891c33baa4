/* loop.h - a libuv loop with a clock, timers in ns, and a mailbox: what one thread runs.
 *
 * All handles of a loop are used on its own thread; the only way in from another thread is loop_post.
 * Time comes from loop->clock. Timers embed their uv handle: the struct that holds a
 * timer is freed only in timer_close's callback.
 */
#pragma once
#include <uv.h>

#include "lib/base/base.h"
#include "lib/base/clock.h"

struct mail {
	struct mail *next;
	void (*run)(struct mail *m); /* on the receiving thread; may free m */
};

struct mailbox {
	uv_async_t async;
	_Atomic(struct mail *) head; /* newest first; reversed on receipt */
};

struct timer;

struct loop {
	uv_loop_t uv;
	struct clock *clock;
	struct mailbox mailbox;
	struct timer *timers; /* armed ones, lib only */
	uint64_t n_armed; /* stamps them, lib only */
	uv_thread_t thread; /* of loop_spawn */
	bool pumped; /* a test turns it by loop_pump: no thread runs it, calls to it run at once, time is the clock's alone */
	bool stopped; /* pumped: loop_stop was called */
};

/* Also ignores SIGPIPE for the process: a peer that is gone is an EPIPE, never a signal. -1: no fds or no memory. */
int loop_init(struct loop *l, struct clock *clock) MUST_USE;
/* Runs until loop_stop. */
void loop_run(struct loop *l);
/* A thread with so much stack for run(arg), which calls loop_run. A pumped loop gets none. Aborts when there is no thread to be had. */
void loop_spawn(struct loop *l, size_t stack, void (*run)(void *arg), void *arg);
/* Until loop_stop was called and the thread has ended; a pumped loop is turned here until then. */
void loop_join(struct loop *l);
/* One turn without waiting: what is ready on fds, mails, and the timers that are due by loop->clock. Tests pump
 * with it: a timer follows the loop's clock, so a fake clock that is moved by hand fires it here. */
void loop_pump(struct loop *l);
/* From the loop's own thread. */
void loop_stop(struct loop *l);
/* Closes the mailbox and what is left, runs the close callbacks, frees. Asserts that no handle is left open. */
void loop_release(struct loop *l);

static inline int64_t loop_now(struct loop *l)
{
	return clock_mono(l->clock);
}

/* From any thread. Takes m until m->run was called. Mails of one sender arrive in order. */
void loop_post(struct loop *l, struct mail *m);
/* Runs every mail that is there now, before anything else on this thread. */
void loop_drain_mail(struct loop *l);

struct timer {
	uv_timer_t uv;
	struct timer *next, *prev; /* armed ones, lib only */
	int64_t at; /* due, in loop_now */
	uint64_t stamp; /* 0: not armed */
	void (*on_time)(struct timer *t);
	void (*on_closed)(struct timer *t);
};
void timer_init(struct loop *l, struct timer *t, void (*on_time)(struct timer *t));
/* Once, after `ns` (rounded up to ms, at least 1); replaces an earlier start. */
void timer_start(struct timer *t, int64_t ns);
void timer_stop(struct timer *t);
void timer_close(struct timer *t, void (*on_closed)(struct timer *t)); /* on_closed may be NULL */
