/* pricing.h - what a model call costs: a table of price facts, the entry that a span's names mean, and the arithmetic.
 *
 * A table is immutable once made and owned by whoever swaps it; matches and lines point into it. The built-in facts are a TSV text
 * inside the binary (prices/prices.tsv) and are read by the code that reads a user's file. Money is counted in whole pico-USD (1e-12)
 * per unit and turned into a double once. What is unknown is never 0: without a price there is a status and no amount.
 *
 * Conventions of the arithmetic: usage is inclusive (cached tokens are part of the input, reasoning part of the output); a class of
 * tokens without a price of its own is billed as what contains it; a tier is a cliff (one comparison of the whole input, cached
 * tokens included, and every token has the tier's price); of dated and timed rows the last one that holds at the span's start counts.
 */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "lib/conf/conf.h"

/* --- tables --- */

struct price_table;

enum { PRICE_NAME_MAX = 256 }; /* bytes; longer names are unresolved */
enum { PRICE_FILE_MAX = 16 << 20 }; /* bytes of a user's price file */
/* Tokens of one count; beyond it a number is a mistake. */
#define PRICE_TOKENS_MAX INT64_C(1000000000000000)

/* Defaults of gen_ai_cost: whose calls are free; and routers and frameworks, whose name says nothing of the provider,
 * neither in its place nor in front of a model. Separated by commas. */
#define PRICE_LOCAL_PROVIDERS "ollama,vllm,llama.cpp,lmstudio"
#define PRICE_GATEWAYS "litellm,litellm_proxy,portkey,helicone,bifrost,kong,truefoundry,vercel,gateway,langchain"

/* A price set in the config. Amounts are USD per million tokens; a negative one is absent. An override without any amount only
 * multiplies what the table says. */
struct price_override {
	slice provider; /* any spelling, canonical or not; empty: every provider */
	slice model; /* name or pattern as in prices/README.md; empty: every model */
	double input_per_mtok, output_per_mtok, cache_read_per_mtok, cache_write_per_mtok;
	double multiplier; /* of the whole amount, 0 < m <= 1000; 0 or negative: absent */
};

struct price_sources {
	const slice *files; /* paths; a later file wins against an earlier one */
	size_t n_files;
	const struct price_override *overrides; /* win against files; a later one wins */
	size_t n_overrides;
};

/* What loading found; also filled in for a table that is refused. */
struct price_report {
	size_t models, skipped, duplicates; /* of the user's files: entries read, not understood, names given twice */
	char note[512]; /* the first that was skipped and the first given twice, with their places; empty: none */
};

/* Built-in facts, then files, then overrides; for one (provider, model) the last of these that knows it counts, and fields of two are
 * never mixed. Files are the native TSV, LiteLLM's model_prices_and_context_window.json or genai-prices' data.json (v2), told by
 * content. `generation` must differ from that of every table that a cache has seen. `report` may be NULL. NULL and `e` on error. */
struct price_table *prices_new(
        const struct price_sources *s, uint64_t generation, struct price_report *report, struct err *e);
void prices_free(struct price_table *t); /* NULL is fine */
/* As prices_new, for texts in memory instead of files; name is for messages. */
struct price_text {
	const char *name;
	slice text;
	int64_t date_s; /* of a source that does not say its date; seconds since 1970 */
};
struct price_table *prices_new_of_texts(const struct price_text *texts, size_t n, bool builtin, uint64_t generation,
        struct price_report *report, struct err *e);
slice prices_builtin(void); /* the TSV text in the binary */
/* Changes when one of the files does (inode, size, time of change) or comes or goes: the reason to call prices_new again. */
uint64_t prices_stamp(const struct price_sources *s);
/* The youngest date of a source that was read, seconds since 1970: what weir_price_table_age_seconds counts from. */
int64_t prices_date(const struct price_table *t);
size_t prices_count(const struct price_table *t); /* models */
size_t prices_memory(const struct price_table *t); /* bytes */

/* --- matching --- */

enum price_status {
	PRICE_OK,
	PRICE_FREE, /* known, and costs nothing */
	PRICE_UNKNOWN_PROVIDER,
	PRICE_UNKNOWN_MODEL,
	PRICE_NO_USAGE, /* neither input nor output tokens */
	PRICE_UNPRICED_UNIT, /* priced by what a span does not carry: pages, hours, images */
	PRICE_INCONSISTENT_USAGE, /* parts larger than the whole, or numbers beyond reason */
};
const char *price_status_name(enum price_status s); /* as in weir.cost.status */

enum price_how { HOW_EXACT, HOW_PREFIX, HOW_DATED, HOW_SUFFIX, HOW_SUBSTRING, HOW_GLOB };
enum price_via {
	VIA_REQUEST_MODEL = 1, /* the response model is not known */
	VIA_FALLBACK = 2, /* another provider's price for its own model (Azure: OpenAI's) */
	VIA_INFERRED = 4, /* no provider was named, or a router: the model told it */
	VIA_DATE_SPELLING = 8, /* -20251211 read as -2025-12-11 */
	VIA_STRIPPED_PATH = 16, /* "openai/", "models/", an ARN's head .. taken off */
	VIA_STRIPPED_REGION = 32, /* Bedrock's "eu." .. taken off */
	VIA_STRIPPED_DATE = 64, /* the date of a snapshot taken off: the least certain */
};

