/* cors.h - cross-origin answers for browser SDKs, by the Collector's cors options (Fetch standard).
 *
 * Active only with non-empty allowed_origins; `*` inside an origin matches any text; credentials are always allowed, so
 * the origin is echoed, never "*". */
#pragma once
#include "lib/net/http_server.h"
#include "lib/pipe/groups.h"

enum { CORS_HEADERS = 6 };

/* Fills the headers that an answer to this request carries; 0 when CORS is off, there is no Origin, or it is not
 * allowed. Values point into head, conf and `scratch`. */
size_t cors_headers(
        const struct cors_conf *c, const struct http_head *h, char scratch[32], struct http_header out[CORS_HEADERS]);
/* An OPTIONS request with Access-Control-Request-Method while CORS is on. */
bool cors_is_preflight(const struct cors_conf *c, const struct http_head *h);
