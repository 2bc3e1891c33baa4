/* tool_memo.c - see tool_memo.h. Every slot owns one block that holds both texts; nothing else is allocated. The hash is seeded,
 * so that nobody outside can make values that meet in one slot. */
#include "lib/genai/tool_memo.h"

#include <stdlib.h>

#include "lib/base/map.h"

void tool_memo_release(struct tool_memo *m)
{
	for (size_t i = 0; i < TOOL_MEMO_SLOTS; i++)
		free((char *)(uintptr_t)m->slots[i].in.p);
	*m = (struct tool_memo){ 0 };
}

static uint64_t hash_of(const struct tool_memo *m, const struct value *v)
{
	return hash_bytes(v->s.p, v->s.len, m->seed + (uint64_t)v->type);
}

/* Of its set of two the slot that holds the value; else the second, which is the older one. */
static size_t slot_of(const struct tool_memo *m, const struct value *v, uint64_t hash)
{
	size_t first = hash % TOOL_MEMO_SLOTS & ~(size_t)1;
	const struct tool_memo_slot *s = &m->slots[first];
	bool here = s->hash == hash && s->type == (uint8_t)v->type && slice_eq(s->in, v->s);
	return first + !here;
}

const struct tool_memo_slot *tool_memo_find(const struct tool_memo *m, const struct value *v)
{
	if (!m->seed || !v->s.len || v->s.len > TOOL_MEMO_MAX)
		return NULL;
	uint64_t hash = hash_of(m, v);
	const struct tool_memo_slot *slot = &m->slots[slot_of(m, v, hash)];
	return slot->hash == hash && slot->type == (uint8_t)v->type && slice_eq(slot->in, v->s) ? slot : NULL;
}

void tool_memo_keep(struct tool_memo *m, const struct value *v, slice out, bool lossy)
{
	struct map seeded;
	if (!v->s.len || v->s.len > TOOL_MEMO_MAX || out.len > TOOL_MEMO_MAX - v->s.len)
		return;
	char *both = malloc(v->s.len + out.len);
	if (!both)
		return;
	if (!m->seed) {
		map_init(&seeded);
		m->seed = seeded.seed | 1;
		map_release(&seeded);
	}
	memcpy(both, v->s.p, v->s.len);
	memcpy(both + v->s.len, out.p, out.len);
	uint64_t hash = hash_of(m, v);
	size_t i = slot_of(m, v, hash);
	free((char *)(uintptr_t)m->slots[i].in.p);
	m->slots[i] = m->slots[i & ~(size_t)1];
	m->slots[i & ~(size_t)1] = (struct tool_memo_slot){ .hash = hash,
		.in = { both, v->s.len },
		.out = { both + v->s.len, out.len },
		.type = (uint8_t)v->type,
		.lossy = lossy };
}
