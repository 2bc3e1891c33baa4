/* http_client_fault.c - libcurl's hundred codes into the few classes an exporter acts on, with words for the log.
 *
 * The words say where (host:port, never the URL: it may carry credentials) and why, in libcurl's text or the
 * system's. A code not listed is a broken exchange: retried.
 */
#include "lib/net/http_client_impl.h"

static const struct {
	CURLcode code;
	enum http_fault fault;
	const char *words; /* with the peer as argument */
} faults[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, HTTP_FAULT_RESOLVE, "cannot resolve the host of %s" },
	{ CURLE_COULDNT_RESOLVE_PROXY, HTTP_FAULT_RESOLVE, "cannot resolve the proxy for %s" },
	{ CURLE_COULDNT_CONNECT, HTTP_FAULT_CONNECT, "cannot connect to %s" },
	{ CURLE_INTERFACE_FAILED, HTTP_FAULT_CONNECT, "cannot connect to %s" },
	{ CURLE_PROXY, HTTP_FAULT_CONNECT, "the proxy refuses %s" },
	{ CURLE_OPERATION_TIMEDOUT, HTTP_FAULT_TIMEOUT, "timeout at %s" },
	{ CURLE_SSL_CONNECT_ERROR, HTTP_FAULT_TLS, "TLS handshake with %s failed" },
	{ CURLE_SSL_CERTPROBLEM, HTTP_FAULT_TLS, "the client certificate for %s cannot be used" },
	{ CURLE_SSL_CIPHER, HTTP_FAULT_TLS, "TLS handshake with %s failed" },
	{ CURLE_SSL_ENGINE_INITFAILED, HTTP_FAULT_TLS, "TLS handshake with %s failed" },
	{ CURLE_SSL_CLIENTCERT, HTTP_FAULT_TLS, "%s wants a client certificate" },
	{ CURLE_SSL_CACERT_BADFILE, HTTP_FAULT_TLS, "the CA file for %s cannot be read" },
	{ CURLE_PEER_FAILED_VERIFICATION, HTTP_FAULT_TRUST, "the certificate of %s is not trusted" },
	{ CURLE_SSL_ISSUER_ERROR, HTTP_FAULT_TRUST, "the certificate of %s is not trusted" },
	{ CURLE_SSL_INVALIDCERTSTATUS, HTTP_FAULT_TRUST, "the certificate of %s is not trusted" },
	{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, HTTP_FAULT_TRUST, "the certificate of %s is not trusted" },
	{ CURLE_FILESIZE_EXCEEDED, HTTP_FAULT_TOO_LARGE, "the answer of %s is too large" },
	{ CURLE_URL_MALFORMAT, HTTP_FAULT_LOCAL, "the URL of %s is not usable" },
	{ CURLE_UNSUPPORTED_PROTOCOL, HTTP_FAULT_LOCAL, "%s speaks no HTTP" },
	{ CURLE_OUT_OF_MEMORY, HTTP_FAULT_LOCAL, "no memory to talk to %s" },
	{ CURLE_BAD_FUNCTION_ARGUMENT, HTTP_FAULT_LOCAL, "libcurl refuses an option for %s" },
	{ CURLE_UNKNOWN_OPTION, HTTP_FAULT_LOCAL, "libcurl refuses an option for %s" },
};

/* With TLS 1.3 the server judges the client's certificate after the handshake is over for us. */
static bool is_alert(const char *error)
{
	return strstr(error, "alert") && strstr(error, "SSL routines");
}

static const char *why(const struct transfer *t, CURLcode code)
{
	long os = 0;

	if (code == CURLE_COULDNT_CONNECT &&
	        t->client->curl->easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os) == CURLE_OK && os != 0)
		return strerror((int)os);
	return t->error[0] ? t->error : t->client->curl->easy_strerror(code);
}

enum http_fault transfer_fault(const struct transfer *t, CURLcode code, char *text, size_t n)
{
	enum http_fault fault = HTTP_FAULT_RESET;
	const char *words = "the connection to %s broke before the answer was complete";
	char where[512];

	for (size_t i = 0; i < COUNTOF(faults); i++)
		if (faults[i].code == code) {
			fault = faults[i].fault;
			words = faults[i].words;
		}
	if (t->too_large) {
		fault = HTTP_FAULT_TOO_LARGE;
		words = "the answer of %s is too large";
	} else if (fault == HTTP_FAULT_RESET && is_alert(t->error)) {
		fault = HTTP_FAULT_TLS;
		words = "%s ended the TLS session";
	}
	const char *mark = strstr(words, "%s");

	snprintf(where, sizeof(where), "%.*s%s%s", (int)(mark - words), words, t->peer, mark + 2);
	snprintf(text, n, "%s: %s", where, t->too_large ? "over the limit" : why(t, code));
	return fault;
}
