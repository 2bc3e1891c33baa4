/* curl_api.h - the functions of libcurl that are used, found at run time.
 *
 * libcurl and what it drags in cost 6 MB of resident memory, more than all of an idle weir, so the program is
 * not linked with it: the library is opened with the first request that leaves. Headers are those of the build; the
 * soname (libcurl.so.4) has been stable since 2006, and options unknown to an older library are refused by it.
 */
#pragma once
#define CURL_DISABLE_DEPRECATION /* of multi_socket_all */
#define CURL_DISABLE_TYPECHECK /* its macros do not see through function pointers */
#include <curl/curl.h>

#include "lib/base/err.h"

#define CURL_FUNCTIONS(X)      \
	X(global_init)         \
	X(easy_init)           \
	X(easy_setopt)         \
	X(easy_getinfo)        \
	X(easy_cleanup)        \
	X(easy_strerror)       \
	X(multi_init)          \
	X(multi_setopt)        \
	X(multi_add_handle)    \
	X(multi_remove_handle) \
	X(multi_socket_action) \
	X(multi_socket_all)    \
	X(multi_info_read)     \
	X(multi_cleanup)       \
	X(multi_strerror)      \
	X(url)                 \
	X(url_set)             \
	X(url_get)             \
	X(url_cleanup)         \
	X(free)

struct curl_api {
#define X(name) __typeof__(curl_##name) *name;
	CURL_FUNCTIONS(X)
#undef X
};

/* Opens the library at the first call of the process. NULL with e (names the package). Thread-safe. */
const struct curl_api *curl_api_get(struct err *e) MUST_USE;
/* Whether it could be opened, found out without opening it where possible. 0, or -1 with e. */
int curl_api_find(struct err *e) MUST_USE;
