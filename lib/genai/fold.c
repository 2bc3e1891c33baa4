/* fold.c - deciding the four content attributes of a span; see fold.h.
 *
 * Per concept: the first place that can be read wins, unless it was cut and events are whole. Then the places that lost are read too,
 * as far as that is cheap: what says the same as the winner is carried by it. An event is carried when each of its attributes is,
 * or is on the span as well, or says nothing about messages.
 */
#include "lib/genai/fold.h"

#include <stdlib.h>

#include "lib/genai/place.h"

enum { ARENA_KEPT = 1 << 20, COMPARE_MAX = 64 << 10, LOOKS_MAX = 1 << 21 };
/* Events of one message each go together or not at all: what was left would be another conversation. The group is in the low bits of an
 * event's address, by which events are sorted. */
enum group { EACH, ALL_INPUT, ALL_OUTPUT, GROUP_MASK };

/* What one fold_span works with. */
struct folding {
	struct fold *f;
	struct view *v;
	struct folded *out;
	struct families families;
	struct message_events events;
	const struct json *body; /* an object that input messages were read from, or could have been */
	bool body_won;
	struct attr *partly; /* of the input; carried when another concept came from that document, too */
	bool partly_used;
};

void fold_init(struct fold *f)
{
	*f = (struct fold){ 0 };
	arena_init(&f->arena);
	source_init(&f->best);
	source_init(&f->other);
}

void fold_release(struct fold *f)
{
	arena_release(&f->arena);
	source_release(&f->best);
	source_release(&f->other);
	tool_memo_release(&f->tools);
	VEC_RELEASE(&f->carried);
	VEC_RELEASE(&f->event_attrs);
	VEC_RELEASE(&f->events);
}

static void *keep(struct folding *x, const void *p, size_t n)
{
	void *to = n ? arena_try(&x->v->traces->arena, n) : NULL;
	if (to)
		memcpy(to, p, n);
	return to;
}

static void keep_finish(struct folding *x, const struct source *s)
{
	struct folded *out = x->out;
	if (s->concept != C_OUTPUT_MESSAGES || !s->finish.n || out->n_finish_reasons)
		return;
	slice *to = arena_try(&x->v->traces->arena, s->finish.n * sizeof(*to));
	for (size_t i = 0; to && i < s->finish.n; i++) {
		struct value v = { .type = V_STRING, .s = s->finish.v[i] };
		slice text;
		if (!coerce_text(&v, READ_PLAIN, &x->f->arena, &text)) /* "None" would not be read again */
			continue;
		text.p = keep(x, text.p, text.len);
		if (text.p)
			to[out->n_finish_reasons++] = text;
	}
	out->finish_reasons = to;
}

/* Emitters that put JSON or repr() where text should be. */
static bool wraps(enum ecosystem e)
{
	return e == ECO_OPENLLMETRY || e == ECO_OPENAI_AGENTS;
}

static bool read_place(struct folding *x, struct source *s, const struct place *p, enum concept c, slice *verbatim)
{
	*verbatim = (slice){ 0 };
	source_begin(s, x->v, &x->f->arena, c);
	s->memo = &x->f->tools;
	s->unwraps = x->f->fresh && wraps(x->v->emitter.ecosystem);
	bool done = place_read(s, p, x->v, &x->events, verbatim);
	keep_finish(x, s);
	if (c == C_INPUT_MESSAGES && s->root && !x->body)
		x->body = s->root;
	return done;
}

/* What `s` used up is in the result. */
static void carry(struct folding *x, const struct source *s, const struct place *p)
{
	struct fold *f = x->f;
	bool of_events = p->type == PLACE_EVENTS || p->type == PLACE_DETAILS;
	uint16_t canonical = concept_info(s->concept)->key;
	if (s->lossy || s->cut || p->stays)
		return;
	for (size_t i = 0; i < s->used.n; i++)
		if (of_events)
			*VEC_ADD(&f->event_attrs) = (struct sortable){ (uintptr_t)s->used.v[i], s->used.v[i] };
		else if (s->used.v[i]->key_id != canonical)
			*VEC_ADD(&f->carried) = s->used.v[i];
	enum group group = p->type == PLACE_DETAILS ? EACH : s->concept == C_INPUT_MESSAGES ? ALL_INPUT : ALL_OUTPUT;
	for (size_t i = 0; i < s->events.n; i++)
		*VEC_ADD(&f->events) = (struct sortable){ (uintptr_t)s->events.v[i] | group, s->events.v[i] };
	if (s->partly && !x->partly)
		x->partly = s->partly;
	x->partly_used |= x->partly && s->document == x->partly && s->concept != C_INPUT_MESSAGES;
}

