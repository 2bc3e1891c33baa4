/* scan_span.c - the walk over one span with its events, links and status; see scan.c.
 *
 * Written once and compiled twice, with `index` true and false, so that traces_check cannot drift from
 * traces_scan. Without an index the elements are locals that the compiler removes.
 */
#include "lib/otlp/scan_read.h"

enum { ATTR_BLOCK_MAX = 512, SPAN_BLOCK_MAX = 128 };

void *scan_alloc(struct scan *s, size_t n)
{
	struct arena *a = &s->t->arena;
	void *p = a->used <= s->budget && n <= s->budget - a->used ? arena_try(a, n) : NULL;
	s->no_memory |= !p;
	return p;
}

bool scan_more_attrs(struct scan *s)
{
	s->attr = scan_alloc(s, s->attr_block * sizeof(*s->attr));
	s->attr_end = s->attr ? s->attr + s->attr_block : NULL;
	if (s->attr_block < ATTR_BLOCK_MAX)
		s->attr_block *= 2;
	return s->attr;
}

/* Zeroed: many at once are faster than each alone. */
static bool more_spans(struct scan *s)
{
	size_t size = s->span_block * sizeof(*s->span);
	s->span = scan_alloc(s, size);
	s->span_end = s->span ? s->span + s->span_block : NULL;
	if (s->span)
		memset(s->span, 0, size);
	if (s->span_block < SPAN_BLOCK_MAX)
		s->span_block *= 2;
	return s->span;
}

HOT bool walk_event(struct scan *s, const bool index, const uint8_t *p, const uint8_t *end, struct event *ev)
{
	uint32_t tag, dropped;
	while (p < end) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a tag is not valid");
		if (tag == TAG(3, WIRE_LEN))
			p = walk_attr(s, index, start, p, end, &ev->attrs);
		else if (tag == TAG(1, WIRE_64))
			p = take_fix64(p, end, &ev->time_ns);
		else if (tag == TAG(2, WIRE_LEN))
			p = take_text(s, p, end, &ev->name);
		else if (tag == TAG(4, WIRE_VARINT))
			p = take_u32(p, end, &dropped);
		else
			p = scan_other(s, p, end, tag, 0x1e);
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a field of an Event is not valid");
	}
	return true;
}

HOT bool walk_link(struct scan *s, const bool index, const uint8_t *p, const uint8_t *end, struct link *l)
{
	uint32_t tag, dropped;
	while (p < end) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a tag is not valid");
		if (tag == TAG(4, WIRE_LEN))
			p = walk_attr(s, index, start, p, end, &l->attrs);
		else if (tag == TAG(1, WIRE_LEN))
			p = take_id(s, p, end, 16, &l->trace_id);
		else if (tag == TAG(2, WIRE_LEN))
			p = take_id(s, p, end, 8, &l->span_id);
		else if (tag == TAG(3, WIRE_LEN))
			p = take_text(s, p, end, &l->trace_state);
		else if (tag == TAG(5, WIRE_VARINT))
			p = take_u32(p, end, &dropped);
		else if (tag == TAG(6, WIRE_32))
			p = take_fix32(p, end, &l->flags);
		else
			p = scan_other(s, p, end, tag, 0x7e);
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a field of a Link is not valid");
	}
	return true;
}

static bool check_event(struct scan *s, const uint8_t *p, const uint8_t *end)
{
	struct event unused = { 0 };
	return walk_event(s, false, p, end, &unused);
}

static bool check_link(struct scan *s, const uint8_t *p, const uint8_t *end)
{
	struct link unused = { 0 };
	return walk_link(s, false, p, end, &unused);
}

static bool index_event(struct scan *s, const uint8_t *start, const uint8_t *p, const uint8_t *end, struct span *sp)
{
	struct event *ev = scan_alloc(s, sizeof(*ev));
	if (!ev)
		return false;
	*ev = (struct event){ .attrs.kind = OWN_EVENT, .raw = wire_slice(start, (size_t)(end - start)), .span = sp };
	*(sp->last_event ? &sp->last_event->next : &sp->first_event) = ev;
	sp->last_event = ev;
	return walk_event(s, true, p, end, ev);
}

static bool index_link(struct scan *s, const uint8_t *start, const uint8_t *p, const uint8_t *end, struct span *sp)
{
	struct link *l = scan_alloc(s, sizeof(*l));
	if (!l)
		return false;
	*l = (struct link){ .attrs.kind = OWN_LINK, .raw = wire_slice(start, (size_t)(end - start)), .span = sp };
	*(sp->last_link ? &sp->last_link->next : &sp->first_link) = l;
	sp->last_link = l;
	return walk_link(s, true, p, end, l);
}

