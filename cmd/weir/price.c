/* price.c - `weir price`: what a call costs and why, line by line, from the built-in prices or a file.
 *
 * The arithmetic is that of the processor gen_ai_cost. Amounts are printed as exact decimals. Exit 4 when the provider or the model is
 * not known or has no price for tokens.
 */
#include <stdio.h>

#include "cmd/weir/commands.h"
#include "cmd/weir/price_text.h"
#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "lib/genai/pricing.h"
#include "lib/genai/provider.h"

static const char help[] =
        "weir price MODEL [--provider P] --in N [--cached N] [--cache-write N] --out N [--reasoning N] [--at DATE] "
        "[--prices FILE]\n"
        "\n"
        "Prints what a model call costs, with the arithmetic line by line.\n"
        "\n"
        "  --provider P     any spelling (openai, azure.ai.openai, bedrock ..); default, and for gateways: told by the "
        "model\n"
        "  --in N           input tokens, cached ones included\n"
        "  --cached N       of these, read from a cache; --cache-write N: written to it\n"
        "  --out N          output tokens, reasoning included; --reasoning N: of these, reasoning\n"
        "  --at DATE        when the call began: 2026-08-17 or 2026-08-17T01:30Z; default: now\n"
        "  --prices FILE    a price file over the built-in prices (may be repeated; see docs/cost.md)\n";

enum { FILES_MAX = 16 };

struct request {
	struct price_query query;
	struct price_usage usage;
	int64_t at_ns;
	slice files[FILES_MAX];
	size_t n_files;
	bool help;
};

static int bad(const char *what, const char *arg)
{
	fprintf(stderr, "price: %s \"%s\"; see `weir price --help`\n", what, arg);
	return -1;
}

static int64_t *count_of(struct request *r, const char *flag)
{
	const struct {
		const char *flag;
		int64_t *count;
	} counts[] = { { "--in", &r->usage.input }, { "--out", &r->usage.output }, { "--cached", &r->usage.cache_read },
		{ "--cache-write", &r->usage.cache_write }, { "--reasoning", &r->usage.reasoning } };
	for (size_t i = 0; i < COUNTOF(counts); i++)
		if (!strcmp(flag, counts[i].flag))
			return counts[i].count;
	return NULL;
}

static bool is_option(struct request *r, const char *flag)
{
	return count_of(r, flag) || !strcmp(flag, "--at") || !strcmp(flag, "--provider") || !strcmp(flag, "--prices");
}

static int set_option(struct request *r, const char *flag, slice value)
{
	int64_t *count = count_of(r, flag);
	if (count)
		return parse_i64(value, count) || *count < 0 ? bad("not a count of tokens:", value.p) : 0;
	if (!strcmp(flag, "--at"))
		return prices_parse_time(value, &r->at_ns)
		        ? bad("not a date (2026-08-17 or 2026-08-17T01:30Z):", value.p)
		        : 0;
	if (!strcmp(flag, "--provider")) {
		r->query.provider = value;
		return 0;
	}
	if (r->n_files == FILES_MAX)
		return bad("too many price files:", value.p);
	r->files[r->n_files++] = value;
	return 0;
}

static int parse(struct request *r, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			r->help = true;
			return 0;
		}
		if (argv[i][0] != '-') {
			if (r->query.response_model.len)
				return bad("one model at most, not also", argv[i]);
			r->query.response_model = slice_of(argv[i]);
			continue;
		}
		char flag[32], *equals = strchr(argv[i], '=');
		snprintf(flag, sizeof(flag), "%.*s", equals ? (int)(equals - argv[i]) : (int)strlen(argv[i]), argv[i]);
		if (!is_option(r, flag))
			return bad("unknown option", flag);
		if (!equals && i + 1 == argc)
			return bad("a value is missing after", flag);
		if (set_option(r, flag, slice_of(equals ? equals + 1 : argv[++i])))
			return -1;
	}
	if (!r->query.response_model.len)
		return bad("a model is missing:", "weir price MODEL");
	if (r->usage.input < 0 && r->usage.output < 0)
		return bad("tokens are missing:", "--in N --out N");
	return 0;
}

