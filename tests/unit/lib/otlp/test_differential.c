/* test_differential.c - scan + edit + encode against protobuf-c unpack + edit + pack, on random requests.
 *
 * Every body comes from a seed. Sound bodies come in two encodings: ours reads the odd one, protobuf-c the plain
 * one, and after the same random edits both must be the same request. Damaged bodies go to both: what we accept
 * protobuf-c must accept and read alike, what only we refuse must have one of the documented reasons.
 * DIFFERENTIAL_N: how many bodies (default 30000); DIFFERENTIAL_SEED: the first seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/otlp/encode.h"
#include "tests/unit/rig/otlp_trial.h"

static const slice names[] = { { "gen_ai.system", 13 }, { "gen_ai.usage.input_tokens", 25 },
	{ "gen_ai.usage.output_tokens", 26 }, { "user.id", 7 }, { "gen_ai.request.model", 20 } };

static struct {
	struct key_table *keys;
	uint32_t n_bodies, n_accepted, n_refused_spans, n_rewritten, n_edits;
} all;

/* --- taking out of the tree what our rules take out */

static bool tree_gone(const struct trial *c, const pb_span *s)
{
	for (size_t i = 0; i < c->n_gone; i++)
		if (c->gone[i] == s)
			return true;
	return false;
}

static bool tree_bad(const struct trial *c, const void *envelope)
{
	for (size_t i = 0; i < c->n_bad; i++)
		if (c->bad[i] == envelope)
			return true;
	return false;
}

static bool tree_judge(struct trial *c, const void *envelope, pb_kv *const *kv, size_t n)
{
	if (!pb_too_deep(kv, n))
		return false;
	if (c->n_bad == COUNTOF(c->bad))
		trial_fail(c, "too many bad envelopes");
	c->bad[c->n_bad++] = envelope;
	return true;
}

/* Called before edits: spans that are invalid alone, and all below an invalid resource or scope. */
static uint32_t tree_refuse(struct trial *c)
{
	for (size_t i = 0; i < c->pb->n_resource_spans; i++) {
		pb_resource_spans *res = c->pb->resource_spans[i];
		bool bad = res->resource && tree_judge(c, res, res->resource->attributes, res->resource->n_attributes);
		for (size_t k = 0; k < res->n_scope_spans; k++) {
			pb_scope_spans *sc = res->scope_spans[k];
			bool below = sc->scope && tree_judge(c, sc, sc->scope->attributes, sc->scope->n_attributes);
			below |= bad;
			for (size_t n = 0; n < sc->n_spans; n++) {
				if (!below && !pb_refused(sc->spans[n]))
					continue;
				if (c->n_gone == COUNTOF(c->gone))
					trial_fail(c, "too many refused spans");
				c->gone[c->n_gone++] = sc->spans[n];
			}
		}
	}
	return (uint32_t)c->n_gone;
}

/* Leaves out spans that are gone, and what lost all its spans; `came` has the counts before edits, from the index. */
static void tree_prune(struct trial *c)
{
	size_t n_res = 0;
	for (size_t i = 0; i < c->pb->n_resource_spans; i++) {
		pb_resource_spans *res = c->pb->resource_spans[i];
		size_t left = 0, came = 0, n_sc = 0;
		for (size_t k = 0; k < res->n_scope_spans; k++) {
			pb_scope_spans *sc = res->scope_spans[k];
			uint32_t had = c->t.scopes[c->t.resources[i].first_scope + k].n_spans;
			size_t n = 0;
			for (size_t j = 0; j < sc->n_spans; j++)
				if (!tree_gone(c, sc->spans[j]))
					sc->spans[n++] = sc->spans[j];
			sc->n_spans = n;
			left += tree_bad(c, sc) ? 0 : n;
			came += had;
			if (!tree_bad(c, sc) && (n || !had))
				res->scope_spans[n_sc++] = sc;
		}
		res->n_scope_spans = n_sc;
		if (!tree_bad(c, res) && (left || !came))
			c->pb->resource_spans[n_res++] = res;
	}
	c->pb->n_resource_spans = n_res;
}

/* --- comparing */

static const ProtobufCMessageDescriptor *const root =
        &opentelemetry__proto__collector__trace__v1__export_trace_service_request__descriptor;

/* What is encoded, as canonical bytes; also read again by ourselves. */
static slice encoded(struct trial *c)
{
	struct buf *out = traces_encode(&c->t, NULL);
	assert_non_null(out);
	struct traces again;
	struct scan_report r;
	struct err e;
	if (traces_scan(&again, out, NULL, NULL, &r, &e))
		trial_fail(c, "what was encoded does not scan");
	if (r.n_refused || r.n_utf8 || again.n_spans != c->t.n_kept)
		trial_fail(c, "what was encoded scans differently");
	if (again.dirty || again.body != out)
		trial_fail(c, "what was encoded needed rewriting");
	traces_release(&again);
	slice bare, body = arena_dup(&c->arena, buf_slice(out));
	otlp_traits(root, body, &c->arena, &bare);
	buf_unref(out);
	pb_request *pb = pb_unpack(&c->arena, bare);
	if (!pb)
		trial_fail(c, "protobuf-c refuses what was encoded");
	return pb_canonical(&c->arena, &pb->base, false);
}

