/* messages.h - any vendor's chat messages as OpenTelemetry's gen_ai.input.messages / gen_ai.output.messages JSON.
 *
 * A message list is written front to back into a strbuf: begin, parts, end. messages_from_json and parts_from_json recognise the
 * shapes of OpenAI (chat, responses), Anthropic, Gemini, Bedrock Converse, AI SDK, LangChain, PydanticAI, PromptKit, Strands,
 * LiteLLM and OpenTelemetry itself, and call the same writer. Text that is no known shape becomes one text part: content is never lost.
 * Output is canonical: the same messages in another shape give the same bytes, canonical input gives itself.
 */
#pragma once
#include "lib/base/strbuf.h"
#include "lib/genai/json.h"

enum direction { INPUT, OUTPUT }; /* default role user or assistant */

/* What was written, in numbers: two readings of the same messages have the same roles. */
struct message_shape {
	uint32_t n_parts; /* of all messages */
	uint32_t n_tools; /* tool calls and responses among them */
	uint32_t n_without_id; /* of these */
	uint64_t roles; /* hash of the sequence */
};

enum { MESSAGES_FINISH_MAX = 8 };
struct message_out {
	struct strbuf *out; /* receives "[{..},{..}]" */
	struct arena *arena; /* for decoded strings */
	enum direction direction;
	uint32_t n_messages, n_parts; /* parts of the present message */
	bool lossy; /* something of the source was left out: the original must stay */
	bool cut; /* the source was JSON that ended too early */
	bool open; /* inside a message */
	bool unwraps; /* texts that hold JSON or Python's repr() of parts or messages are what they hold; such texts of ours are not */
	bool chunks; /* the emitter writes a stream as one message a chunk, with an empty finish reason but for the last */
	struct message_shape shape;
	slice finish_reasons[MESSAGES_FINISH_MAX]; /* the first ones of the messages written, as they came */
	uint32_t n_finish_reasons;
	/* of the writer */
	bool bare; /* parts only: no messages are written around them */
	bool written; /* the open message's head is in `out` */
	bool split; /* pieces of it stand before the head */
	slice role, name; /* of the open message */
	const struct members *extras; /* its members that are nothing of ours */
	const struct json *finish; /* of the body around the next message */
};

void messages_begin(struct message_out *m, struct strbuf *out, struct arena *a, enum direction d); /* clears out */
/* Closes the array; false (and `out` empty) when there is no message. */
bool messages_end(struct message_out *m);

/* Closes an open message. role and name must live until message_end; role may be any alias (MAP_ROLE); empty: by direction. name
 * may be empty. A message without parts is written with "parts":[]. */
void message_begin(struct message_out *m, slice role, slice name);
void message_end(struct message_out *m, slice finish_reason); /* empty: none */
/* Parts begin a message when none is open. A tool's response becomes a message of role tool of its own, wherever it stands. */
void part_text(struct message_out *m, slice text); /* empty text writes nothing */
void part_reasoning(struct message_out *m, slice text);
/* arguments: JSON text is embedded as JSON, other text as a string; empty: left out. */
void part_tool_call(struct message_out *m, slice id, slice name, slice arguments);
void part_tool_response(struct message_out *m, slice id, slice response);
/* url: http(s), gs, s3 .. becomes a uri part, a data: URI or bare base64 with a mime type a blob part. modality: image, audio, video,
 * document. */
void part_media(struct message_out *m, slice modality, slice mime_type, slice url_or_base64);

/* One part, or an array of parts, or a bare string, of any vendor. */
void parts_from_json(struct message_out *m, const struct json *n);
/* A message, an array of them, or a request or response body that contains them ("messages", "contents", "input", "choices",
 * "content", "candidates", "output", "generations" ..). -1: no such shape (nothing was written). A body's system instructions and tools
 * are no messages: body_system, body_tools. At most 4 x the source's size + 1 KiB is written: what would need more (thousands of
 * tiny messages) becomes one text part. */
int messages_from_json(struct message_out *m, const struct json *n) MUST_USE;
/* JSON text of any shape, else plain text as one message. Text cut by a limit is read as far as it goes. */
void messages_from_text(struct message_out *m, slice text);
/* True when the document is already what this file would write: nothing to do. */
bool messages_are_canonical(const struct json *n);
/* The same for the text itself, many times quicker and only for the usual case: false is "not sure". finish gets the finish reasons of
 * the messages, in the text; more than `max` of them is "not sure", too. has_parts: some message has one. */
bool messages_scan_canonical(slice text, slice *finish, size_t max, size_t *n, bool *has_parts);

/* gen_ai.system_instructions: an array of parts of text, a string, an array of messages, Gemini's {parts:[..]}. Clears out. False:
 * nothing there. *lossy is set, never cleared. */
bool system_from_text(struct strbuf *out, struct arena *a, slice text, bool *lossy);
/* gen_ai.tool.definitions: [{type,name,description,parameters}] of OpenAI, Anthropic, AI SDK, Gemini, Bedrock, names only.
 * Appends the tools of `n` to the array in `out`: "[" is written when it is empty, the caller writes "]". *lossy is set, never
 * cleared. */
void tools_from_json(struct strbuf *out, struct arena *a, const struct json *n, bool *lossy);

/* What a body says besides messages, for spans that have only the dump of it: NULL when absent. */
const struct json *body_finish_reason(const struct json *body); /* the first */
const struct json *body_system(const struct json *body); /* for system_from_text (json_raw) */
const struct json *body_tools(const struct json *body); /* for tools_from_json */
