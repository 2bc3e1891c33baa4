/* keys.h - ids of well-known attribute names, by a perfect hash built once from a list.
 *
 * The scan looks every key up, so a lookup is one hash, one compare. The table is an argument: lib/otlp
 * does not know lib/genai. Ids are the list's indexes plus one; 0 means "not well known". */
#pragma once
#include "lib/base/base.h"

struct key_table; /* immutable, shared by all threads */

/* `names` are borrowed and must be distinct, at most 65534. Never NULL. */
struct key_table *key_table_new(const slice *names, size_t n) MUST_USE;
void key_table_free(struct key_table *t);
uint16_t key_table_id(const struct key_table *t, slice key);
slice key_table_name(const struct key_table *t, uint16_t id);
