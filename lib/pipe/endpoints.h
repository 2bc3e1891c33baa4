/* endpoints.h - where an OTLP/HTTP exporter sends each signal: the option group, and the URLs that follow from it.
 *
 * A signal's own URL is used verbatim; else the base URL with the path of the OTLP specification. The one place that knows which key is a
 * signal's; a component embeds the group with CONF_INLINE(x_conf, endpoints, endpoints_conf, endpoints_fields, ..). */
#pragma once
#include "lib/base/arena.h"
#include "lib/conf/conf.h"
#include "lib/otlp/encode.h"

struct endpoints_conf {
	slice endpoint, traces_endpoint, metrics_endpoint, logs_endpoint;
};
extern const struct conf_field endpoints_fields[];
/* URLs that are none. That at least one is there, the component asks: endpoints_any. */
void endpoints_check(const struct endpoints_conf *c, struct conf_report *r);
bool endpoints_any(const struct endpoints_conf *c);

/* "traces_endpoint": the key of the signal's own URL. "endpoint" is the one that all share. */
const char *endpoint_key(enum signal signal);
/* "v1/traces": the path below a base URL. */
const char *endpoint_path(enum signal signal);
/* The URL for the signal, in `a`; NULL when none is configured. */
const char *endpoint_url(const struct endpoints_conf *c, enum signal signal, struct arena *a);
