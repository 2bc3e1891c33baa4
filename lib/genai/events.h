/* events.h - messages that came as events of a span, in the three generations of OpenTelemetry's conventions.
 *
 * To 1.27: gen_ai.content.prompt and gen_ai.content.completion with one attribute of text or JSON. 1.28 to 1.36: one event per message,
 * gen_ai.<role>.message and gen_ai.choice, whose fields every emitter spells in its own way. Since 1.37: one event
 * gen_ai.client.inference.operation.details with the attributes that spans have, by some emitters split over several events.
 */
#pragma once
#include "lib/genai/source.h"

enum { EVENTS_MAX = 10000 }; /* message events of a span; a span with more keeps them all as they are */

enum event_type { EVENT_MESSAGE, EVENT_CHOICE, EVENT_PROMPT, EVENT_COMPLETION, EVENT_DETAILS };
struct message_event {
	struct event *event;
	slice role; /* EVENT_MESSAGE: of its name */
	enum event_type type;
};
struct message_events {
	struct message_event *v; /* by time, then order of arrival */
	size_t n, n_choices;
};

void events_find(struct message_events *me, const struct span *span, struct arena *a);

/* The input or output messages (s->concept) of events other than details. False: none with content. */
bool events_messages(struct source *s, const struct message_events *me);
/* Only the finish reasons of the choices. */
void events_finish(struct source *s, const struct message_events *me);
/* The same messages as a JSON array of event bodies in an attribute (PydanticAI before its version 2, Logfire): objects with
 * "event.name". With `whole`, choices are input too: a history. *more is set when there are choices that are output. False: not that. */
bool events_document(struct source *s, struct message_out *m, const struct json *root, bool whole, bool *more);
/* Attributes that say nothing about a message: an event that has only these besides what was used was carried completely. */
bool is_event_envelope(slice key);
