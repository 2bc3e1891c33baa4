/* coerce.h - reading an attribute value as what a concept needs, tolerating what real SDKs send.
 *
 * Ints come as strings and doubles, doubles as ints (every JavaScript exporter), arrays as JSON strings, booleans as "True", absent
 * values as "None", "N/A" or "". False means: not that type or absent in disguise; *out is then untouched. Results point into the
 * value or into the arena.
 */
#pragma once
#include "lib/genai/tables.h"

bool coerce_int(
        const struct value *v, int64_t *out); /* integral doubles, decimal strings; no NaN, no negative sign check */
bool coerce_tokens(const struct value *v, int64_t *out); /* as coerce_int, but 0 to 2^53 */
bool coerce_double(const struct value *v, double *out); /* finite only */
bool coerce_bool(const struct value *v, bool *out);
/* Text of a string, int, double or bool; READ_QUOTED unwraps one JSON-quoted string. Sentinels ("", None, null, N/A, <not specified>,
 * undefined) are absent. */
bool coerce_text(const struct value *v, enum alias_read read, struct arena *a, slice *out);
/* Array of strings, JSON array in a string, Python list repr, one string, with READ_CSV a comma list. At most 1,000 elements. */
bool coerce_strings(const struct value *v, enum alias_read read, struct arena *a, slice **out, size_t *n);
/* ISO 8601 date and time with zone to nanoseconds since 1970; may be JSON-quoted. */
bool coerce_time(const struct value *v, uint64_t *ns);
/* True for a value that means "withheld": __REDACTED__, <REDACTED>, [REDACTED], <redacted>. */
bool is_redacted(slice s);
