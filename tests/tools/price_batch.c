/* price_batch.c - prices queries from stdin, one a line, for the comparison with other pricers (tests/e2e/test_prices_oracle.py).
 *
 *   price_batch [PRICE-FILE ..]
 * A query is 12 columns separated by tabs: provider, model, start in ns since 1970, then the nine counts of struct price_usage in its
 * order, -1 for absent. The answer: status, PROVIDER/MODEL@DATE, enum price_how, enum price_via, and prompt, completion and total as
 * hexadecimal doubles, and whether input or output were adjusted. An unknown one has the status alone.
 */
#include <stdio.h>

#include "lib/base/parse.h"
#include "lib/genai/pricing.h"

static slice column(slice *rest)
{
	const char *tab = memchr(rest->p, '\t', rest->len);
	slice s = { rest->p, tab ? (size_t)(tab - rest->p) : rest->len };
	size_t used = s.len + (tab != NULL);
	*rest = (slice){ rest->p + used, rest->len - used };
	return s;
}

static int answer(const struct price_table *t, struct price_cache *cache, slice line)
{
	struct price_query q = { 0 };
	struct price_match m;
	struct price_usage u;
	struct price_cost c;
	int64_t at;
	q.provider = column(&line);
	q.response_model = column(&line);
	if (parse_i64(column(&line), &at))
		return -1;
	int64_t *counts[] = { &u.input, &u.output, &u.cache_read, &u.cache_write, &u.cache_write_1h, &u.reasoning,
		&u.audio_in, &u.audio_out, &u.cache_audio_read };
	for (size_t i = 0; i < COUNTOF(counts); i++)
		if (parse_i64(column(&line), counts[i]))
			return -1;
	enum price_status s = prices_resolve(t, cache, &q, &m);
	if (s != PRICE_OK) {
		puts(price_status_name(s));
		return 0;
	}
	char label[PRICE_LABEL_MAX];
	prices_label(&m, label);
	prices_cost(&m, &u, at, &c);
	printf("%s\t%s\t%d\t%u\t%a\t%a\t%a\t%d\t%d\n", price_status_name(c.status), label, (int)m.how, m.via, c.prompt,
	        c.completion, c.total, c.input_adjusted, c.output_adjusted);
	return 0;
}

int main(int argc, char **argv)
{
	slice files[16];
	size_t n = 0;
	for (int i = 1; i < argc && n < COUNTOF(files); i++)
		files[n++] = slice_of(argv[i]);
	struct err e;
	struct price_report r;
	struct price_table *t = prices_new(&(struct price_sources){ .files = files, .n_files = n }, 1, &r, &e);
	if (!t) {
		fprintf(stderr, "price_batch: %s\n", e.text);
		return 1;
	}
	fprintf(stderr, "%zu models, of files %zu, skipped %zu, twice %zu%s%s\n", prices_count(t), r.models, r.skipped,
	        r.duplicates, r.note[0] ? ": " : "", r.note);
	struct price_cache *cache = prices_cache_new(NULL);
	char *line = NULL;
	size_t cap = 0;
	int rc = 0;
	for (ssize_t len; !rc && (len = getline(&line, &cap, stdin)) > 0;)
		rc = answer(t, cache, (slice){ line, (size_t)len - (line[len - 1] == '\n') });
	free(line);
	prices_cache_free(cache);
	prices_free(t);
	return rc ? 1 : 0;
}
