/* fake_disk_pages.c - the content of one file of a fake disk: see fake_disk_image.h.
 *
 * Invariants: a block is in `dirty` exactly when its flag says so; what is behind the end of the file is zero or no page in the seen
 * image; a page with more than one reference is never written. A block whose images differ without being dirty is one that a failed
 * sync dropped.
 */
#include <errno.h>
#include <stdlib.h>

#include "tests/unit/rig/fake_disk_image.h"

static struct fake_page *page_new(const struct fake_page *from)
{
	struct fake_page *p = malloc(sizeof(*p));
	if (!p)
		abort();
	if (from)
		memcpy(p->data, from->data, FAKE_PAGE);
	else
		memset(p->data, 0, FAKE_PAGE);
	p->refs = 1;
	return p;
}

static struct fake_page *page_ref(struct fake_page *p)
{
	if (p)
		p->refs++;
	return p;
}

static void page_unref(struct fake_page *p)
{
	if (p && --p->refs == 0)
		free(p);
}

static void page_replace(struct fake_page **to, struct fake_page *from)
{
	page_ref(from);
	page_unref(*to);
	*to = from;
}

void fake_node_drop_content(struct fake_node *f)
{
	for (size_t i = 0; i < f->blocks.n; i++) {
		page_unref(f->blocks.v[i].seen);
		page_unref(f->blocks.v[i].durable);
	}
	VEC_RELEASE(&f->blocks);
	VEC_RELEASE(&f->dirty);
}

void fake_node_copy_content(struct fake_node *to, const struct fake_node *from)
{
	memset(&to->blocks, 0, sizeof(to->blocks));
	memset(&to->dirty, 0, sizeof(to->dirty));
	for (size_t i = 0; i < from->blocks.n; i++) {
		struct fake_block *b = VEC_ADD(&to->blocks);
		*b = from->blocks.v[i];
		page_ref(b->seen);
		page_ref(b->durable);
	}
	for (size_t i = 0; i < from->dirty.n; i++)
		*VEC_ADD(&to->dirty) = from->dirty.v[i];
}

