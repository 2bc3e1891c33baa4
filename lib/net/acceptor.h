/* acceptor.h - one listening socket, watched by the main loop; accepted fds go to a callback.
 *
 * The fd survives reloads (same address: same acceptor). At the connection cap it stops polling, so the kernel's
 * backlog holds clients instead of resetting them; EMFILE is answered by a pause of 100 ms. Addresses are
 * HOST:PORT, :PORT, [v6]:PORT, unix paths with transport "unix". Resolution of host names happens here once, at
 * bind time.
 */
#pragma once
#include "lib/base/err.h"
#include "lib/net/loop.h"

struct acceptor;
/* Binds and listens (SO_REUSEADDR, backlog 1024) but does not accept yet. NULL with e; for a port in use the text names
 * the address and, where /proc tells, pid and name of the process that holds it. transport: tcp, tcp4, tcp6, unix. */
struct acceptor *acceptor_new(struct loop *l, slice address, slice transport, struct err *e) MUST_USE;
/* The address bound, with the real port when 0 was asked: "127.0.0.1:4318". */
const char *acceptor_address(const struct acceptor *a);
/* Starts accepting: on_accept gets a non-blocking, close-on-exec fd (TCP_NODELAY set) and owns it. */
void acceptor_start(struct acceptor *a, void (*on_accept)(void *ctx, int fd), void *ctx);
void acceptor_pause(struct acceptor *a);
void acceptor_resume(struct acceptor *a);
/* Closes the socket; frees from the loop. */
void acceptor_close(struct acceptor *a);
