/* port_owner.h - which process listens on a TCP port, for the text of "address already in use". */
#pragma once
#include "lib/base/base.h"

struct port_owner {
	long pid;
	char name[32];
};

/* Looks through /proc: true when a listener was found whose process may be seen. Costs milliseconds. */
bool port_owner_find(uint16_t port, struct port_owner *out);