static int64_t round_up(int64_t n)
{
	return (n + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
}

uint64_t fake_node_bytes(const struct fake_node *f)
{
	uint64_t n = (uint64_t)f->reserved;
	for (size_t i = (size_t)f->reserved / FAKE_PAGE; i < f->blocks.n; i++)
		n += f->blocks.v[i].seen ? FAKE_PAGE : 0;
	return n;
}

static bool has_space(const struct fake_node *f, size_t i)
{
	return (int64_t)i * FAKE_PAGE < f->reserved || (i < f->blocks.n && f->blocks.v[i].seen);
}

static struct fake_block *block_dirty(struct fake_node *f, size_t i)
{
	while (f->blocks.n <= i)
		(void)VEC_ADD(&f->blocks);
	struct fake_block *b = &f->blocks.v[i];
	if (!b->dirty)
		*VEC_ADD(&f->dirty) = (uint32_t)i;
	b->dirty = true;
	return b;
}

/* The bytes of a page that only `p` refers to. */
static unsigned char *page_own(struct fake_page **p)
{
	if (!*p || (*p)->refs > 1) {
		struct fake_page *own = page_new(*p);
		page_unref(*p);
		*p = own;
	}
	return (*p)->data;
}

ssize_t fake_node_write(
        struct fake_image *m, struct fake_node *f, uint64_t capacity, const void *p, size_t n, int64_t at)
{
	if (at < 0)
		return -EINVAL;
	if (at > INT64_C(1) << 40)
		return -EFBIG;
	size_t done = 0;
	while (done < n) {
		size_t i = (size_t)at / FAKE_PAGE, from = (size_t)at % FAKE_PAGE;
		size_t take = n - done < FAKE_PAGE - from ? n - done : FAKE_PAGE - from;
		if (!has_space(f, i)) {
			if (m->used + FAKE_PAGE > capacity)
				break;
			m->used += FAKE_PAGE;
		}
		memcpy(page_own(&block_dirty(f, i)->seen) + from, (const char *)p + done, take);
		done += take;
		at += (int64_t)take;
		f->size = at > f->size ? at : f->size;
	}
	return done || n == 0 ? (ssize_t)done : -ENOSPC;
}

ssize_t fake_node_read(const struct fake_node *f, void *p, size_t n, int64_t at)
{
	if (at < 0)
		return -EINVAL;
	if (at >= f->size)
		return 0;
	if (n > (uint64_t)(f->size - at))
		n = (size_t)(f->size - at);
	for (size_t done = 0; done < n;) {
		size_t i = (size_t)at / FAKE_PAGE, from = (size_t)at % FAKE_PAGE;
		size_t take = n - done < FAKE_PAGE - from ? n - done : FAKE_PAGE - from;
		const struct fake_page *page = i < f->blocks.n ? f->blocks.v[i].seen : NULL;
		if (page)
			memcpy((char *)p + done, page->data + from, take);
		else
			memset((char *)p + done, 0, take);
		done += take;
		at += (int64_t)take;
	}
	return (ssize_t)n;
}

/* What is behind the new end goes from the seen image. */
static void cut(struct fake_node *f, int64_t size)
{
	size_t i = (size_t)size / FAKE_PAGE, from = (size_t)size % FAKE_PAGE;
	if (from && i < f->blocks.n && f->blocks.v[i].seen)
		memset(page_own(&block_dirty(f, i)->seen) + from, 0, FAKE_PAGE - from);
	for (i += from > 0; i < f->blocks.n; i++)
		if (f->blocks.v[i].seen || f->blocks.v[i].durable)
			page_replace(&block_dirty(f, i)->seen, NULL);
	if (f->reserved > round_up(size))
		f->reserved = round_up(size);
	f->size = size;
}

int fake_node_truncate(struct fake_image *m, struct fake_node *f, int64_t size)
{
	if (size < 0)
		return -EINVAL;
	m->used -= fake_node_bytes(f);
	if (size < f->size)
		cut(f, size);
	f->size = size;
	m->used += fake_node_bytes(f);
	return 0;
}

int fake_node_allocate(struct fake_image *m, struct fake_node *f, uint64_t capacity, int64_t size)
{
	if (size <= 0)
		return -EINVAL;
	if (size > INT64_C(1) << 40)
		return -EFBIG;
	int64_t reserved = f->reserved;
	uint64_t before = fake_node_bytes(f);
	f->reserved = round_up(size) > reserved ? round_up(size) : reserved;
	uint64_t need = fake_node_bytes(f) - before;
	if (need && m->used + need > capacity) {
		f->reserved = reserved;
		return -ENOSPC;
	}
	m->used += need;
	f->size = size > f->size ? size : f->size;
	return 0;
}

static void block_clean(struct fake_block *b, bool durable)
{
	if (durable)
		page_replace(&b->durable, b->seen);
	b->dirty = false;
}

void fake_node_sync(struct fake_node *f)
{
	for (size_t i = 0; i < f->dirty.n; i++)
		block_clean(&f->blocks.v[f->dirty.v[i]], true);
	f->dirty.n = 0;
	f->durable_size = f->size;
}

void fake_node_lose(struct fake_node *f, struct fake_random *chance)
{
	for (size_t i = 0; i < f->dirty.n; i++)
		block_clean(&f->blocks.v[f->dirty.v[i]], chance && fake_random_below(chance, 2));
	f->dirty.n = 0;
	if (chance && fake_random_below(chance, 2))
		f->durable_size = f->size;
}

void fake_node_settle(struct fake_node *f)
{
	for (size_t i = 0; i < f->blocks.n; i++)
		block_clean(&f->blocks.v[i], true);
	f->dirty.n = 0;
	f->durable_size = f->size;
}

bool fake_node_flip(struct fake_node *f, uint64_t bit)
{
	size_t i = (size_t)(bit / 8 / FAKE_PAGE), at = (size_t)(bit / 8 % FAKE_PAGE);
	if (bit / 8 >= (uint64_t)f->size)
		return false;
	while (f->blocks.n <= i)
		(void)VEC_ADD(&f->blocks);
	struct fake_block *b = &f->blocks.v[i];
	page_own(&b->seen)[at] ^= (unsigned char)(1u << bit % 8);
	page_own(&b->durable)[at] ^= (unsigned char)(1u << bit % 8);
	return true;
}

static int64_t size_after_crash(const struct fake_node *f, struct fake_random *r, enum fake_loss loss)
{
	if (loss != FAKE_MIX || f->size == f->durable_size)
		return loss == FAKE_LOSE ? f->durable_size : f->size;
	uint64_t kind = fake_random_below(r, 3);
	if (kind == 0)
		return f->durable_size;
	if (kind == 1 || f->size < f->durable_size)
		return f->size;
	int64_t size = f->durable_size / FAKE_SECTOR * FAKE_SECTOR;
	size += FAKE_SECTOR * (int64_t)fake_random_below(r, (uint64_t)(f->size - size) / FAKE_SECTOR + 1);
	return size < f->durable_size ? f->durable_size : size;
}

/* Some sectors of the seen page reach the disk. */
static void tear(struct fake_block *b, struct fake_random *r)
{
	uint64_t which = fake_random_next(r);
	unsigned char *to = page_own(&b->durable);
	for (size_t at = 0; at < FAKE_PAGE; at += FAKE_SECTOR, which >>= 1)
		if (which & 1 && b->seen)
			memcpy(to + at, b->seen->data + at, FAKE_SECTOR);
		else if (which & 1)
			memset(to + at, 0, FAKE_SECTOR);
}

void fake_node_crash(struct fake_node *f, struct fake_random *r, enum fake_loss loss)
{
	int64_t size = size_after_crash(f, r, loss);
	for (size_t i = 0; i < f->dirty.n; i++) {
		struct fake_block *b = &f->blocks.v[f->dirty.v[i]];
		uint64_t kind = loss == FAKE_LOSE ? 0 : loss == FAKE_KEEP ? 1 : fake_random_below(r, 3);
		if (kind == 2)
			tear(b, r);
		block_clean(b, kind == 1);
	}
	f->dirty.n = 0;
	for (size_t i = 0; i < f->blocks.n; i++)
		page_replace(&f->blocks.v[i].seen, f->blocks.v[i].durable);
	cut(f, size);
	fake_node_settle(f);
}
