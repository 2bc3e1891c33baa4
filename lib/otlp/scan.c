/* scan.c - the walk over the upper three levels of a trace request: request, ResourceSpans, ScopeSpans.
 *
 * As scan_span.c: templates with a constant `index`, compiled twice. The arrays fit exactly: resources and scopes
 * are counted first, by a skip over lengths that stops where the walk itself will find the body broken. (Counting
 * the spans, too, would touch a cache line of each before it is due: a fifth of the time of the scan.)
 */
#include "lib/otlp/scan_read.h"

static void refuse(struct scan *s, const char *what, uint32_t n, const char *why)
{
	if (!s->r->refused_text[0])
		snprintf(s->r->refused_text, sizeof(s->r->refused_text), "%s %u: %s", what, n, why);
}

HOT const uint8_t *walk_any_span(
        struct scan *s, const bool index, const uint8_t *start, const uint8_t *p, const uint8_t *end, struct scope *sc)
{
	uint32_t n;
	p = wire_len(p, end, &n);
	if (UNLIKELY(!p))
		return NULL;
	if (!(index ? scan_index_span(s, start, p, p + n, sc) : scan_check_span(s, p, p + n)))
		return NULL;
	if (UNLIKELY(s->refuse)) {
		refuse(s, "span", s->r->n_spans, s->refuse);
		s->r->n_refused++;
		if (index)
			sc->last->refused = true;
	}
	s->r->n_spans++;
	return p + n;
}

/* InstrumentationScope. */
HOT const uint8_t *walk_scope(struct scan *s, const bool index, const uint8_t *p, const uint8_t *end, struct scope *sc)
{
	uint32_t tag, n;
	p = wire_len(p, end, &n);
	if (!p)
		return NULL;
	for (end = p + n; p && p < end;) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (!p)
			return NULL;
		if (tag == TAG(3, WIRE_LEN))
			p = walk_attr(s, index, start, p, end, &sc->attrs);
		else if (tag == TAG(1, WIRE_LEN))
			p = take_text(s, p, end, &sc->name);
		else if (tag == TAG(2, WIRE_LEN))
			p = take_text(s, p, end, &sc->version);
		else if (tag == TAG(4, WIRE_VARINT))
			p = take_u32(p, end, &n);
		else
			p = scan_other(s, p, end, tag, 0x1e);
	}
	return p;
}

/* EntityRef: four fields of text. */
static const uint8_t *walk_entity(struct scan *s, const uint8_t *p, const uint8_t *end)
{
	uint32_t tag, n;
	p = wire_len(p, end, &n);
	if (!p)
		return NULL;
	for (end = p + n; p && p < end;) {
		slice unused;
		p = wire_tag(p, end, &tag);
		if (!p)
			return NULL;
		if ((tag & 7) == WIRE_LEN && tag >> 3 <= 4)
			p = take_text(s, p, end, &unused);
		else
			p = scan_other(s, p, end, tag, 0x1e);
	}
	return p;
}

HOT const uint8_t *walk_resource(
        struct scan *s, const bool index, const uint8_t *p, const uint8_t *end, struct resource *res)
{
	uint32_t tag, n;
	p = wire_len(p, end, &n);
	if (!p)
		return NULL;
	for (end = p + n; p && p < end;) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (!p)
			return NULL;
		if (tag == TAG(1, WIRE_LEN))
			p = walk_attr(s, index, start, p, end, &res->attrs);
		else if (tag == TAG(2, WIRE_VARINT))
			p = take_u32(p, end, &n);
		else if (tag == TAG(3, WIRE_LEN))
			p = walk_entity(s, p, end);
		else
			p = scan_other(s, p, end, tag, 0xe);
	}
	return p;
}

HOT bool walk_scope_spans(struct scan *s, const bool index, const uint8_t *p, const uint8_t *end, struct scope *sc)
{
	uint32_t tag, n_spans = s->r->n_spans, n_refused = s->r->n_refused;
	const char *why = NULL;
	bool seen = false;
	while (p < end) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a tag is not valid");
		if (LIKELY(tag == TAG(2, WIRE_LEN))) {
			p = walk_any_span(s, index, start, p, end, sc);
		} else if (tag == TAG(1, WIRE_LEN)) {
			s->merge |= seen;
			seen = true;
			s->refuse = NULL;
			p = walk_scope(s, index, p, end, sc);
			why = why ? why : s->refuse;
			sc->msg = wire_slice(start, p ? (size_t)(p - start) : 0);
		} else if (tag == TAG(3, WIRE_LEN)) {
			p = take_text(s, p, end, &sc->schema_url);
		} else {
			p = scan_other(s, p, end, tag, 0xe);
		}
		if (UNLIKELY(!p))
			return scan_bad(s, start, "a field of a ScopeSpans is not valid");
	}
	sc->refused = why != NULL;
	if (why) {
		s->bad_envelope = true;
		refuse(s, "scope of span", n_spans, why);
		s->r->n_refused = n_refused + s->r->n_spans - n_spans;
	}
	return true;
}

static bool check_scope_spans(struct scan *s, const uint8_t *p, const uint8_t *end)
{
	struct scope unused = { 0 };
	return walk_scope_spans(s, false, p, end, &unused);
}