static int scan(struct trial *c, slice body, struct scan_report *r)
{
	struct scan_report checked;
	struct err e = { 0 }, e2 = { 0 };
	bool rewrite = false;
	struct buf *b = buf_copy(NULL, body);
	assert_non_null(b);
	int rc = traces_scan(&c->t, b, all.keys, NULL, r, &e);
	int rc2 = traces_check(buf_slice(b), &checked, &rewrite, &e2);
	if (rc != rc2 || strcmp(e.text, e2.text) != 0)
		trial_fail(c, "traces_check and traces_scan disagree");
	if (rc == 0 &&
	        (checked.n_spans != r->n_spans || checked.n_refused != r->n_refused || checked.n_utf8 != r->n_utf8 ||
	                strcmp(checked.refused_text, r->refused_text) != 0))
		trial_fail(c, "traces_check and traces_scan report differently");
	if (rc == 0 && rewrite != (c->t.dirty || r->n_utf8 > 0))
		trial_fail(c, "needs_rewrite is wrong");
	if (rc == 0)
		all.n_rewritten += c->t.body != b;
	buf_unref(b);
	return rc;
}

/* The index (unedited) and, after the same edits, the encoding. */
static void compare(struct trial *c, const struct scan_report *r, bool edits)
{
	pb_canonical(&c->arena, &c->pb->base, r->n_utf8 > 0);
	const char *why = pb_differs(&c->t, c->pb);
	if (why)
		trial_fail(c, why);
	if (tree_refuse(c) != r->n_refused)
		trial_fail(c, "refused spans differ");
	if (edits)
		trial_edit(c);
	tree_prune(c);
	slice want = pb_canonical(&c->arena, &c->pb->base, false);
	if (!slice_eq(encoded(c), want))
		trial_fail(c, "the encoded request differs");
}

static void sound_body(struct trial *c, struct twin body)
{
	struct scan_report r;
	if (scan(c, body.odd, &r))
		trial_fail(c, "a sound body is refused");
	c->pb = pb_unpack(&c->arena, body.plain);
	if (!c->pb)
		trial_fail(c, "protobuf-c refuses the plain body");
	all.n_refused_spans += r.n_refused;
	all.n_accepted++;
	compare(c, &r, true);
	traces_release(&c->t);
}

static void damaged_body(struct trial *c, slice body)
{
	struct scan_report r;
	slice bare;
	unsigned traits = otlp_traits(root, body, &c->arena, &bare);
	c->pb = pb_unpack(&c->arena, traits & T_GROUPS ? bare : body);
	if (scan(c, body, &r)) {
		if (c->pb && !(traits & (T_TAG | T_VARINT | T_GROUP | T_TYPE | T_BROKEN)))
			trial_fail(c, "we refuse without a reason what protobuf-c accepts");
		if (c->pb && !(traits & T_GROUPS) && (traits & T_BROKEN) && !(traits & (T_TYPE | T_TAG)))
			trial_fail(c, "the oracle's own parser is stricter than protobuf-c");
		return;
	}
	all.n_accepted++;
	if (traits & (T_BROKEN | T_GROUP | T_TAG | T_VARINT | T_TYPE))
		trial_fail(c, "we accept what breaks one of our rules");
	if (!c->pb && !(traits & (T_SPLIT | T_DEEP)))
		trial_fail(c, "we accept what protobuf-c refuses");
	if (c->pb && !(traits & T_SPLIT) && !((traits & T_DEEP) && r.n_utf8)) {
		if (!(traits & T_DEEP))
			compare(c, &r, !(traits & T_NUL) && rng_one_in(&c->rng, 2));
	} else {
		encoded(c);
	}
	traces_release(&c->t);
}

static void trial(uint64_t seed)
{
	struct trial c = { .rng.state = seed * 0x2545F4914F6CDD1D, .seed = seed };
	static const unsigned flags[] = { RANDOM_VALID, RANDOM_VALID, RANDOM_BAD_IDS, RANDOM_DEEP | RANDOM_BAD_IDS };
	arena_init(&c.arena);
	struct twin body = random_request(&c.rng, &c.arena, flags[rng_below(&c.rng, COUNTOF(flags))]);
	all.n_bodies++;
	if (rng_one_in(&c.rng, 2))
		sound_body(&c, body);
	else
		damaged_body(&c, random_damage(&c.rng, &c.arena, rng_one_in(&c.rng, 2) ? body.odd : body.plain, 0));
	all.n_edits += c.n_edits;
	arena_release(&c.arena);
}

static uint64_t from_env(const char *name, uint64_t otherwise)
{
	const char *s = getenv(name);
	return s ? strtoull(s, NULL, 10) : otherwise;
}

static void test_differential(void **state)
{
	(void)state;
	uint64_t n = from_env("DIFFERENTIAL_N", 30000), first = from_env("DIFFERENTIAL_SEED", 1);
	all.keys = key_table_new(names, COUNTOF(names));
	for (uint64_t i = 0; i < n; i++)
		trial(first + i);
	print_message("seeds %llu to %llu: %u bodies, %u accepted, %u spans refused, %u rewritten, %u edits\n",
	        (unsigned long long)first, (unsigned long long)(first + n - 1), all.n_bodies, all.n_accepted,
	        all.n_refused_spans, all.n_rewritten, all.n_edits);
	key_table_free(all.keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_differential) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