/* The attribute that the concept's result is written to. */
static struct attr *canonical_attr(struct folding *x, enum concept c)
{
	uint16_t key = concept_info(c)->key;
	for (struct candidate *own = view_first(x->v, c); own; own = view_next(x->v, own))
		if (own->alias->key == key && !own->alias->path && !own->attr->deleted)
			return own->attr->value.type == V_STRING ? own->attr : NULL;
	return NULL;
}

static void swap(struct source *a, struct source *b)
{
	struct source t = *a;
	*a = *b;
	*b = t;
}

/* The place that wins, read into f->best; places->n: none. */
static size_t find_winner(struct folding *x, const struct places *places, enum concept c, slice *verbatim)
{
	struct fold *f = x->f;
	slice none;
	size_t won = 0, bare = places->n;
	for (; won < places->n; won++) {
		if (!read_place(x, &f->best, &places->v[won], c, verbatim))
			continue;
		if (c != C_OUTPUT_MESSAGES || f->best.shape.n_parts)
			break;
		bare = bare < won ? bare : won; /* roles and finish reasons: what another place says is more */
	}
	if (won == places->n && bare < won)
		(void)read_place(x, &f->best, &places->v[won = bare], c, verbatim);
	if (won == places->n || !f->best.cut)
		return won;
	for (size_t i = won + 1; i < places->n; i++) {
		enum place_type type = places->v[i].type;
		if (type != PLACE_DETAILS && type != PLACE_EVENTS)
			continue;
		bool done = read_place(x, &f->other, &places->v[i], c, &none);
		bool empty = (c == C_INPUT_MESSAGES || c == C_OUTPUT_MESSAGES) && !f->other.shape.n_parts;
		if (!done || f->other.cut || empty)
			continue;
		swap(&f->best, &f->other);
		return i;
	}
	x->out->truncated = true;
	return won;
}

/* A canonical attribute may have blanks and another order of members; for comparing it is written as everything else is. */
static slice rewritten(struct folding *x, enum concept c, slice text)
{
	struct source *s = &x->f->best;
	struct message_out m;
	const struct json *n = json_parse(&x->f->arena, text, NULL);
	messages_begin(&m, &s->out, &x->f->arena, c == C_OUTPUT_MESSAGES ? OUTPUT : INPUT);
	bool done = n && messages_from_json(&m, n) == 0;
	return messages_end(&m) && done && !s->out.failed ? strbuf_slice(&s->out) : text;
}

/* OpenInference's flattened messages may lack ids of tool calls, or parts, that its dump of the same messages has. */
static bool is_fuller(const struct message_shape *a, const struct message_shape *b)
{
	return a->roles == b->roles && a->n_tools >= b->n_tools && a->n_parts >= b->n_parts &&
	        a->n_without_id <= b->n_without_id && (a->n_parts > b->n_parts || a->n_without_id < b->n_without_id);
}

/* won: places->n when the text is nobody's alone. */
static void compare_losers(
        struct folding *x, const struct places *places, size_t won, enum concept c, slice text, bool verbatim)
{
	struct fold *f = x->f;
	slice none;
	if (text.len > COMPARE_MAX)
		return;
	for (size_t i = 0; i < places->n; i++) {
		const struct place *p = &places->v[i];
		const struct candidate *winner = won < places->n ? places->v[won].candidate : NULL;
		bool same = p->candidate && winner && p->candidate->attr == winner->attr;
		if (i == won || same || p->type == PLACE_BODY || place_size(p) > COMPARE_MAX)
			continue;
		if (!read_place(x, &f->other, p, c, &none) || none.len)
			continue;
		if (verbatim)
			text = rewritten(x, c, text);
		verbatim = false;
		if (won < places->n && places->v[won].type == PLACE_FAMILY && !f->other.cut &&
		        f->other.out.len >= text.len && is_fuller(&f->other.shape, &f->best.shape)) {
			swap(&f->best, &f->other);
			text = strbuf_slice(&f->best.out);
			carry(x, &f->best, p);
			won = i;
			i = SIZE_MAX; /* once more, for what says the same as this one */
		} else if (slice_eq(strbuf_slice(&f->other.out), text))
			carry(x, &f->other, p);
	}
}

/* Where the parts of the first message of the assistant begin; NULL: there is none, or a message has reasoning already. */
static const struct json *parts_for_reasoning(const struct json *root)
{
	const struct json *found = NULL;
	for (const struct json *m = json_first(root, NULL); m; m = json_next(root, m, NULL)) {
		const struct json *parts = json_get(m, "parts"), *role = json_get(m, "role");
		if (!parts || parts->type != JSON_ARRAY)
			continue;
		if (!found && role && json_is(role, "assistant"))
			found = parts;
		for (const struct json *p = json_first(parts, NULL); p; p = json_next(parts, p, NULL)) {
			const struct json *type = json_get(p, "type");
			if (type && json_is(type, "reasoning"))
				return NULL;
		}
	}
	return found;
}

