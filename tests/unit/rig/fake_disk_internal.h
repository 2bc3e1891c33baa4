/* fake_disk_internal.h - between fake_disk.c (calls) and fake_disk_control.c (faults, log, crashes). The mutex is held in all of it. */
#pragma once
#include "tests/unit/rig/fake_disk.h"

struct fake_file {
	int fd, flags;
	uint32_t node;
	int64_t at;
	char *path;
};

struct fake_rule {
	struct fake_fault fault;
	char *path;
	uint64_t n_seen, n_failed;
};

extern const struct disk fake_disk_calls_table;

/* Whether a fault hits this call: -errno, or 0 with *shorten or not. */
int fake_disk_decide(struct fake_disk *f, enum fake_call call, const char *path, bool *shorten, bool *partly);
void fake_disk_log_add(struct fake_disk *f, const struct fake_log_entry *e);
void fake_file_free(struct fake_file *file);
