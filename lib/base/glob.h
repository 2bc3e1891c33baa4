/* glob.h - `*` and `?` patterns over whole texts.
 *
 * `*` is any run of bytes, `?` one UTF-8 character, everything else itself (no brackets, no escapes). Time is at most
 * text times pattern; no recursion.
 */
#pragma once
#include "lib/base/base.h"

bool glob_match(slice pattern, slice text);
