/* certs.h - certificates made while a test runs, so that none expires in git.
 *
 * P-256, valid from yesterday for ten days. Strings are owned by the struct; files go to a directory of the caller. */
#pragma once
#include <openssl/evp.h>
#include <openssl/x509.h>

struct cert {
	X509 *x509;
	EVP_PKEY *key;
	char *cert_pem, *key_pem;
};

/* issuer NULL: a self-signed CA. names: a subjectAltName ("DNS:localhost,IP:127.0.0.1") or NULL. */
struct cert cert_make(const struct cert *issuer, const char *common_name, const char *names);
void cert_free(struct cert *c);
/* Writes text to DIR/NAME and returns the path, owned by the caller. */
char *file_make(const char *dir, const char *name, const char *text);
