/* latency.c - time to first chunk from attributes and events (see latency.h).
 *
 * Units and the exceptions of vendors are the view's business (candidate_double): what is read here is in seconds. The canonical
 * attribute is taken at its word, however long: a stream may well begin after the span that started it has ended. */
#include "lib/genai/latency.h"

double latency_of_span(const struct span *s)
{
	return s->end_ns > s->start_ns && s->start_ns ? (double)(s->end_ns - s->start_ns) / 1e9 : 0;
}

static bool is_first_chunk(slice name)
{
	return slice_is(name, "First Token Stream Event") || slice_is(name, "ai.stream.firstChunk");
}

bool latency_first_event(const struct span *s, double *seconds)
{
	for (const struct event *e = s->first_event; e; e = e->next)
		if (!e->deleted && is_first_chunk(e->name) && e->time_ns >= s->start_ns && s->start_ns) {
			*seconds = (double)(e->time_ns - s->start_ns) / 1e9;
			return true;
		}
	return false;
}

bool latency_first_chunk(struct view *v, double *seconds, struct candidate **from)
{
	double s = 0;
	struct candidate *c = NULL;
	if (!view_double(v, C_FIRST_CHUNK, &s, &c) && !latency_first_event(v->span, &s))
		return false;
	*seconds = s;
	if (from)
		*from = c;
	return true;
}
