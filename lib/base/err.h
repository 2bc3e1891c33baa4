/* err.h - why something failed, in words, and where when it concerns the config.
 *
 * Functions that can fail return 0 or -1 and fill a `struct err`. The one who handles the error
 * prints it; nobody logs and returns. `pos.line` 0 means "no place".
 */
#pragma once
#include "lib/base/base.h"

struct pos {
	const char *file; /* as given on the command line; lives as long as the config */
	uint32_t line, col; /* 1-based, columns in characters */
};

struct err {
	struct pos pos;
	char text[512];
};

/* Sets the text (cut at 511 bytes) and no place. Always returns -1. */
int err_set(struct err *e, const char *fmt, ...) PRINTF(2, 3);
/* The same, with a place. Always returns -1. */
int err_at(struct err *e, struct pos pos, const char *fmt, ...) PRINTF(3, 4);
/* Puts "PREFIX: " in front of the text. Always returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF(2, 3);
