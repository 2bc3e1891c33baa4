/* latency.h - when the first chunk of a streamed answer came.
 *
 * Conventions use seconds, milliseconds, points in time and events; the result is seconds since the span's start.
 */
#pragma once
#include "lib/genai/view.h"

/* v is loaded with GROUP_LATENCY at least. From attributes, else from events (OpenInference's "First Token Stream Event", the AI SDK's
 * ai.stream.firstChunk). *from (may be NULL) is the attribute's candidate, NULL for an event. False: nobody says. */
bool latency_first_chunk(struct view *v, double *seconds, struct candidate **from);
/* From the events alone. */
bool latency_first_event(const struct span *s, double *seconds);
/* end - start in seconds; 0 when the times are missing or the wrong way round. */
double latency_of_span(const struct span *s);
