/* span_match.h - the Collector's include and exclude properties for spans (contrib internal/filter/filterspan).
 *
 * A span matches when every property that is given matches: services, span_names and span_kinds by any of their
 * texts, attributes, resources and libraries by all of their elements. A matcher is immutable and shared.
 */
#pragma once
#include "lib/base/log.h"
#include "lib/base/regex.h"
#include "lib/conf/conf.h"
#include "lib/otlp/traces.h"

struct match_conf {
	bool enabled; /* section present */
	int match_type; /* enum match_type */
	struct conf_strs services, span_names, span_kinds;
	struct conf_list attributes, resources, libraries;
};
extern const struct conf_field match_fields[];
void match_check(const struct match_conf *c, struct conf_report *r);

struct matcher;
/* NULL with e when a pattern does not compile. The conf must outlive it. */
struct matcher *matcher_new(const struct match_conf *c, struct err *e) MUST_USE;
void matcher_free(struct matcher *m); /* NULL is fine */
bool matcher_matches(const struct matcher *m, const struct span *s, struct regex_scratch *scratch, struct log *log);