/* The name, or what it is called in a span that was normalised. */
static bool is_listed(const char *names, slice provider)
{
	slice canonical = provider_of_name(provider);
	for (const char *p = names, *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, ',');
		slice name = { p, (size_t)(end - p) };
		if (slice_ieq(name, slice_trim(provider)) || slice_eq(name, canonical))
			return true;
	}
	return false;
}

static bool too_many(const struct price_usage *u)
{
	const int64_t counts[] = { u->input, u->output, u->cache_read, u->cache_write, u->reasoning };
	for (size_t i = 0; i < COUNTOF(counts); i++)
		if (counts[i] > PRICE_TOKENS_MAX)
			return true;
	return false;
}

static const char *reason(enum price_status s, const struct price_usage *u)
{
	if (s == PRICE_UNPRICED_UNIT)
		return "unpriced_unit: it is priced by something else than tokens";
	return too_many(u) ? "inconsistent_usage: more tokens than any call has (1e15)"
	                   : "inconsistent_usage: parts larger than the whole, or an amount beyond 9 million USD";
}

static void print_lines(const struct price_match *m, const struct price_cost *c)
{
	struct strbuf text;
	strbuf_init(&text, 1 << 16);
	price_text(&text, "  ", m, c);
	fwrite(text.p ? text.p : "", 1, text.len, stdout);
	strbuf_release(&text);
}

/* As gen_ai_cost has it: who runs a model on his own machine pays nobody by the token. */
static int show_local(const struct request *r)
{
	const struct price_match nothing = { .multiplier_ppm = 1000000 };
	const struct price_cost zero = { .status = PRICE_FREE, .above = -1 };
	printf("%s/%s (local provider)\n  free\n", r->query.provider.p, r->query.response_model.p);
	print_lines(&nothing, &zero);
	return EXIT_OK;
}

static int show(const struct price_table *t, const struct request *r)
{
	struct price_match m;
	struct price_cost c;
	enum price_status s = prices_resolve(t, NULL, &r->query, &m);
	if (s != PRICE_OK) {
		fprintf(stderr, "price: %s: \"%s\"%s%s\n", price_status_name(s), r->query.response_model.p,
		        r->query.provider.len ? " of " : "", r->query.provider.len ? r->query.provider.p : "");
		return EXIT_ABSENT;
	}
	char label[PRICE_LABEL_MAX], how[PRICE_HOW_MAX];
	prices_label(&m, label);
	prices_how(&m, how);
	prices_cost(&m, &r->usage, r->at_ns, &c);
	printf("%s (%s)\n", label, how);
	if (c.status == PRICE_UNPRICED_UNIT || c.status == PRICE_INCONSISTENT_USAGE) {
		fprintf(stderr, "price: %s\n", reason(c.status, &r->usage));
		return EXIT_ABSENT;
	}
	if (c.status == PRICE_FREE)
		printf("  free\n");
	print_lines(&m, &c);
	return EXIT_OK;
}

int cmd_price(int argc, char **argv)
{
	struct request r = { .at_ns = clock_wall(clock_system()) };
	struct price_report report;
	struct err e;
	price_usage_clear(&r.usage);
	if (parse(&r, argc, argv))
		return EXIT_USAGE;
	if (r.help) {
		fputs(help, stdout);
		return EXIT_OK;
	}
	struct price_sources sources = { .files = r.files, .n_files = r.n_files };
	struct price_table *t = prices_new(&sources, 1, &report, &e);
	if (!t) {
		fprintf(stderr, "price: %s\n", e.text);
		return EXIT_USAGE;
	}
	if (report.note[0])
		fprintf(stderr, "price: %zu skipped, %zu given twice: %s\n", report.skipped, report.duplicates,
		        report.note);
	if (is_listed(PRICE_GATEWAYS, r.query.provider))
		r.query.provider = (slice){ 0 };
	int rc = is_listed(PRICE_LOCAL_PROVIDERS, r.query.provider) ? show_local(&r) : show(t, &r);
	prices_free(t);
	return rc;
}
