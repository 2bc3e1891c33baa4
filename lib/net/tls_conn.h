/* tls_conn.h - inside of tls.h: what tls.c makes and tls_conn.c uses. */
#pragma once
#include <openssl/ssl.h>
#include <stdatomic.h>

#include "lib/net/tls.h"

struct tls_context {
	_Atomic uint32_t refs;
	SSL_CTX *ssl_ctx; /* OpenSSL counts and locks what connections share of it */
};
