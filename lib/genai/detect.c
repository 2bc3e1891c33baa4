/* detect.c - see detect.h. One pass over the attributes collects what the keys say (keys.csv), then the rules are asked in order.
 *
 * Some keys count only with certain values, because other products use them too or write placeholders: usable() knows.
 * Message events are looked at only when nothing stronger was found.
 */
#include "lib/genai/detect.h"

struct evidence {
	unsigned seen; /* bit per enum key_rule */
	const struct attr *by[RULE_NEG + 1]; /* the first of each */
	bool vector_database, mcp; /* any MCP method */
};

static slice text_of(const struct attr *a)
{
	return a->value.type == V_STRING ? slice_trim(a->value.s) : (slice){ 0 };
}

static bool is_empty(const struct attr *a)
{
	if (a->value.type != V_STRING)
		return a->value.type == V_EMPTY;
	return !a->value.s.len || (a->value.s.p[0] <= ' ' && !text_of(a).len);
}

static bool starts(const struct attr *a, slice prefix)
{
	return slice_starts(text_of(a), prefix);
}

#define S(lit)                       \
	{                            \
		lit, sizeof(lit) - 1 \
	}
/* Vector databases by the names that their instrumentations give to db.system. */
static bool is_vector_database(slice system)
{
	static const slice names[] = { S("pinecone"), S("chroma"), S("chromadb"), S("qdrant"), S("weaviate"),
		S("milvus"), S("lancedb"), S("marqo"), S("astra"), S("vespa"), S("pgvector"), S("vearch"), S("zilliz"),
		S("turbopuffer") };
	for (size_t i = 0; i < COUNTOF(names); i++)
		if (system.len == names[i].len && slice_ieq(system, names[i]))
			return true;
	return false;
}

/* OpenLIT's vector database spans and LiteLLM's management calls have an operation, but call no model. */
static bool is_operation(slice operation, struct evidence *e)
{
	slice tail = SLICE("_management");
	if (slice_ieq(operation, SLICE("vectordb"))) {
		e->vector_database = true;
		return false;
	}
	return !slice_starts(operation, SLICE("litellm.")) || operation.len < tail.len ||
	        memcmp(operation.p + operation.len - tail.len, tail.p, tail.len) != 0;
}

static enum key_rule of_mcp(const struct attr *a, struct evidence *e)
{
	slice method = text_of(a);
	e->mcp = true;
	return slice_is(method, "tools/call") || slice_is(method, "prompts/get") ? RULE_R5 : RULE_NEG;
}

/* What the attribute says with the value that it has. */
static enum key_rule judge(const struct attr *a, enum key_rule rule, struct evidence *e)
{
	bool ok = true;
	switch (a->key_id) {
	case KEY_GENAI_OPERATION_NAME:
		ok = is_operation(text_of(a), e);
		break;
	case KEY_AI_OPERATIONID:
	case KEY_OPERATION_NAME:
		ok = starts(a, SLICE("ai."));
		break;
	case KEY_SPAN_TYPE:
		ok = starts(a, SLICE("claude_code."));
		break;
	case KEY_GCP_VERTEX_AGENT_LLMREQUEST:
		ok = !slice_is(text_of(a), "{}");
		break;
	case KEY_RPC_SYSTEM:
	case KEY_RPC_SYSTEM_NAME:
		ok = !slice_is(text_of(a), "jsonrpc") && !slice_is(text_of(a), "aws-api");
		break;
	case KEY_DB_SYSTEM:
	case KEY_DB_SYSTEM_NAME:
		e->vector_database = e->vector_database || is_vector_database(text_of(a));
		break;
	case KEY_MCP_METHOD_NAME:
		return of_mcp(a, e);
	default:
		break;
	}
	return ok && !is_empty(a) ? rule : RULE_NONE;
}

