/* csv.h - for tests that read the tables of lib/genai themselves: rows of simple CSV, the header row skipped. The tests run in the
 * root of the tree. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/base.h"

enum { CSV_FIELDS = 10 };

struct csv {
	char *text, *at;
};

static inline void csv_open(struct csv *c, const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		fail_msg("cannot open %s (run in the root of the tree)", path);
	size_t room = 1 << 20, n;
	c->text = malloc(room);
	n = fread(c->text, 1, room - 1, f);
	fclose(f);
	c->text[n] = 0;
	c->at = strchr(c->text, '\n') + 1;
}

/* The fields of the next row, unquoted in place; the missing ones are empty. */
static inline bool csv_row(struct csv *c, slice f[CSV_FIELDS])
{
	if (!*c->at)
		return false;
	for (unsigned i = 0; i < CSV_FIELDS; i++)
		f[i] = (slice){ "", 0 };
	for (unsigned i = 0; i < CSV_FIELDS; i++) {
		char *out = c->at, *start = out;
		bool quoted = false;
		while (*c->at && (quoted || (*c->at != ',' && *c->at != '\n'))) {
			if (*c->at == '"' && quoted && c->at[1] == '"')
				*out++ = *c->at++;
			else if (*c->at == '"')
				quoted = !quoted;
			else
				*out++ = *c->at;
			c->at++;
		}
		f[i] = (slice){ start, (size_t)(out - start) };
		if (!*c->at || *c->at++ == '\n')
			return true;
	}
	return true;
}

static inline void csv_close(struct csv *c)
{
	free(c->text);
}
