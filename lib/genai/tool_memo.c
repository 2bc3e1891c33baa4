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

/* The first of its slots. */
static size_t set_of(uint64_t hash)
{
	return hash % (TOOL_MEMO_SLOTS / TOOL_MEMO_WAYS) * TOOL_MEMO_WAYS;
}

static bool is_of(const struct tool_memo_slot *s, const struct value *v, uint64_t hash)
{
	return s->hash == hash && s->type == (uint8_t)v->type && slice_eq(s->in, v->s);
}

const struct tool_memo_slot *tool_memo_find(const struct tool_memo *m, const struct value *v)
{
	if (!m->seed || !v->s.len || v->s.len > TOOL_MEMO_MAX)
		return NULL;
	uint64_t hash = hash_of(m, v);
	const struct tool_memo_slot *s = &m->slots[set_of(hash)];
	for (unsigned i = 0; i < TOOL_MEMO_WAYS; i++, s++)
		if (is_of(s, v, hash))
			return s;
	return NULL;
}

/* Where the value is already, else a free one, else one in turn: were it the oldest, values that come round and round and are a few
 * too many would all be gone each time. */
static struct tool_memo_slot *slot_for(struct tool_memo *m, const struct value *v, uint64_t hash)
{
	struct tool_memo_slot *set = &m->slots[set_of(hash)], *slot = NULL;
	for (unsigned i = TOOL_MEMO_WAYS; i-- > 0;)
		if (!set[i].in.p || is_of(&set[i], v, hash))
			slot = &set[i];
	return slot ? slot : &set[m->n_pushed_out++ % TOOL_MEMO_WAYS];
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
	struct tool_memo_slot *slot = slot_for(m, v, hash);
	free((char *)(uintptr_t)slot->in.p);
	*slot = (struct tool_memo_slot){ .hash = hash,
		.in = { both, v->s.len },
		.out = { both + v->s.len, out.len },
		.type = (uint8_t)v->type,
		.lossy = lossy };
}