/* Up to what decides alone. */
static void collect(const struct span *s, struct evidence *e)
{
	for (const struct attr *a = s->attrs.first; a; a = a->next) {
		enum key_rule rule = key_rule(a->key_id, a->key);
		if (rule == RULE_NONE || a->deleted || (rule = judge(a, rule, e)) == RULE_NONE || e->seen >> rule & 1)
			continue;
		e->seen |= 1u << rule;
		e->by[rule] = a;
		if (rule == RULE_R1)
			return;
	}
}

static const struct event *message_event(const struct span *s)
{
	for (const struct event *ev = s->first_event; ev; ev = ev->next)
		if (!ev->deleted && slice_starts(ev->name, SLICE("gen_ai.")))
			return ev;
	return NULL;
}

static bool is_genai_scope(struct emitter scope, const struct span *s)
{
	slice operation;
	if (scope.flags & EMIT_NAMED)
		return value_map_of(MAP_OPERATION, scope.ecosystem, s->name, &operation);
	return scope.flags & EMIT_GENAI;
}

static bool has(const struct evidence *e, enum key_rule rule)
{
	return e->seen >> rule & 1;
}

/* R2, R4 and R5, which infrastructure beats. */
static enum detect_rule weak(const struct span *s, struct emitter scope, const struct detect_options *o,
        struct evidence *e, enum key_rule *by)
{
	if (is_genai_scope(scope, s) && !e->vector_database)
		return DETECT_R2;
	*by = RULE_R4_MODEL;
	if (has(e, RULE_R4_MODEL) && has(e, RULE_R4_PROVIDER))
		return DETECT_R4;
	*by = has(e, RULE_R5) ? RULE_R5 : RULE_R5_COPIED;
	if (has(e, RULE_R5) || (has(e, RULE_R5_COPIED) && !has(e, RULE_COPIED)))
		return DETECT_R5;
	*by = RULE_NONE;
	return e->vector_database && o->keep_retrievers ? DETECT_R5 : DETECT_NONE;
}

enum detect_rule detect_span(const struct span *s, struct emitter scope, const struct detect_options *o, slice *why)
{
	struct evidence e = { 0 };
	enum key_rule by = RULE_NONE;
	enum detect_rule rule;
	const struct event *ev = NULL;
	collect(s, &e);
	e.vector_database = e.vector_database || attrs_find_id(&s->attrs, KEY_DB_VECTOR_QUERY_TOPK);
	bool wanted = (e.vector_database && o->keep_retrievers) || (e.mcp && o->keep_mcp_protocol);
	if (has(&e, RULE_R1))
		rule = DETECT_R1, by = RULE_R1;
	else if (has(&e, RULE_R3) || (ev = message_event(s)))
		rule = DETECT_R3, by = ev ? RULE_NONE : RULE_R3;
	else if (has(&e, RULE_NEG))
		rule = wanted ? DETECT_R5 : DETECT_R_NEG, by = RULE_NEG;
	else
		rule = weak(s, scope, o, &e, &by);
	if (why)
		*why = ev ? ev->name : rule == DETECT_R2 ? s->scope->name : e.by[by] ? e.by[by]->key : (slice){ 0 };
	return rule;
}

bool detect_keeps(enum detect_rule r)
{
	return r != DETECT_NONE && r != DETECT_R0_KEEP_FALSE && r != DETECT_R0_EXCLUDE && r != DETECT_R_NEG;
}

const char *detect_label(enum detect_rule r)
{
	static const char *const labels[N_DETECT_RULES] = {
		[DETECT_NONE] = "none",
		[DETECT_R0_KEEP_TRUE] = "r0_keep_true",
		[DETECT_R0_KEEP_FALSE] = "r0_keep_false",
		[DETECT_R0_INCLUDE] = "r0_include",
		[DETECT_R0_EXCLUDE] = "r0_exclude",
		[DETECT_R1] = "r1",
		[DETECT_R2] = "r2",
		[DETECT_R3] = "r3",
		[DETECT_R4] = "r4",
		[DETECT_R5] = "r5",
		[DETECT_R_NEG] = "r_neg",
	};
	return labels[r];
}
