/* meter.c - cells by labels, per worker, and their lines on the metrics page (see meter.h).
 *
 * A shard (one worker's cells of one meter) is guarded by a mutex that only look-ups and the page take; the numbers themselves are
 * relaxed atomics. Cells are never freed before the core, so their addresses may be kept. */
#include "lib/pipe/meter.h"

#include <pthread.h>

#include "lib/base/map.h"
#include "lib/pipe/core_internal.h"

struct shard {
	_Alignas(64) pthread_mutex_t mutex;
	struct map cells; /* "label1\0label2" to struct meter_cell */
};

struct meter {
	struct meter_info info;
	unsigned n_shards;
	struct shard shards[];
};

static struct meter *meter_new(const struct meter_info *info, unsigned n_shards)
{
	struct meter *m = aligned_alloc(64, sizeof *m + n_shards * sizeof(struct shard));
	if (!m)
		abort();
	m->info = *info;
	m->n_shards = n_shards;
	for (unsigned i = 0; i < n_shards; i++) {
		pthread_mutex_init(&m->shards[i].mutex, NULL);
		map_init(&m->shards[i].cells);
	}
	return m;
}

static void meter_free(struct meter *m)
{
	for (unsigned i = 0; i < m->n_shards; i++) {
		struct map *cells = &m->shards[i].cells;
		for (size_t k = 0; k < cells->n; k++)
			free(cells->entries[k].value);
		map_release(cells);
		pthread_mutex_destroy(&m->shards[i].mutex);
	}
	free(m);
}

struct meter *core_meter(struct core *c, const struct meter_info *info)
{
	for (size_t i = 0; i < c->meters.n; i++)
		if (!strcmp(c->meters.v[i]->info.name, info->name))
			return c->meters.v[i];
	return *VEC_ADD(&c->meters) = meter_new(info, c->n_workers + 1);
}

const char *meter_name(const struct meter *m)
{
	return m->info.name;
}

/* The cell and its key in one allocation: the map borrows the key. */
static struct meter_cell *add_cell(struct shard *s, slice key)
{
	struct meter_cell *cell = calloc(1, sizeof *cell + key.len);
	if (!cell)
		abort();
	char *text = (char *)(cell + 1);
	memcpy(text, key.p, key.len);
	map_put(&s->cells, (slice){ text, key.len }, cell);
	return cell;
}

static size_t copy_label(char *out, slice label)
{
	enum { MAX_LABEL = 256 };
	size_t n = label.len < MAX_LABEL ? label.len : MAX_LABEL;
	if (n)
		memcpy(out, label.p, n);
	return n;
}

static size_t make_key(char out[513], slice label1, slice label2)
{
	size_t n = copy_label(out, label1);
	out[n++] = '\0';
	return n + copy_label(out + n, label2);
}

struct meter_cell *meter_cell(struct meter *m, unsigned worker, slice label1, slice label2)
{
	struct shard *s = &m->shards[worker < m->n_shards ? worker : 0];
	char text[513];
	slice key = { text, make_key(text, label1, label2) };
	pthread_mutex_lock(&s->mutex);
	struct meter_cell *cell = map_get(&s->cells, key);
	if (!cell && s->cells.n >= METER_MAX_CELLS) {
		key.len = make_key(text, SLICE("other"), label2.len ? SLICE("other") : label2);
		cell = map_get(&s->cells, key);
	}
	if (!cell)
		cell = add_cell(s, key);
	pthread_mutex_unlock(&s->mutex);
	return cell;
}

static void sum_shard(struct shard *s, struct map *sums)
{
	pthread_mutex_lock(&s->mutex);
	for (size_t i = 0; i < s->cells.n; i++) {
		const struct meter_cell *from = s->cells.entries[i].value;
		double *to = map_get(sums, s->cells.entries[i].key);
		if (!to) {
			to = calloc(1, sizeof *to);
			if (!to)
				abort();
			map_put(sums, s->cells.entries[i].key, to);
		}
		*to += atomic_load_explicit(&from->value, memory_order_relaxed);
	}
	pthread_mutex_unlock(&s->mutex);
}

static void print_label(struct strbuf *out, const char *name, slice value, bool *first)
{
	if (!name)
		return;
	strbuf_addf(out, "%s%s=\"", *first ? "{" : ",", name);
	strbuf_add_json(out, value);
	strbuf_addc(out, '"');
	*first = false;
}

static void print_series(struct strbuf *out, const struct meter_info *info, slice key, double value)
{
	const char *end = memchr(key.p, '\0', key.len);
	slice label1 = { key.p, (size_t)(end - key.p) }, label2 = { end + 1, key.len - label1.len - 1 };
	bool first = true;
	strbuf_adds(out, info->name);
	print_label(out, info->labels[0], label1, &first);
	print_label(out, info->labels[1], label2, &first);
	strbuf_addf(out, "%s %.17g\n", first ? "" : "}", value);
}

static void print_meter(struct meter *m, double wall_s, struct strbuf *out)
{
	const struct meter_info *info = &m->info;
	struct map sums;
	map_init(&sums);
	for (unsigned i = 0; i < m->n_shards; i++)
		sum_shard(&m->shards[i], &sums);
	strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name,
	        info->kind == METER_COUNTER ? "counter" : "gauge");
	for (size_t i = 0; i < sums.n; i++) {
		double *value = sums.entries[i].value;
		print_series(out, info, sums.entries[i].key, info->kind == METER_SINCE ? wall_s - *value : *value);
		free(value);
	}
	map_release(&sums);
}

void meters_print(struct core *c, double wall_s, struct strbuf *out)
{
	for (size_t i = 0; i < c->meters.n; i++)
		print_meter(c->meters.v[i], wall_s, out);
}

void meters_free(struct core *c)
{
	for (size_t i = 0; i < c->meters.n; i++)
		meter_free(c->meters.v[i]);
	VEC_RELEASE(&c->meters);
}
