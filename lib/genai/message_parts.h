/* message_parts.h - what the files that convert messages share (lib/genai only).
 *
 * Writing a part: part_open, the object's members, part_close. part_open also sees to it that a message is open and that a tool's
 * response stands alone in a message of role tool.
 */
#pragma once
#include "lib/genai/members.h"

/* What a part is, by its `type` or by its members. The order of the first rows is that of the canonical types' names in parts.c. */
enum part_kind {
	PART_NONE, /* nothing known */
	PART_TEXT,
	PART_REASONING,
	PART_TOOL_CALL,
	PART_TOOL_RESPONSE,
	PART_MEDIA,
	PART_SERVER_CALL, /* a tool that the provider runs */
	PART_SERVER_RESPONSE,
	PART_REFUSAL,
	PART_SYSTEM, /* text of role system inside another message (PydanticAI) */
	PART_AS_IS, /* canonical as it stands, or a type that is nobody's */
};

struct part_type {
	slice name;
	uint8_t kind;
	bool canonical; /* the name is OpenTelemetry's */
	const char *modality; /* of media */
};

/* NULL: a type that is not in the table. */
const struct part_type *part_type_of(const struct json *type);
/* Uses the member that part_kind_of went by. */
void part_take_type(struct members *f);
/* What the object is; *type (may be NULL) is its row, NULL when it has no known type. */
enum part_kind part_kind_of(const struct json *part, const struct part_type **type);
/* A part of one kind; `part` is an object. */
void part_media_from(struct message_out *m, const struct json *part, const struct part_type *type);
/* A tool call or a tool's response. */
void part_tool_from(struct message_out *m, const struct json *part, const struct part_type *type, bool response);
/* An element of tool_calls, in any vendor's form; a string holds JSON. */
void tool_call_from(struct message_out *m, const struct json *call);
/* The id of a tool call in any spelling, or NULL. */
const struct json *tool_call_id(const struct json *call);
/* A tool's response whose `content` is what a message of role tool contains. */
void tool_response_from(struct message_out *m, const struct json *id, const struct json *content);

void part_open(struct message_out *m, bool response);
void part_close(struct message_out *m, bool response);
/* A string as a text part, with the escapes that it has. */
void part_text_of(struct message_out *m, const struct json *string);
/* What is no known part: text that shows it. */
void part_raw(struct message_out *m, const struct json *n);

/* Text of the open message is a tool's response. */
bool answers(const struct message_out *m);
/* As message_begin, with the members that are kept; `extras` must live until message_end. */
void message_begin_members(struct message_out *m, slice role, slice name, const struct members *extras);
/* Names that a message's own members have. */
extern const char message_reserved[];

/* A text that may hold JSON or Python instead (the first bytes only). */
bool may_wrap(const struct json *string);
/* The list or object in such a text, or NULL. */
const struct json *unwrap_text(const struct json *string, struct arena *a);
bool are_wrapped_parts(const struct json *n); /* at least one of which is no text */
bool are_wrapped_messages(const struct json *n); /* one, or a list of them */
/* m->chunks: when `first` begins a run of chunks, writes them as one message and returns the last; else NULL. */
const struct json *join_chunks(struct message_out *m, const struct json *array, const struct json *first);

/* The canonical word for a role or finish reason, or the word itself. */
slice canonical_role(slice role);
slice canonical_finish(slice reason);
/* The text of a string that is not empty; otherwise empty. */
slice text_of(const struct json *n, struct arena *a);

bool is_message(const struct json *object);
/* A message or what wraps one (a choice, a candidate, a generation, LangChain's constructor). */
void message_from_json(struct message_out *m, const struct json *object);
/* Why the model stopped, in any spelling; a string or NULL. */
const struct json *finish_of(struct members *f);
/* Messages, parts, texts; -1: none of them. `level` counts what was unwrapped to get here. */
int list_from_json(struct message_out *m, const struct json *array, int level);
/* Anything that messages_from_json takes, strings too. */
int any_from_json(struct message_out *m, const struct json *n, int level);
int body_from_json(struct message_out *m, const struct json *object, int level);
enum { LEVELS = 5 };
/* What is written is at most GROWTH times the JSON it is made of, plus SLACK; else it is kept as it came. */
enum { GROWTH = 4, SLACK = 1024 };
