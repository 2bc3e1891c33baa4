/* source.h - one reading of one of the four content attributes from one place: what came out, and what of the span it used up.
 *
 * fold.c tries places in order of their rank, each with a struct source; the reading that wins becomes the attribute, those that read
 * the same may be deleted with it. Texts are borrowed from the span or decoded into the arena of the span; everything is reused from
 * span to span. `used` may hold attributes of the span and of its events.
 */
#pragma once
#include "lib/genai/messages.h"
#include "lib/genai/tool_memo.h"
#include "lib/genai/view.h"

enum { SOURCE_MAX = 64 << 20 }; /* bytes of one canonical text; what is larger stays as it came */

struct source {
	struct strbuf out, tmp;
	struct arena *arena;
	struct view *view;
	struct tool_memo *memo; /* borrowed */
	enum concept concept;
	bool lossy; /* something of the place is not in `out`: it must stay */
	bool unwraps; /* texts of emitters that put JSON or Python into them; not what an earlier run wrote */
	struct message_shape shape; /* of messages */
	bool cut; /* the place was cut by a length limit */
	VEC(struct attr *) used;
	VEC(struct event *) events; /* that were gone over */
	VEC(slice) finish; /* finish reasons as they came */
	struct attr *document; /* the attribute that holds a JSON object of which `out` is a part */
	const struct json *root; /* that object; it may say more (system, tools) */
	struct attr *partly; /* used up if another concept (system, output) comes from there too */
};

void source_init(struct source *s);
void source_release(struct source *s);
void source_begin(struct source *s, struct view *v, struct arena *a, enum concept c);

/* messages_end, and what is known of the messages then. */
bool source_end(struct source *s, struct message_out *m);
void source_use(struct source *s, struct attr *a);
/* The value as text: strings as they are, arrays and maps as JSON. */
slice source_text(struct source *s, const struct value *v);
/* s->tmp copied into the arena; empty when it is, or memory is out. */
slice source_keep(struct source *s);
/* The document that was written into s->tmp, or NULL. */
const struct json *source_made(struct source *s);
/* Nothing there: empty, null, None, {}, [], or a mark that it is withheld. */
bool text_is_absent(slice text);

/* The JSON object or array in `text`, also when it is in one or two JSON strings; with READ_QUOTED a JSON string too. NULL: plain text.
 * A document that ends early is closed and *cut set. */
const struct json *source_json(struct source *s, slice text, enum alias_read read, bool *cut);

/* What may be taken for messages besides what is one. */
enum loose {
	STRICT = 0, /* only JSON that is recognised */
	LOOSE_TEXT = 1, /* plain text is one message */
	LOOSE_JSON = 2, /* and so is JSON of unknown shape */
};
/* Adds the messages that `text` says. False: none (nothing was written). `a` (may be NULL) is where it came from. */
bool source_messages(
        struct source *s, struct message_out *m, struct attr *a, slice text, enum alias_read read, unsigned loose);
/* Adds the content of a message that is being written: text, JSON array of parts, or for role tool the response. */
void source_content(struct source *s, struct message_out *m, slice role, slice id, slice text);
/* Adds tool calls: a JSON array (or one) of {id, name, arguments} in any vendor's spelling, or of such JSON in strings. False: not that. */
bool source_tool_calls(struct source *s, struct message_out *m, slice text);
/* Adds finish reasons of a document's messages or choices. */
void source_finish(struct source *s, const struct json *root);

/* Stable sort by key; as fast as a look at data that is sorted already, no memory of its own. */
struct sortable {
	uint64_t key;
	void *item;
};
void sort_by_key(struct sortable *v, size_t n, struct arena *a);
