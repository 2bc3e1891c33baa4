/* tls_settings.c - files and PEM text into an SSL_CTX, with errors that name the file and the reason.
 *
 * Everything is read and checked when a context is made, so that a half-written or mismatched pair is found
 * at start or reload, where the old context can stay, and never at a connection. An encrypted key is an error,
 * not a prompt.
 */
#include "lib/net/tls_settings.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "lib/base/disk.h"

enum { MAX_PEM = 4 << 20, MAX_PATH = 4096 };

/* PEM text from where the user put it. */
struct pem {
	char name[256]; /* "certificate FILE" */
	char *owned;
	BIO *bio;
};

const char *tls_reason(void)
{
	unsigned long first = ERR_get_error();
	const char *reason = first ? ERR_reason_error_string(first) : NULL;

	ERR_clear_error();
	return reason ? reason : "unknown error";
}

static void pem_close(struct pem *p)
{
	BIO_free(p->bio);
	free(p->owned);
}

static int pem_open(struct pem *p, const char *what, slice file, slice text, struct err *e)
{
	char path[MAX_PATH];

	memset(p, 0, sizeof(*p));
	if (file.len > 0 && text.len > 0)
		return err_set(e, "give the %s as a file or as PEM text, not both", what);
	if (file.len >= sizeof(path) || text.len > MAX_PEM)
		return err_set(e, "the %s is too long", what);
	if (file.len > 0) {
		snprintf(path, sizeof(path), "%.*s", SLICE_ARG(file));
		snprintf(p->name, sizeof(p->name), "%s %.200s", what, path);
		int r = disk_slurp(disk_system(), path, MAX_PEM, &p->owned, &text.len);

		if (r != 0)
			return err_set(e, "cannot read %s: %s", p->name, strerror(-r));
		text.p = p->owned;
	} else {
		snprintf(p->name, sizeof(p->name), "inline %s", what);
	}
	p->bio = BIO_new_mem_buf(text.p, (int)text.len);
	if (!p->bio)
		abort();
	ERR_clear_error();
	return 0;
}

/* PEM_read_* ask for a password on the terminal unless told otherwise. */
static int no_password(char *buf, int size, int writing, void *u)
{
	(void)buf, (void)size, (void)writing, (void)u;
	return -1;
}

/* After the last certificate that could be read: was it the last one there is? A file that is being written ends inside one,
 * which shows unless it is cut before the end of the line that begins one. */
static int at_end(const struct pem *p, struct err *e)
{
	unsigned long why = ERR_peek_last_error();

	if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		return err_set(e, "a certificate in %s is cut or damaged: %s", p->name, tls_reason());
	ERR_clear_error(); /* the end of the file is an error to PEM_read */
	return 0;
}

static int use_chain(SSL_CTX *ctx, struct pem *p, struct err *e)
{
	X509 *leaf = PEM_read_bio_X509_AUX(p->bio, NULL, no_password, NULL), *next;
	int ok = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1;

	if (!leaf)
		err_set(e, "no PEM certificate in %s", p->name);
	else if (!ok)
		err_set(e, "cannot use %s: %s", p->name, tls_reason());
	X509_free(leaf);
	while (ok && (next = PEM_read_bio_X509(p->bio, NULL, no_password, NULL))) {
		ok = SSL_CTX_add0_chain_cert(ctx, next) == 1;
		if (!ok) {
			X509_free(next);
			err_set(e, "cannot use the chain in %s: %s", p->name, tls_reason());
		}
	}
	return ok ? at_end(p, e) : -1;
}

static int use_key(SSL_CTX *ctx, struct pem *p, const char *cert_name, struct err *e)
{
	EVP_PKEY *key = PEM_read_bio_PrivateKey(p->bio, NULL, no_password, NULL);
	int r = 0;

	if (!key)
		return err_set(e, "no usable PEM private key in %s (encrypted keys are not supported): %s", p->name,
		        tls_reason());
	if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		r = err_set(e, "%s does not belong to %s: %s", p->name, cert_name, tls_reason());
	EVP_PKEY_free(key);
	return r;
}

