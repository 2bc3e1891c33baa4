/* scalar.h - what an unquoted YAML scalar means, decided in one place.
 *
 * As Go's yaml.v3 (the Collector's parser) reads it into an untyped value: only true and false are booleans
 * (yes, no, on, off are text), integers may be hex, octal, binary and hold underscores, dates are text.
 */
#pragma once
#include "lib/base/arena.h"

enum scalar_type { SCALAR_NULL, SCALAR_BOOL, SCALAR_INT, SCALAR_FLOAT, SCALAR_TEXT };

enum scalar_type scalar_type(slice text);
/* The spelling that the strict readers of lib/base/parse.h take: True is "true", 0x1F and 1_000 are decimal.
 * Text and floats come back as they are. */
slice scalar_normal(struct arena *a, slice text);
