/* tls_settings.h - inside of tls.h: settings put into an SSL_CTX, for both sides. */
#pragma once
#include <openssl/ssl.h>

#include "lib/net/tls.h"

/* The range as OpenSSL numbers; max 0: the newest. 0 or -1 with e. Touches nothing of OpenSSL. */
int tls_versions(const struct tls_settings *s, int *min, int *max, struct err *e) MUST_USE;
/* Versions, then certificate and key (both or neither, must match). 0 or -1 with e. */
int tls_apply(SSL_CTX *ctx, const struct tls_settings *s, struct err *e) MUST_USE;
/* Adds every certificate of a file (or of PEM text) to the store of `ctx`; at least one must be there. */
int tls_apply_roots(SSL_CTX *ctx, slice file, slice pem, struct err *e) MUST_USE;
/* Empties OpenSSL's error queue into words; "unknown error" when it was empty. */
const char *tls_reason(void);