struct price_query {
	slice provider; /* canonical or raw name; empty: inferred from the model (also for gateways) */
	slice response_model, request_model; /* the second is tried when the first is not known; may be empty */
	slice member; /* a name that is looked up before `provider`: one of several price lists under that name; may be empty */
};

struct price_match {
	const struct price_table *table;
	slice provider, model; /* ids of the entry in the table: bounded, fit for metric labels */
	uint32_t entry; /* index, private */
	int64_t multiplier_ppm; /* 1000000: none */
	enum price_how how;
	unsigned via; /* enum price_via */
};

/* Names of providers, without case, that decide before any table. */
struct price_names {
	const struct conf_strs *local; /* calls are free */
	const struct conf_strs *gateways; /* the provider is told by the model */
};

/* Per worker, of fixed size whatever names arrive; remembers what is unknown too. `names` (NULL: none) stays the caller's. Never
 * NULL. */
struct price_cache;
struct price_cache *prices_cache_new(const struct price_names *names);
void prices_cache_free(struct price_cache *c);

/* PRICE_OK and *m, or PRICE_UNKNOWN_PROVIDER or PRICE_UNKNOWN_MODEL, or PRICE_FREE when the provider is a local one of the cache's
 * names. `cache` may be NULL. Names compare without case, blanks around are ignored. */
enum price_status prices_resolve(
        const struct price_table *t, struct price_cache *cache, const struct price_query *q, struct price_match *m);
/* weir.cost.price: PROVIDER/MODEL@TABLE-DATE. Overrides have "override" for the date. */
enum { PRICE_LABEL_MAX = 2 * PRICE_NAME_MAX + 32 };
void prices_label(const struct price_match *m, char out[PRICE_LABEL_MAX]);
/* "exact", "prefix" .. and, after commas, what else led there. */
enum { PRICE_HOW_MAX = 160 };
void prices_how(const struct price_match *m, char out[PRICE_HOW_MAX]);

/* --- arithmetic --- */

/* Tokens of one call; negative is absent. */
struct price_usage {
	int64_t input, output; /* inclusive */
	int64_t cache_read, cache_write, cache_write_1h; /* of input; 1h of cache_write */
	int64_t reasoning; /* of output */
	int64_t audio_in, audio_out; /* of input, of output */
	int64_t cache_audio_read; /* of cache_read and of audio_in */
};
void price_usage_clear(struct price_usage *u); /* all absent */

enum price_class {
	BILL_INPUT,
	BILL_CACHE_READ,
	BILL_CACHE_WRITE,
	BILL_CACHE_WRITE_1H,
	BILL_AUDIO_IN,
	BILL_CACHE_AUDIO_READ,
	BILL_OUTPUT,
	BILL_REASONING,
	BILL_AUDIO_OUT,
	BILL_REQUEST, /* a fee per call, in the total only */
	N_BILL_CLASSES
};
const char *price_class_name(enum price_class c); /* "input", "cache read" .. */

struct price_line {
	enum price_class class;
	int64_t tokens; /* billed in this class; 1 for the request fee */
	int64_t unit; /* pico-USD each */
};

struct price_cost {
	enum price_status status; /* amounts are set for PRICE_OK and PRICE_FREE only */
	bool input_adjusted; /* more cached tokens than input: the input was taken as exclusive and they were added */
	bool output_adjusted; /* more reasoning than output: added likewise */
	int64_t input, output; /* tokens as billed */
	int64_t above; /* the tier: input is above this many tokens; -1: the base price */
	int64_t prompt_pico, completion_pico, total_pico; /* after the multiplier; total includes the request fee */
	double prompt, completion, total; /* USD, the doubles nearest to the amounts */
	size_t n_lines;
	struct price_line lines[N_BILL_CLASSES]; /* n_lines are set, before the multiplier; their sum is multiplied */
};

/* `at_ns`: the span's start, since 1970, UTC. */
void prices_cost(const struct price_match *m, const struct price_usage *u, int64_t at_ns, struct price_cost *c);
/* The double nearest to pico / 1e12. */
double prices_usd(int64_t pico);
/* pico * 10^-decimals exactly, without zeros at the end: prices_decimal(2500000, 6, out) is "2.5". */
enum { PRICE_DECIMAL_MAX = 40 };
void prices_decimal(int64_t pico, int decimals, char out[PRICE_DECIMAL_MAX]);
/* "2026-08-17", "2026-08-17T01:30", "2026-08-17T01:30:00Z" (UTC) to ns since 1970. */
int prices_parse_time(slice text, int64_t *ns) MUST_USE;
