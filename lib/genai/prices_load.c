/* prices_load.c - making a table: the built-in facts, the user's files, the overrides, each a layer over the ones before.
 *
 * A table is made whole or not at all; whoever reloads keeps the old one when this fails. The texts of native files stay in the table's
 * arena, because names are slices of them; of JSON only the names are kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/genai/prices_table.h"

/* The Makefile puts prices/prices.tsv between these two. */
extern const char prices_tsv_begin[], prices_tsv_end[];

slice prices_builtin(void)
{
	return (slice){ prices_tsv_begin, (size_t)(prices_tsv_end - prices_tsv_begin) };
}

void loader_note(struct price_loader *l, size_t *counter, const char *fmt, ...)
{
	char *note = l->report->note;
	size_t room = sizeof(l->report->note), used = strlen(note);
	if (++*counter > 1)
		return;
	int n = snprintf(note + used, room - used, "%s%s: ", used ? "; " : "", l->name);
	if (n < 0 || (size_t)n >= room - used)
		return;
	used += (size_t)n;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(note + used, room - used, fmt, ap);
	va_end(ap);
}

static int load_text(struct price_loader *l, struct err *e)
{
	slice s = slice_trim(l->text);
	if (slice_starts(s, SLICE("\xEF\xBB\xBF")))
		s = (slice){ s.p + 3, s.len - 3 };
	l->text = s;
	if (slice_starts(s, SLICE("weir-prices"))) {
		l->text = arena_dup(&l->table->arena, s);
		return load_tsv(l, e);
	}
	if (s.len && (s.p[0] == '{' || s.p[0] == '['))
		return load_json(l, e);
	return err_set(e, "%s: not a price file: neither \"weir-prices<TAB>1\" nor JSON", l->name);
}

/* The whole file into *memory, which the caller frees; a file that grows meanwhile is refused. */
static int read_all(FILE *f, size_t size, char **memory, slice *text)
{
	char *p = *memory = size > PRICE_FILE_MAX ? NULL : malloc(size + 1);
	if (!p)
		return -1;
	*text = (slice){ p, fread(p, 1, size + 1, f) };
	return ferror(f) || text->len > size ? -1 : 0;
}

static int load_file(struct price_table *t, slice path, struct price_report *report, struct err *e)
{
	struct stat st;
	struct price_loader l = { .table = t, .name = arena_cstr(&t->arena, path), .report = report };
	int fd = open(l.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold the program */
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f)
		return err_set(e, "%s: %s", l.name, strerror(errno));
	int rc;
	char *memory = NULL;
	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode))
		rc = err_set(e, "%s: not a regular file", l.name);
	else if (read_all(f, (size_t)st.st_size, &memory, &l.text))
		rc = err_set(e, "%s: larger than %d bytes, or it could not be read", l.name, PRICE_FILE_MAX);
	else {
		l.date_s = st.st_mtim.tv_sec;
		rc = load_text(&l, e);
	}
	free(memory);
	fclose(f);
	return rc;
}

/* USD per million tokens of the config; false when it is not an amount. */
static bool put_amount(struct tier_set *set, enum price_class class, double usd)
{
	if (isnan(usd) || usd > 1e9)
		return false;
	if (usd >= 0)
		tiers_put(set, class, -1, (int64_t)llround(usd * (double)PICO_PER_MTOK));
	return true;
}

static int load_override(struct price_table *t, const struct price_override *o, struct err *e)
{
	struct tier_set set;
	set.n = 0;
	slice name = slice_trim(o->provider), model = slice_trim(o->model);
	if (name.len > PRICE_NAME_MAX || model.len > PRICE_NAME_MAX || o->multiplier > 1000 || isnan(o->multiplier) ||
	        !put_amount(&set, BILL_INPUT, o->input_per_mtok) ||
	        !put_amount(&set, BILL_OUTPUT, o->output_per_mtok) ||
	        !put_amount(&set, BILL_CACHE_READ, o->cache_read_per_mtok) ||
	        !put_amount(&set, BILL_CACHE_WRITE, o->cache_write_per_mtok))
		return err_set(e, "override of \"%.*s\": a name too long or an amount out of range",
		        (int)(model.len < 80 ? model.len : 80), model.p);
	slice provider = table_lower(t, arena_dup(&t->arena, name));
	uint32_t p = provider.len ? fold_provider(t, provider) : ANY_PROVIDER;
	p = p == NO_PROVIDER ? table_provider(t, provider) : p;
	model = model.len ? table_lower(t, arena_dup(&t->arena, model)) : SLICE("*");
	if (set.n) {
		uint32_t entry = table_entry(t, p, model);
		tiers_store(t, table_row(t, entry), &set);
		table_pattern(t, p, entry, model);
	}
	if (o->multiplier > 0)
		*VEC_ADD(&t->scales) = (struct price_scale){ p, model, llround(o->multiplier * (double)PPM) };
	return 0;
}

static int load_builtin(struct price_table *t, struct err *e)
{
	struct price_report unused = { 0 };
	struct price_loader l = { .table = t, .name = "built-in prices", .text = prices_builtin(), .report = &unused };
	return load_tsv(&l, e);
}

static struct price_table *finish(struct price_table *t, int rc)
{
	if (!rc) {
		table_seal(t);
		return t;
	}
	prices_free(t);
	return NULL;
}

static struct price_table *begin(uint64_t generation)
{
	struct price_table *t = malloc(sizeof(*t));
	if (!t)
		abort();
	table_init(t, generation);
	return t;
}

struct price_table *prices_new(
        const struct price_sources *s, uint64_t generation, struct price_report *report, struct err *e)
{
	struct price_report unused, *r = report ? report : &unused;
	struct price_table *t = begin(generation);
	*r = (struct price_report){ 0 };
	int rc = load_builtin(t, e);
	for (size_t i = 0; !rc && i < s->n_files; i++)
		rc = load_file(t, s->files[i], r, e);
	if (!rc && s->n_overrides)
		t->override_layer = table_layer(t, SLICE("override"), 0);
	for (size_t i = 0; !rc && i < s->n_overrides; i++)
		rc = load_override(t, &s->overrides[i], e);
	return finish(t, rc);
}

struct price_table *prices_new_of_texts(const struct price_text *texts, size_t n, bool builtin, uint64_t generation,
        struct price_report *report, struct err *e)
{
	struct price_report unused, *r = report ? report : &unused;
	struct price_table *t = begin(generation);
	*r = (struct price_report){ 0 };
	int rc = builtin ? load_builtin(t, e) : 0;
	for (size_t i = 0; !rc && i < n; i++) {
		struct price_loader l = { t, texts[i].name, texts[i].text, texts[i].date_s, r, NULL };
		rc = load_text(&l, e);
	}
	return finish(t, rc);
}

uint64_t prices_stamp(const struct price_sources *s)
{
	uint64_t stamp = 1;
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < s->n_files; i++) {
		struct stat st;
		int64_t seen[5] = { 0 };
		if (!stat(arena_cstr(&a, s->files[i]), &st)) {
			seen[0] = (int64_t)st.st_ino;
			seen[1] = (int64_t)st.st_size;
			seen[2] = st.st_mtim.tv_sec;
			seen[3] = st.st_mtim.tv_nsec;
			seen[4] = 1;
		}
		stamp = hash_bytes(seen, sizeof(seen), stamp);
	}
	arena_release(&a);
	return stamp;
}