HOT const uint8_t *walk_child(struct scan *s, const bool index, const uint8_t *start, const uint8_t *p,
        const uint8_t *end, struct span *sp, bool event)
{
	uint32_t n;
	p = wire_len(p, end, &n);
	if (!p)
		return NULL;
	bool ok;
	if (event)
		ok = index ? index_event(s, start, p, p + n, sp) : check_event(s, p, p + n);
	else
		ok = index ? index_link(s, start, p, p + n, sp) : check_link(s, p, p + n);
	return ok ? p + n : NULL;
}

static const uint8_t *walk_status(struct scan *s, const uint8_t *p, const uint8_t *end, struct span *sp)
{
	uint32_t tag, n;
	p = wire_len(p, end, &n);
	if (!p)
		return NULL;
	for (end = p + n; p && p < end;) {
		p = wire_tag(p, end, &tag);
		if (!p)
			return NULL;
		if (tag == TAG(3, WIRE_VARINT))
			p = take_u32(p, end, &sp->status_code);
		else if (tag == TAG(2, WIRE_LEN))
			p = take_text(s, p, end, &sp->status_message);
		else
			p = scan_other(s, p, end, tag, 0xc);
	}
	return p;
}

static bool all_zero(slice id)
{
	uint64_t a, b;
	memcpy(&a, id.p, sizeof(a));
	memcpy(&b, id.p + id.len - sizeof(b), sizeof(b));
	return (a | b) == 0;
}

static void check_ids(struct scan *s, slice trace_id, slice span_id)
{
	if (s->refuse)
		return;
	if (trace_id.len == 0 || span_id.len == 0)
		s->refuse = trace_id.len == 0 ? "the trace id is missing" : "the span id is missing";
	else if (all_zero(trace_id) || all_zero(span_id))
		s->refuse = all_zero(trace_id) ? "the trace id is all zero" : "the span id is all zero";
}

/* Behind the tag of one field of a Span. */
HOT const uint8_t *span_field(struct scan *s, const bool index, const uint8_t *start, const uint8_t *p,
        const uint8_t *end, uint32_t tag, struct span *sp)
{
	uint32_t dropped;
	switch (tag) {
	case TAG(9, WIRE_LEN):
		for (;;) {
			p = walk_attr(s, index, start, p, end, &sp->attrs);
			if (!p || p == end || *p != TAG(9, WIRE_LEN))
				return p;
			start = p++;
		}
	case TAG(1, WIRE_LEN):
		return take_id(s, p, end, 16, &sp->trace_id);
	case TAG(2, WIRE_LEN):
		return take_id(s, p, end, 8, &sp->span_id);
	case TAG(3, WIRE_LEN):
		return take_text(s, p, end, &sp->trace_state);
	case TAG(4, WIRE_LEN):
		return take_id(s, p, end, 8, &sp->parent_id);
	case TAG(5, WIRE_LEN):
		return take_text(s, p, end, &sp->name);
	case TAG(6, WIRE_VARINT):
		return take_u32(p, end, &sp->kind);
	case TAG(7, WIRE_64):
		return take_fix64(p, end, &sp->start_ns);
	case TAG(8, WIRE_64):
		return take_fix64(p, end, &sp->end_ns);
	case TAG(10, WIRE_VARINT):
	case TAG(12, WIRE_VARINT):
	case TAG(14, WIRE_VARINT):
		return take_u32(p, end, &dropped);
	case TAG(11, WIRE_LEN):
	case TAG(13, WIRE_LEN):
		return walk_child(s, index, start, p, end, sp, tag == TAG(11, WIRE_LEN));
	case TAG(15, WIRE_LEN):
		return walk_status(s, p, end, sp);
	case TAG(16, WIRE_32):
		return take_fix32(p, end, &sp->flags);
	default:
		return scan_other(s, p, end, tag, 0x1fffe);
	}
}

HOT bool walk_span(struct scan *s, const bool index, const uint8_t *p, const uint8_t *end, struct span *sp)
{
	uint32_t tag;
	bool status = false;
	s->refuse = NULL;
	while (p < end) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a tag is not valid");
		p = span_field(s, index, start, p, end, tag, sp);
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a field of a Span is not valid");
		if (UNLIKELY(tag == TAG(15, WIRE_LEN))) {
			s->merge |= status;
			status = true;
		}
	}
	check_ids(s, sp->trace_id, sp->span_id);
	return true;
}

bool scan_check_span(struct scan *s, const uint8_t *p, const uint8_t *end)
{
	struct span unused = { 0 };
	return walk_span(s, false, p, end, &unused);
}

bool scan_index_span(struct scan *s, const uint8_t *start, const uint8_t *p, const uint8_t *end, struct scope *sc)
{
	if (UNLIKELY(s->span == s->span_end) && !more_spans(s))
		return false;
	struct span *sp = s->span++;
	s->t->n_spans++;
	sp->attrs.kind = OWN_SPAN;
	sp->raw = wire_slice(start, (size_t)(end - start));
	sp->scope = sc;
	*(sc->last ? &sc->last->next : &sc->first) = sp;
	sc->last = sp;
	sc->n_spans++;
	return walk_span(s, true, p, end, sp);
}