/* OpenLIT keeps the reasoning apart from every form of its output: it goes in front of the assistant's first message. */
static bool add_reasoning(struct folding *x, slice text, slice reasoning)
{
	struct source *s = &x->f->other;
	struct message_out m;
	source_begin(s, x->v, &x->f->arena, C_OUTPUT_MESSAGES);
	if (!text.len) {
		messages_begin(&m, &s->out, &x->f->arena, OUTPUT);
		part_reasoning(&m, reasoning);
		return messages_end(&m) && !s->out.failed;
	}
	const struct json *root = json_parse(&x->f->arena, text, NULL);
	const struct json *parts = root && root->type == JSON_ARRAY ? parts_for_reasoning(root) : NULL;
	if (!parts)
		return false;
	const char *at = parts->text.p + 1;
	strbuf_add(&s->out, (slice){ text.p, (size_t)(at - text.p) });
	strbuf_adds(&s->out, "{\"type\":\"reasoning\",\"content\":\"");
	strbuf_add_json(&s->out, reasoning);
	strbuf_adds(&s->out, parts->n ? "\"}," : "\"}");
	strbuf_add(&s->out, (slice){ at, (size_t)(text.p + text.len - at) });
	return !s->out.failed;
}

/* False: there is nothing to add. */
static bool with_reasoning(struct folding *x, slice *text)
{
	for (struct candidate *c = view_first(x->v, C_OUTPUT_MESSAGES); c; c = view_next(x->v, c)) {
		if (c->alias->key != KEY_GENAI_CONTENT_REASONING || c->attr->value.type != V_STRING)
			continue;
		slice reasoning = c->attr->value.s;
		if (text_is_absent(slice_trim(reasoning)) || !add_reasoning(x, *text, reasoning))
			return false;
		swap(&x->f->best, &x->f->other);
		*text = strbuf_slice(&x->f->best.out);
		*VEC_ADD(&x->f->carried) = c->attr;
		return true;
	}
	return false;
}

static void settle(struct folding *x, enum concept c, slice text, struct folded_text *to)
{
	struct attr *canonical = canonical_attr(x, c);
	to->as_is = canonical && slice_eq(canonical->value.s, text);
	if (to->as_is)
		text = canonical->value.s;
	else
		text.p = keep(x, text.p, text.len);
	if (text.p)
		to->text = text;
}

static bool contains(slice text, slice what)
{
	return text.len && memmem(text.p, text.len, what.p, what.len);
}

static bool tells_system(slice messages)
{
	return contains(messages, SLICE("\"role\":\"system\"")) || contains(messages, SLICE("\"role\": \"system\""));
}

/* Of a request's dump the instructions are wanted only when the messages lack them. */
static void leave_out_dumps(struct places *p, slice messages)
{
	size_t n = 0, n_dumps = 0;
	for (size_t i = 0; i < p->n; i++)
		n_dumps += p->v[i].candidate && place_is_dump(p->v[i].candidate);
	if (!n_dumps || !tells_system(messages))
		return;
	for (size_t i = 0; i < p->n; i++)
		if (!p->v[i].candidate || !place_is_dump(p->v[i].candidate))
			p->v[n++] = p->v[i];
	p->n = n;
}

static void fold_concept(struct folding *x, enum concept c, struct folded_text *to)
{
	struct places places;
	slice verbatim = { 0 }, text = { 0 };
	/* which body is looked at first depends on what there is besides: once */
	bool wanted = x->f->fresh && (c == C_TOOL_DEFINITIONS || (c == C_SYSTEM && x->body_won));
	const struct json *body = wanted ? x->body : NULL;
	places_find(&places, x->v, c, &x->families, &x->events, body);
	if (c == C_SYSTEM)
		leave_out_dumps(&places, x->out->input.text);
	size_t won = find_winner(x, &places, c, &verbatim);
	if (won < places.n) {
		struct source *s = &x->f->best;
		text = verbatim.len ? verbatim : strbuf_slice(&s->out);
		if (!verbatim.len) /* what stays where it is uses up nothing */
			carry(x, s, &places.v[won]);
		if (c == C_INPUT_MESSAGES)
			x->body_won = s->root != NULL;
		if (places.n > 1)
			compare_losers(x, &places, won, c, text, verbatim.len > 0);
		text = verbatim.len ? verbatim : strbuf_slice(&s->out);
	}
	/* what has the reasoning, too, is carried as well */
	if (c == C_OUTPUT_MESSAGES && with_reasoning(x, &text))
		compare_losers(x, &places, places.n, c, text, false);
	if (text.len)
		settle(x, c, text, to);
}

