/* place.h - the places of a span where one content concept may be found, in the order in which they are believed.
 *
 * Attributes and flattened families by rank; then events; then what only dumps the call's arguments and result, which is believed last
 * and on model calls only: there the arguments are messages, on other spans they are anything.
 */
#pragma once
#include "lib/genai/events.h"
#include "lib/genai/flat.h"

enum place_type {
	PLACE_ATTR,
	PLACE_PIECES, /* several attributes that make one message */
	PLACE_FAMILY,
	PLACE_DOCUMENT, /* the choices in the JSON of event bodies that is an input */
	PLACE_DETAILS, /* an event of one attribute per concept */
	PLACE_EVENTS, /* events of one message each */
	PLACE_BODY, /* the body that the input messages were read from */
};
/* Details events of a span. When there are more, only the longest place of each concept is read and all of these events stay as they
 * are, whatever they say: a second run has to see the same ones. */
enum { DETAILS_MAX = 16 };
struct place {
	uint32_t order;
	enum place_type type;
	struct candidate *candidate;
	const struct family *family;
	const struct json *body;
	struct event *event; /* PLACE_DETAILS */
	struct attr *attr; /* of that event */
	bool stays; /* that event is never carried */
};
struct places {
	struct place v[VIEW_MAX + FAMILIES_MAX + DETAILS_MAX + 3];
	size_t n;
};

void places_find(struct places *p, struct view *v, enum concept c, const struct families *families,
        const struct message_events *events, const struct json *body);
/* Reads the place into `s` (source_begin was called). True: s->out has the text, or *verbatim (then the attribute's own text is
 * canonical). False: nothing usable; finish reasons may have been found all the same. */
bool place_read(
        struct source *s, const struct place *p, struct view *v, const struct message_events *events, slice *verbatim);
/* A part of what the request's dump says. */
bool place_is_dump(const struct candidate *c);
/* Bytes of the place's attribute, 0 where that is not simple: to compare places only where it is cheap. */
size_t place_size(const struct place *p);
