/* prices_table.h - the inside of a price table, for the prices_*.c files alone.
 *
 * Built by appending (providers, names, entries, rows, tiers), then sealed by table_seal, which sorts the patterns; after that nothing
 * changes. Texts are slices into the built-in TSV, which is static, or into the table's arena. All names are lower case. Indexes
 * instead of pointers, because the arrays grow while they are built. Provider 0 is "every provider" (overrides without one).
 */
#pragma once
#include "lib/base/map.h"
#include "lib/base/vec.h"
#include "lib/genai/pricing.h"

#define ANY_PROVIDER 0
#define NO_PROVIDER UINT32_MAX
#define NO_ENTRY UINT32_MAX
enum { TABLE_FALLBACKS = 8 };

__extension__ typedef unsigned __int128 u128; /* sums of tokens times price */

#define PPM INT64_C(1000000)
#define PICO_PER_MTOK INT64_C(1000000) /* USD per million units to pico-USD per unit */
#define PICO_PER_K INT64_C(1000000000) /* USD per thousand units */
#define PRICE_MAX INT64_C(1000000000000000000) /* pico-USD per unit: a million USD */

struct price_tier {
	int64_t above; /* applies when the whole input is larger; -1: the base */
	int64_t unit[N_BILL_CLASSES]; /* pico-USD; -1: no price of its own */
};

enum row_when { ROW_ALWAYS, ROW_FROM, ROW_DAILY };

struct price_row {
	enum row_when when;
	int64_t begin,
	        end; /* ROW_FROM: seconds since 1970; ROW_DAILY: seconds of the UTC day, [begin, end), may wrap */
	bool unpriced; /* priced by something else than tokens */
	uint32_t first_tier, n_tiers; /* ascending, the base first; no tiers: free */
};

struct price_entry {
	slice model;
	uint32_t provider, layer;
	uint32_t first_row, n_rows;
};

struct price_pattern {
	slice text; /* with * and #, as written */
	slice unless; /* a name that contains this does not match; empty: none */
	uint32_t provider, entry, layer;
	enum price_how how;
	uint32_t literal; /* bytes that are not wild: the longest wins */
};

/* What gives way to what among equal names of one layer; of one rank the newer counts. */
enum name_rank {
	NAME_OWN,
	NAME_OWN_STRIPPED, /* a prefix was taken off by the loader */
	NAME_FOREIGN, /* of a list that is folded into another one's provider */
	NAME_FOREIGN_STRIPPED
};

struct price_name {
	slice text;
	uint32_t provider, entry, layer;
	enum name_rank rank;
};

struct price_scale {
	uint32_t provider;
	slice model; /* name or pattern; empty: all */
	int64_t ppm;
};

struct price_provider {
	slice id;
	uint32_t fallback[TABLE_FALLBACKS], n_fallback;
	uint32_t first_pattern, n_patterns; /* set by table_seal */
	bool member; /* of a group: one of several lists that share a normaliser's name */
	uint32_t label_of; /* a label of a file, kept apart within that provider; 0: a provider */
};

struct price_layer {
	slice date; /* YYYY-MM-DD, or "override" */
	int64_t date_s;
};

struct price_table {
	struct arena arena;
	uint64_t generation;
	VEC(struct price_provider) providers;
	VEC(struct price_layer) layers;
	VEC(struct price_pattern)
	aliases, infer, patterns; /* aliases and infer: in order; .provider is what they mean */
	VEC(struct price_name) names;
	VEC(struct price_entry) entries;
	VEC(struct price_row) rows;
	VEC(struct price_tier) tiers;
	VEC(struct price_scale) scales;
	uint32_t *slots; /* of names: index + 1 */
	size_t n_slots;
	struct map alias_names; /* provider index + 1 as the value */
	struct map canonical; /* the same, for names that a normaliser writes in place of an alias */
	struct map labels, canonical_labels; /* the same, for labels */
	uint32_t override_layer; /* NO_ENTRY: none */
};