static void list_carried(struct folding *x)
{
	struct fold *f = x->f;
	struct folded *out = x->out;
	if (x->partly_used)
		*VEC_ADD(&f->carried) = x->partly;
	out->carried = keep(x, f->carried.v, f->carried.n * sizeof(*out->carried));
	out->n_carried = out->carried ? f->carried.n : 0;
	sort_by_key(f->event_attrs.v, f->event_attrs.n, &f->arena);
	sort_by_key(f->events.v, f->events.n, &f->arena);
}

/* What one fold_events works with. */
struct looking {
	const struct fold *f;
	struct attrs *span;
	size_t n_looks; /* attributes gone over for those of events; beyond LOOKS_MAX nothing is found */
};

/* Whether the span itself says this too. */
static bool on_span(struct looking *x, const struct attr *a)
{
	x->n_looks += x->span->n;
	if (x->n_looks > LOOKS_MAX)
		return false;
	const struct attr *b = a->key_id ? attrs_find_id(x->span, a->key_id) : attrs_find(x->span, a->key);
	if (!b || a->value.type != b->value.type)
		return false;
	switch (a->value.type) {
	case V_EMPTY:
		return true;
	case V_BOOL:
		return a->value.b == b->value.b;
	case V_INT:
		return a->value.i == b->value.i;
	case V_DOUBLE:
		return memcmp(&a->value.d, &b->value.d, sizeof(double)) == 0;
	case V_STRING:
	case V_ARRAY:
	case V_KVLIST:
	case V_BYTES:
		break;
	}
	return slice_eq(a->value.s, b->value.s);
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = ((const struct sortable *)a)->key, y = ((const struct sortable *)b)->key;
	return x < y ? -1 : x > y;
}

static bool was_used(const struct fold *f, const struct attr *a)
{
	struct sortable key = { (uintptr_t)a, NULL };
	return f->event_attrs.n && bsearch(&key, f->event_attrs.v, f->event_attrs.n, sizeof(key), by_key);
}

static bool is_carried(struct looking *x, const struct event *e)
{
	for (struct attr *a = attrs_first(&e->attrs); a; a = attrs_next(a))
		if (!was_used(x->f, a) && !is_event_envelope(a->key) && !on_span(x, a))
			return false;
	return true;
}

void fold_events(const struct fold *f, struct view *v, struct folded *out)
{
	struct looking x = { .f = f, .span = v->attrs };
	bool broken[GROUP_MASK] = { false };
	if (!f->events.n)
		return;
	for (size_t i = 0; i < f->events.n; i++)
		broken[f->events.v[i].key & GROUP_MASK] |= !is_carried(&x, f->events.v[i].item);
	out->carried_events = arena_try(&v->traces->arena, f->events.n * sizeof(*out->carried_events));
	for (size_t i = 0; out->carried_events && i < f->events.n; i++) {
		struct event *e = f->events.v[i].item;
		enum group group = f->events.v[i].key & GROUP_MASK;
		bool again = i > 0 && e == f->events.v[i - 1].item;
		if (!again && (group == EACH ? is_carried(&x, e) : !broken[group]))
			out->carried_events[out->n_carried_events++] = e;
	}
}

/* Of events that are not to be folded: a finish reason is a fact of the call, not a message. */
static void read_finish(struct folding *x)
{
	struct source *s = &x->f->other;
	if (x->out->n_finish_reasons)
		return;
	events_find(&x->events, x->v->span, &x->f->arena);
	source_begin(s, x->v, &x->f->arena, C_OUTPUT_MESSAGES);
	events_finish(s, &x->events);
	keep_finish(x, s);
}

void fold_span(struct fold *f, struct view *v, bool with_events, struct folded *out)
{
	struct folding x = { .f = f, .v = v, .out = out };
	*out = (struct folded){ 0 };
	f->carried.n = f->event_attrs.n = f->events.n = 0;
	if (f->arena.used)
		arena_reset(&f->arena, ARENA_KEPT);
	families_find(&x.families, v, &f->arena);
	if (with_events)
		events_find(&x.events, v->span, &f->arena);
	fold_concept(&x, C_INPUT_MESSAGES, &out->input);
	fold_concept(&x, C_OUTPUT_MESSAGES, &out->output);
	fold_concept(&x, C_SYSTEM, &out->system);
	fold_concept(&x, C_TOOL_DEFINITIONS, &out->tools);
	if (!with_events)
		read_finish(&x);
	list_carried(&x);
}