static bool index_scope_spans(struct scan *s, const uint8_t *start, const uint8_t *p, const uint8_t *end)
{
	struct traces *t = s->t;
	struct scope *sc = &t->scopes[t->n_scopes];
	if (t->n_scopes++ == s->cap_scopes)
		return scan_bad(s, start, "scopes were counted wrong");
	*sc = (struct scope){ .attrs.kind = OWN_SCOPE,
		.raw = wire_slice(start, (size_t)(end - start)),
		.resource = &t->resources[t->n_resources - 1] };
	sc->resource->n_scopes++;
	return walk_scope_spans(s, true, p, end, sc);
}

HOT bool walk_resource_spans(
        struct scan *s, const bool index, const uint8_t *p, const uint8_t *end, struct resource *res)
{
	uint32_t tag, n, n_spans = s->r->n_spans, n_refused = s->r->n_refused;
	const char *why = NULL;
	bool seen = false;
	while (p < end) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (!p)
			return scan_bad(s, start, "a tag is not valid");
		if (tag == TAG(2, WIRE_LEN)) {
			p = wire_len(p, end, &n);
			if (p)
				p = (index ? index_scope_spans(s, start, p, p + n) : check_scope_spans(s, p, p + n))
				        ? p + n
				        : NULL;
		} else if (tag == TAG(1, WIRE_LEN)) {
			s->merge |= seen;
			seen = true;
			s->refuse = NULL;
			p = walk_resource(s, index, p, end, res);
			why = why ? why : s->refuse;
			res->msg = wire_slice(start, p ? (size_t)(p - start) : 0);
		} else if (tag == TAG(3, WIRE_LEN)) {
			p = take_text(s, p, end, &res->schema_url);
		} else {
			p = scan_other(s, p, end, tag, 0xe);
		}
		if (!p)
			return scan_bad(s, start, "a field of a ResourceSpans is not valid");
	}
	res->refused = why != NULL;
	if (why) {
		s->bad_envelope = true;
		refuse(s, "resource of span", n_spans, why);
		s->r->n_refused = n_refused + s->r->n_spans - n_spans;
	}
	return true;
}

static bool check_resource_spans(struct scan *s, const uint8_t *p, const uint8_t *end)
{
	struct resource unused = { 0 };
	return walk_resource_spans(s, false, p, end, &unused);
}

static bool index_resource_spans(struct scan *s, const uint8_t *start, const uint8_t *p, const uint8_t *end)
{
	struct traces *t = s->t;
	struct resource *res = &t->resources[t->n_resources];
	if (t->n_resources++ == s->cap_resources)
		return scan_bad(s, start, "resources were counted wrong");
	*res = (struct resource){
		.attrs.kind = OWN_RESOURCE, .raw = wire_slice(start, (size_t)(end - start)), .first_scope = t->n_scopes
	};
	return walk_resource_spans(s, true, p, end, res);
}

HOT bool walk_request(struct scan *s, const bool index, slice body)
{
	const uint8_t *p = wire_start(body), *end = wire_end(body);
	uint32_t tag, n;
	if (body.len > INT32_MAX)
		return scan_bad(s, p, "it is larger than 2 GiB");
	while (p < end) {
		const uint8_t *start = p;
		p = wire_tag(p, end, &tag);
		if (!p)
			return scan_bad(s, start, "a tag is not valid");
		if (tag == TAG(1, WIRE_LEN)) {
			p = wire_len(p, end, &n);
			if (p)
				p = (index ? index_resource_spans(s, start, p, p + n)
				           : check_resource_spans(s, p, p + n))
				        ? p + n
				        : NULL;
		} else {
			p = scan_other(s, p, end, tag, 0x2);
		}
		if (!p)
			return scan_bad(s, start, "a field of the request is not valid");
	}
	return true;
}

bool scan_check(struct scan *s, slice body)
{
	return walk_request(s, false, body);
}

/* Counts the fields `tag` of a message and what is below each; stops at the first broken field. False: broken. */
static bool count(slice at, uint32_t level, uint32_t n[2])
{
	static const uint32_t tags[2] = { TAG(1, WIRE_LEN), TAG(2, WIRE_LEN) };
	const uint8_t *p = wire_start(at), *end = wire_end(at);
	uint32_t tag, len;
	while (p < end) {
		p = wire_tag(p, end, &tag);
		if (!p)
			return false;
		if (tag != tags[level]) {
			p = wire_skip(p, end, tag);
			if (!p)
				return false;
			continue;
		}
		p = wire_len(p, end, &len);
		if (!p)
			return false;
		n[level]++;
		if (level < 1 && !count(wire_slice(p, len), level + 1, n))
			return false;
		p += len;
	}
	return true;
}

bool scan_index(struct scan *s, slice body)
{
	struct traces *t = s->t;
	uint32_t n[2] = { 0 };
	(void)count(body, 0, n); /* where it stops the walk will stop, too, and say why */
	s->cap_resources = n[0];
	s->cap_scopes = n[1];
	t->resources = scan_alloc(s, n[0] * sizeof(*t->resources));
	t->scopes = t->resources ? scan_alloc(s, n[1] * sizeof(*t->scopes)) : NULL;
	return t->scopes && walk_request(s, true, body);
}
