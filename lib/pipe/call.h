/* call.h - running a function on another thread's loop and waiting for its end.
 *
 * For the rare things the main thread decides: starting stages, adopting a graph, draining. The called thread must
 * be running its loop; the two must not call each other. */
#pragma once
#include "lib/net/loop.h"

/* Returns after run(arg) has returned on l's thread. */
void call_on(struct loop *l, void (*run)(void *arg), void *arg);
