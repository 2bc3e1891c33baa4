/* tables.h - the knowledge about GenAI conventions that is data: concepts, aliases, scopes, value maps (lib/genai/, the .csv files).
 *
 * A concept is one fact about a span (input tokens, request model) and has one canonical attribute; an alias is a place where
 * some convention keeps that fact. scripts/gen-genai turns the CSV files into constant arrays at build time: a new convention
 * is new rows. Everything here is immutable. Key ids (KEY_..) are the ids of genai_keys(), which is given to traces_scan.
 */
#pragma once
#include "genai_tables.h"
#include "lib/otlp/traces.h"

/* How the value of a canonical attribute is written. */
enum concept_type {
	TYPE_STRING,
	TYPE_INT,
	TYPE_DOUBLE,
	TYPE_BOOL,
	TYPE_STRINGS, /* array of strings */
	TYPE_TEXT, /* a string that holds text or JSON, as it came */
	TYPE_ANY, /* copied with its type; the attribute's name ends in a key of the user's */
	TYPE_MESSAGES, /* JSON array of messages */
	TYPE_PARTS, /* JSON array of message parts */
	TYPE_TOOLS, /* JSON array of tool definitions */
};

/* How the alias differs from the concept's unit or spelling (column "read"). */
enum alias_read {
	READ_PLAIN,
	READ_MS, /* milliseconds where the concept is in seconds */
	READ_S, /* seconds where the concept is in milliseconds */
	READ_ISO8601, /* a point in time: minus the span's start */
	READ_QUOTED, /* a JSON document in a string, a quoted string too ("\"LLM\"") */
	READ_CSV, /* a comma-separated list is taken as a list */
	READ_REPR, /* the path goes on in a string that holds the repr() of a Python object */
};

/* Who says so: `precedence: llm_first` moves CLASS_LLM to the front, `vendor_first` CLASS_VENDOR. */
enum alias_class { CLASS_OTEL, CLASS_LLM, CLASS_VENDOR, CLASS_OTHER };

enum alias_flags {
	ALIAS_KEEP = 1, /* stays under `originals: drop_known` (it means more than the concept, or others read it) */
	ALIAS_AGGREGATE = 2, /* repeats the sum of other spans: never usage of this one */
	ALIAS_FLAT = 4, /* prefix of indexed attributes: prefix, number, rest (read by fold) */
	ALIAS_GATED = 8, /* only of some ecosystems or kinds */
};

/* weir.span.kind; the order is that of kind_name. */
enum genai_kind {
	KIND_OTHER,
	KIND_LLM,
	KIND_EMBEDDING,
	KIND_RERANK,
	KIND_RETRIEVER,
	KIND_TOOL,
	KIND_AGENT,
	KIND_WORKFLOW,
	KIND_STEP,
	KIND_GUARDRAIL,
	KIND_EVALUATOR,
	KIND_PROMPT,
	KIND_MEMORY,
	N_KINDS
};

struct concept_info {
	slice attribute; /* canonical name; ends in <k> for TYPE_ANY */
	uint16_t key; /* its KEY_.. or KEY_NONE */
	enum concept_type type;
	enum concept_group group;
};

struct alias {
	uint16_t key;
	uint8_t concept; /* enum concept */
	uint8_t read, class, flags;
	uint16_t rank; /* within the concept, 1 is first */
	uint16_t group; /* the concept's */
	uint16_t kinds; /* bit per enum genai_kind: only on such spans; 0: all */
	uint64_t ecosystems; /* bit per enum ecosystem: only there; 0: everywhere */
	const char *path; /* inside a JSON document: "a.b.c"; NULL: the value itself */
};

struct alias_prefix {
	slice prefix; /* ends in a dot */
	struct alias alias;
};
/* What the presence of a key says about a span (keys.csv; read by detect.c). */
enum key_rule {
	RULE_NONE,
	RULE_R1, /* only model, tool and agent spans have it */
	RULE_R3, /* usage or content */
	RULE_R4_MODEL,
	RULE_R4_PROVIDER,
	RULE_R5, /* tool or agent */
	RULE_R5_COPIED, /* the same, but some SDKs copy it to every span below */
	RULE_COPIED, /* tells that such an SDK was here */
	RULE_NEG, /* infrastructure */
};

/* The table of well-known keys, built once; the caller owns it (key_table_free). Its ids are enum genai_key. */
struct key_table *genai_keys_new(void) MUST_USE;
slice genai_key_name(enum genai_key key);

const struct concept_info *concept_info(enum concept c);
/* The rows of one key; *n may be 0. */
const struct alias *aliases_of(uint16_t key, size_t *n);
/* Calls back for every prefix row that `key` begins with and that has something behind the prefix (for ALIAS_FLAT: a number of 1
 * to 5 digits, then the end or a dot). The longest prefix of each concept comes first. */
void aliases_of_prefix(slice key, void (*each)(void *ctx, const struct alias *a, slice rest), void *ctx);

/* What a key says; key_id 0 is judged by its families ("llm.token_count." and so on). */
enum key_rule key_rule(uint16_t key_id, slice key);

const char *ecosystem_name(enum ecosystem e);
const char *kind_name(enum genai_kind k);
bool kind_of_name(slice name, enum genai_kind *k); /* of weir.span.kind's own values */

/* Value maps (values.csv): what emitters write, to what is canonical. Comparison ignores case and blanks around, and Python's enum
 * class prefixes ("TraceloopSpanKindValues.TASK"). False: the value is not in the map. *canonical is static. */
enum value_map {
	MAP_OPERATION, /* any vendor's word for an operation -> gen_ai.operation.name */
	MAP_OPERATION_KIND, /* gen_ai.operation.name -> weir.span.kind */
	MAP_KIND, /* any vendor's word for a kind -> weir.span.kind */
	MAP_KIND_OPERATION, /* weir.span.kind -> gen_ai.operation.name when nothing else says it */
	MAP_FINISH, /* finish reason */
	MAP_OUTPUT_TYPE,
	MAP_ROLE, /* role of a message */
	N_VALUE_MAPS
};
bool value_map(enum value_map map, slice raw, slice *canonical);
/* The same, where some ecosystems mean another thing by a word ("completion" of LiteLLM is a chat). */
bool value_map_of(enum value_map map, enum ecosystem e, slice raw, slice *canonical);
