/* prompt_links.h - one prompt under the names that several vendors have for it: the table `prompts` of gen_ai_link.
 *
 * A vendor's prompt id means nothing to another vendor; the table says which ones are the same prompt. Rows are the user's options,
 * borrowed and read-only.
 */
#pragma once
#include "lib/conf/conf.h"
#include "lib/otlp/edit.h"

struct prompt_conf {
	slice name, version, fingerprint;
	struct links_conf {
		struct enprompta_conf {
			slice prompt_id, prompt_version_id;
		} enprompta;
		struct promptlayer_conf {
			slice id, version, label;
		} promptlayer;
		struct langfuse_conf {
			slice name, version;
		} langfuse;
	} links;
};
extern const struct conf_field prompt_fields[];

/* What a span says about its prompt; empty: nothing. */
struct prompt_named {
	slice name, version, fingerprint;
};
/* Whose attributes may hold a vendor's link: the span's, the scope's and the resource's; NULL: not looked at. */
struct prompt_places {
	const struct attrs *at[3];
};
/* The row that one of the vendors' links, the prompt's name (and version) or its fingerprint names, unless another link of the row
 * is told differently. Every vendor counts its own versions: a version that one of the vendors' links tells too is not held
 * against the version of a row that this link or another one names. Preferred are, in this order: a vendor's version that
 * is the row's, the row's own version, a row that leaves the version open, a row with a version for a span that tells none; then one
 * that a link names. NULL: none, or several that are not the same prompt. */
const struct prompt_conf *prompt_find(
        const struct conf_list *prompts, const struct prompt_places *places, const struct prompt_named *named);
/* Is that version what a vendor's link tells? */
bool prompt_version_is_vendors(const struct prompt_places *places, slice version);
/* Adds the row's links that the span has not, with the types that the vendors document (PromptLayer's id and version and Langfuse's
 * version are integers where they are whole numbers). PromptLayer takes a name or an id: a span with its name gets no id. False:
 * the span has them all. */
bool prompt_add_links(struct traces *t, struct span *s, const struct prompt_conf *p);
/* Copies the vendors' links of another span, whose prompt this span has inherited; its own stay. */
void prompt_inherit_links(struct traces *t, struct span *s, const struct attrs *from);