/* prices_table.c: building. Texts are kept as they are (copied only to make them lower case): they must live as long as the table. */
void table_init(struct price_table *t, uint64_t generation);
uint32_t table_layer(struct price_table *t, slice date, int64_t date_s);
/* The provider of that id, made when there is none. NO_PROVIDER when the name is empty or too long. */
uint32_t table_provider(struct price_table *t, slice id);
/* A name or a pattern of a provider's names, or of model names that tell the provider. */
void table_alias(struct price_table *t, uint32_t provider, slice name);
void table_infer(struct price_table *t, uint32_t provider, slice pattern);
/* A new entry without rows, of the newest layer. */
uint32_t table_entry(struct price_table *t, uint32_t provider, slice model);
/* A name (exact) or pattern of the entry. False: given already in this layer with this rank, the newer one counts. */
bool table_name(struct price_table *t, uint32_t provider, uint32_t entry, slice name, enum name_rank rank);
bool table_pattern(struct price_table *t, uint32_t provider, uint32_t entry, slice pattern);
/* The entry's next row, without tiers; to be filled in before the next one is made. */
struct price_row *table_row(struct price_table *t, uint32_t entry);

/* The tiers of one row while they are collected class by class, each with thresholds of its own. */
enum { TIERS_MAX = 16 };
struct tier_set {
	struct tier_price {
		enum price_class class;
		int64_t above, unit; /* above -1: the base */
	} v[N_BILL_CLASSES * TIERS_MAX];
	size_t n;
};
/* Returns -1 when there are too many. */
int tiers_put(struct tier_set *set, enum price_class class, int64_t above, int64_t unit);
/* One tier of the row for each threshold that occurs; in it a class has the price of its own highest threshold not above it. */
void tiers_store(struct price_table *t, struct price_row *row, const struct tier_set *set);
void table_seal(struct price_table *t);
slice table_lower(struct price_table *t, slice s); /* itself when it is lower case */

/* prices_match.c */
bool pattern_is(slice text); /* has a wildcard or a condition */
void pattern_parse(slice text, struct price_pattern *p);
bool pattern_match(const struct price_pattern *p, slice name);
const struct price_name *table_find(const struct price_table *t, uint32_t provider, slice name);

/* prices_provider.c: names are lower case; NO_PROVIDER: unknown. */
/* One of the lists behind a group's name ("huggingface_groq"). */
bool provider_is_member(slice name);
/* Remembers the canonical name of a provider's id or alias, unless an earlier one has it. */
void table_canonical(struct price_table *t, uint32_t provider, slice name);
/* By an id or alias in any spelling, without patterns; for loaders. */
uint32_t table_named(const struct price_table *t, slice name);
/* As table_named, then by patterns. */
uint32_t fold_provider(const struct price_table *t, slice name);
/* As fold_provider; a member of a group also means the group's provider when it has no list of its own. For queries. */
uint32_t match_provider(const struct price_table *t, slice name);
/* The provider of overrides under the canonical name, when it is another one than `provider`. */
uint32_t match_canonical(const struct price_table *t, uint32_t provider, slice name);
/* Which provider a model's name tells when nobody else does; heads of gateways in front of it tell nothing. */
uint32_t infer_provider(const struct price_table *t, slice model);
/* The list of a file's label within the provider that it folds into; the provider itself when the label is its id. */
uint32_t table_label(struct price_table *t, uint32_t provider, slice label);
/* The label within the provider that a name means. */
uint32_t match_label(const struct price_table *t, uint32_t provider, slice name);
/* "openai" of "openai/x" when it is a provider or a gateway; else empty. */
slice known_head(const struct price_table *t, slice model);
/* Without the gateways in front. */
slice skip_gateways(slice model);

/* prices_number.c: decimal text to whole pico-USD: value * scale, rounded half to even; -1 when it is no number in [0, PRICE_MAX]. */
int price_number(slice text, int64_t scale, int64_t *out) MUST_USE;
int price_date(slice text, int64_t *seconds) MUST_USE; /* YYYY-MM-DD */
void price_format_date(int64_t seconds, char out[16]);

/* One source of prices on its way into the table. */
struct price_loader {
	struct price_table *table;
	const char *name; /* for messages */
	slice text;
	int64_t date_s;
	struct price_report *report; /* never NULL */
	struct arena *scratch; /* for strings of the document; set by load_json */
};
/* Adds to report->skipped (or duplicates) and keeps the first note of each. */
void loader_note(struct price_loader *l, size_t *counter, const char *fmt, ...) PRINTF(3, 4);
int load_tsv(struct price_loader *l, struct err *e) MUST_USE;
/* An object is LiteLLM's, an array genai-prices'. */
int load_json(struct price_loader *l, struct err *e) MUST_USE;
struct json;
void load_genai_prices(struct price_loader *l, const struct json *root);
