/* latency.c - time to first chunk from attributes and events (see latency.h).
 *
 * Strands writes milliseconds under a name that everybody else fills with seconds: its scope is marked so. The guard against
 * other such mistakes only acts on values that cannot be seconds, because the first chunk cannot come after the end. */
#include "lib/genai/latency.h"

double latency_of_span(const struct span *s)
{
	return s->end_ns > s->start_ns && s->start_ns ? (double)(s->end_ns - s->start_ns) / 1e9 : 0;
}

static bool is_server_time(const struct candidate *c)
{
	return c->alias->key == KEY_GENAI_SERVER_TIMETOFIRSTTOKEN;
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

bool latency_first_chunk(struct view *v, double *seconds, struct candidate **from)
{
	struct candidate *c = NULL;
	double s, whole = latency_of_span(v->span);
	if (!view_double(v, C_FIRST_CHUNK, &s, &c)) {
		c = NULL;
		if (!from_events(v->span, &s))
			return false;
	} else if (is_server_time(c) && v->emitter.flags & EMIT_TTFT_MS) {
		s /= 1000;
	}
	if (whole > 0 && s > whole && s / 1000 <= whole)
		s /= 1000;
	if (s < 0)
		return false;
	*seconds = s;
	if (from)
		*from = c;
	return true;
}
