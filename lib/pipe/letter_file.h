/* letter_file.h - one dead letter is one file: dlq/letter-%016x.log in a storage directory, in the format of the log.
 *
 *	a segment header with a salt of its own, then one record of type STORE_LETTER: pipeline, the one exporter, reason, what the
 *	backend said, wall time of the refusal, and as its body the OTLP request with the refused items
 *
 * So a letter is looked at, sent again and removed without a lock and without weir. A file has its name only when all of it is durable;
 * a crash leaves a letter-*.tmp at most. Nobody writes to a letter again. Readers believe nothing.
 */
#pragma once
#include "lib/base/disk.h"
#include "lib/base/vec.h"
#include "lib/pipe/store_format.h"

enum { LETTER_TEXT_MAX = 1024, LETTER_PATH = 4096 };

/* False: longer than a path may be. */
bool letter_file_path(const char *directory, uint64_t number, const char *suffix, char out[LETTER_PATH]) MUST_USE;

/* Bytes of its file; 0: larger than a log takes. */
uint64_t letter_file_size(const struct store_record *r);
/* Makes dlq/ (0700) and the file (0600). `r` has its exporter in routes; type and seq are set here. 0, or -errno and there is no file. */
int letter_file_write(
        struct disk *d, const char *directory, uint64_t number, uint64_t salt, const struct store_record *r) MUST_USE;

struct letter_list {
	VEC(uint64_t) numbers; /* ascending */
	VEC(uint64_t) unfinished; /* of letter-*.tmp */
};
/* 0, also without a dlq/, or -errno (-ENOENT: no such storage directory). Released by letter_list_release in any case. */
int letter_list(struct disk *d, const char *directory, struct letter_list *out) MUST_USE;
void letter_list_release(struct letter_list *l);
/* 0, also when it is gone already, or -errno. */
int letter_file_remove(struct disk *d, const char *directory, uint64_t number) MUST_USE;

enum letter_state { LETTER_SOUND, LETTER_DAMAGED, LETTER_NEWER /* of a newer version */ };

struct letter_file {
	uint64_t number, size; /* of the file */
	enum letter_state state;
	struct store_record record; /* when it is sound; points into `bytes`. The body only when it was asked for */
	char *bytes;
};
/* The letter, with body (then all of it is checked) or without. 0 with a state, or -errno. Released by letter_file_release after 0. */
int letter_file_read(
        struct disk *d, const char *directory, uint64_t number, bool with_body, struct letter_file *out) MUST_USE;
void letter_file_release(struct letter_file *l);
