/* latency.c - time to first chunk from attributes and events (see latency.h).
 *
 * Units and the exceptions of vendors are the view's business (candidate_double). What is left here is milliseconds under the
 * canonical name. The first chunk cannot come after the end; but where a little more than the whole span is told, two clocks differed. */
#include "lib/genai/latency.h"

double latency_of_span(const struct span *s)
{
	return s->end_ns > s->start_ns && s->start_ns ? (double)(s->end_ns - s->start_ns) / 1e9 : 0;
}

static bool is_first_chunk(slice name)
{
	return slice_is(name, "First Token Stream Event") || slice_is(name, "ai.stream.firstChunk");
}

static bool from_events(const struct span *s, double *seconds)
{
	for (const struct event *e = s->first_event; e; e = e->next)
		if (!e->deleted && is_first_chunk(e->name) && e->time_ns >= s->start_ns && s->start_ns) {
			*seconds = (double)(e->time_ns - s->start_ns) / 1e9;
			return true;
		}
	return false;
}

/* The first candidate that can be a time: SDKs write -1 or NaN when nothing came. */
static struct candidate *from_attributes(struct view *v, double *seconds)
{
	for (struct candidate *c = view_first(v, C_FIRST_CHUNK); c; c = view_next(v, c))
		if (candidate_double(v, c, seconds) && *seconds >= 0)
			return c;
	return NULL;
}

bool latency_first_chunk(struct view *v, double *seconds, struct candidate **from)
{
	double s = 0, whole = latency_of_span(v->span);
	struct candidate *c = from_attributes(v, &s);
	if (!c && !from_events(v->span, &s))
		return false;
	bool canonical = c && c->alias->key == KEY_GENAI_RESPONSE_TIMETOFIRSTCHUNK;
	if (canonical && whole > 0 && s > 2 * whole && s / 1000 <= whole)
		s /= 1000;
	*seconds = s;
	if (from)
		*from = c;
	return true;
}
