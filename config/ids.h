/* ids.h - component ids: type[/name]. */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/err.h"

struct id {
	slice type, name; /* name is empty for a bare type */
};

/* Both parts are trimmed; the slices point into `text`. -1 with e->text when the grammar is broken. */
int id_parse(slice text, struct id *out, struct err *e) MUST_USE;
/* "type" or "type/name" with another spelling of the type. */
const char *id_join(struct arena *a, const char *type, slice name);
