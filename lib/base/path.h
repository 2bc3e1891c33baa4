/* path.h - whether two spellings of a path lead to the same place.
 *
 * Symbolic links, "..", "//" and relative paths are followed as far as the path exists; the rest of it, which somebody may make later, is
 * compared by its words. Bind mounts and hard links are not seen through. */
#pragma once
#include "lib/base/base.h"

/* Absolute, without ".", ".." and links where it exists; malloc'ed, the caller frees it. */
char *path_resolve(slice path) MUST_USE;
bool path_is_same(slice a, slice b);
