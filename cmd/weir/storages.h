/* storages.h - the storage directories that a command looks into: those of a config, or the one of --directory. */
#pragma once
#include "cmd/weir/args.h"
#include "lib/base/strbuf.h"
#include "lib/base/vec.h"

struct storages {
	struct plan *plan; /* NULL: without a config */
	VEC(char *) directories; /* each once */
};

/* Findings and complaints go to stderr, as of `command`. 0, or the exit code. With both, the config tells about exporters and `directory`
 * (may be NULL) is the one. Released by storages_release in any case. */
int storages_load(
        struct storages *s, const struct plan_sources *sources, const char *directory, const char *command) MUST_USE;
void storages_release(struct storages *s);
/* Is the extension of this id (empty: none) the storage in `directory`? */
bool storages_is_in(const struct plan *p, slice id, const char *directory);

/* "12 B", "1.5 MiB" */
void show_bytes(struct strbuf *out, uint64_t n);
/* "2026-11-21T15:30:00Z" */
void show_time(struct strbuf *out, int64_t wall_ns);
/* "12s", "4m12s", "3h5m", "2d4h" since then; a time to come is "0s". */
void show_age(struct strbuf *out, int64_t since_wall_ns, int64_t now_wall_ns);
/* "key":"text" with a comma in front unless it is the first member; the text is anybody's. */
void show_member(struct strbuf *out, const char *key, slice text);
const char *show_signal(enum signal s);
