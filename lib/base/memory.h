/* memory.h - how much memory this process may use, for limits given in percent. */
#pragma once
#include "lib/base/disk.h"

/* The least of the host's memory (`host` bytes) and the limits of this process's cgroup (v2, all ancestors; v1).
 * Files are read through `d`; what cannot be read is no limit. */
uint64_t memory_limit(struct disk *d, uint64_t host);
/* The same for this machine. */
uint64_t memory_total(void);
