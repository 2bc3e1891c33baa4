/* certs.c - see certs.h. Aborts when OpenSSL refuses: a test without its certificate is no test. */
#include "tests/unit/rig/certs.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int ok)
{
	if (!ok)
		abort();
}

static char *text_of(BIO *b)
{
	char *p = NULL;
	long n = BIO_get_mem_data(b, &p);
	char *out = strndup(p, (size_t)n);

	must(out != NULL);
	BIO_free(b);
	return out;
}

static void extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(ext != NULL && X509_add_ext(x, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

struct cert cert_make(const struct cert *issuer, const char *common_name, const char *names)
{
	static long serial;
	struct cert c = { .x509 = X509_new(), .key = EVP_EC_gen("P-256") };
	BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());

	must(c.x509 && c.key && cert_bio && key_bio);
	X509_NAME *subject = X509_get_subject_name(c.x509);

	X509_set_version(c.x509, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x509), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(c.x509), -86400);
	X509_gmtime_adj(X509_getm_notAfter(c.x509), 9 * 86400);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(c.x509, issuer ? X509_get_subject_name(issuer->x509) : subject);
	X509_set_pubkey(c.x509, c.key);
	extend(c.x509, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (names)
		extend(c.x509, NID_subject_alt_name, names);
	must(X509_sign(c.x509, issuer ? issuer->key : c.key, EVP_sha256()) > 0);
	must(PEM_write_bio_X509(cert_bio, c.x509));
	must(PEM_write_bio_PrivateKey(key_bio, c.key, NULL, NULL, 0, NULL, NULL));
	c.cert_pem = text_of(cert_bio);
	c.key_pem = text_of(key_bio);
	return c;
}

void cert_free(struct cert *c)
{
	X509_free(c->x509);
	EVP_PKEY_free(c->key);
	free(c->cert_pem);
	free(c->key_pem);
}

char *file_make(const char *dir, const char *name, const char *text)
{
	char *path = NULL;

	must(asprintf(&path, "%s/%s", dir, name) > 0);
	FILE *f = fopen(path, "w");

	must(f && fputs(text, f) >= 0 && fclose(f) == 0);
	return path;
}