static int apply_pair(SSL_CTX *ctx, const struct tls_settings *s, struct err *e)
{
	bool has_cert = s->cert_file.len + s->cert_pem.len > 0, has_key = s->key_file.len + s->key_pem.len > 0;
	struct pem cert, key;

	if (!has_cert && !has_key)
		return 0;
	if (!has_cert || !has_key)
		return err_set(e, "TLS %s is given without its %s", has_cert ? "certificate" : "key",
		        has_cert ? "key" : "certificate");
	int r = pem_open(&cert, "certificate", s->cert_file, s->cert_pem, e);

	if (r == 0)
		r = use_chain(ctx, &cert, e);
	if (r == 0) {
		r = pem_open(&key, "private key", s->key_file, s->key_pem, e);
		if (r == 0)
			r = use_key(ctx, &key, cert.name, e);
		pem_close(&key);
	}
	pem_close(&cert);
	return r;
}

static int version(slice name, const char *option, int *out, struct err *e)
{
	static const struct {
		const char *name;
		int version;
	} versions[] = { { "1.0", TLS1_VERSION }, { "1.1", TLS1_1_VERSION }, { "1.2", TLS1_2_VERSION },
		{ "1.3", TLS1_3_VERSION } };

	if (name.len == 0)
		return 0;
	for (size_t i = 0; i < COUNTOF(versions); i++)
		if (slice_is(name, versions[i].name)) {
			*out = versions[i].version;
			return 0;
		}
	return err_set(e, "invalid TLS %s: unsupported TLS version: \"%.*s\"", option, SLICE_ARG(name));
}

int tls_versions(const struct tls_settings *s, int *min, int *max, struct err *e)
{
	*min = TLS1_2_VERSION;
	*max = 0;
	if (version(s->min_version, "min_version", min, e) != 0 || version(s->max_version, "max_version", max, e) != 0)
		return -1;
	if (*max != 0 && *max < TLS1_2_VERSION && s->min_version.len == 0)
		*min = *max;
	if (*max != 0 && *min > *max)
		return err_set(e, "TLS min_version is above max_version");
	return 0;
}

static int apply_versions(SSL_CTX *ctx, const struct tls_settings *s, struct err *e)
{
	int min, max;

	if (tls_versions(s, &min, &max, e) != 0)
		return -1;
	SSL_CTX_set_min_proto_version(ctx, min);
	SSL_CTX_set_max_proto_version(ctx, max);
	/* Forward secrecy and AEAD only; versions before 1.2 have neither AEAD nor signatures above level 0. */
	const char *ciphers = min < TLS1_2_VERSION ? "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:@SECLEVEL=0"
	                                           : "ECDHE+AESGCM:ECDHE+CHACHA20";

	if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1)
		return err_set(e, "OpenSSL has no usable ciphers: %s", tls_reason());
	return 0;
}

int tls_apply(SSL_CTX *ctx, const struct tls_settings *s, struct err *e)
{
	if (apply_versions(ctx, s, e) != 0)
		return -1;
	return apply_pair(ctx, s, e);
}

int tls_apply_roots(SSL_CTX *ctx, slice file, slice pem, struct err *e)
{
	struct pem p;
	X509 *cert;
	unsigned n = 0;
	int r = pem_open(&p, "CA", file, pem, e);

	while (r == 0 && (cert = PEM_read_bio_X509_AUX(p.bio, NULL, no_password, NULL))) {
		/* its name is what a server asks its clients for */
		if (X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) != 1 ||
		        SSL_CTX_add_client_CA(ctx, cert) != 1)
			r = err_set(e, "cannot use %s: %s", p.name, tls_reason());
		X509_free(cert);
		n++;
	}
	if (r == 0 && n == 0)
		r = err_set(e, "no PEM certificate in %s", p.name);
	else if (r == 0)
		r = at_end(&p, e);
	ERR_clear_error();
	pem_close(&p);
	return r;
}
