/* http_date.h - the date of an answer (RFC 9110 5.6.7, IMF-fixdate). */
#pragma once
#include "lib/base/base.h"

enum { HTTP_DATE_LEN = 29 };
/* "Sun, 06 Nov 1994 08:49:37 GMT" with a NUL; years 1970 to 9999, clamped. */
void http_date_format(int64_t unix_s, char out[HTTP_DATE_LEN + 1]);
