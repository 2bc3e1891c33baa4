/* usage.c - inclusive token counts from whatever an emitter reported; see usage.h.
 *
 * Impossible arithmetic decides first (cached tokens that exceed the input cannot be a part of it), then what is known about the
 * emitter, then a reported total that only fits if cached tokens come on top, else the numbers are inclusive, as OpenTelemetry
 * wants them. Counts are at most 2^53, so no sum overflows; a sum that is more becomes that.
 */
#include "lib/genai/usage.h"

#include "lib/genai/provider.h"

/* What is more would not be read as a count again. */
static int64_t sum_of(int64_t a, int64_t b)
{
	const int64_t max = (int64_t)1 << 53;
	return a + b < max ? a + b : max;
}

void usage_clear(struct usage *u)
{
	*u = (struct usage){ -1, -1, -1, -1, -1, -1, -1, -1 };
}

static int64_t or_zero(int64_t n)
{
	return n > 0 ? n : 0;
}

static slice provider_of(struct view *v)
{
	struct provider_in in = { .ecosystem = v->emitter.ecosystem };
	struct provider_out out = { 0 };
	view_text(v, C_PROVIDER, &in.named, NULL);
	view_text(v, C_REQUEST_MODEL, &in.model, NULL);
	provider_resolve(&in, &v->traces->arena, &out);
	return out.provider;
}

unsigned usage_flags(struct view *v, const struct usage *reported)
{
	unsigned flags = v->emitter.flags;
	enum ecosystem e = v->emitter.ecosystem;
	bool cached = reported->cache_read > 0 || reported->cache_write > 0;
	if (!cached || flags & (EMIT_EXCLUSIVE | EMIT_INCLUSIVE) ||
	        (e != ECO_STRANDS && e != ECO_OPENLIT && e != ECO_VERCEL))
		return flags;
	slice provider = provider_of(v);
	/* Bedrock's total has the cached tokens: when it is the sum of the two, Strands has put them into the input */
	bool is_whole = reported->total >= 0 && reported->total == reported->input + or_zero(reported->output);
	bool anthropic = slice_is(provider, "anthropic"), bedrock = slice_is(provider, "aws.bedrock");
	bool apart = e == ECO_STRANDS ? bedrock && !is_whole : e == ECO_OPENLIT ? anthropic : anthropic || bedrock;
	if (e == ECO_VERCEL) /* AI SDK 4 and 5: since 6 the input is the sum, and its parts are told */
		apart = apart && !attrs_find_id(v->attrs, KEY_AI_USAGE_INPUTTOKENDETAILS_CACHEREADTOKENS) &&
		        !attrs_find_id(v->attrs, KEY_AI_USAGE_INPUTTOKENDETAILS_CACHEWRITETOKENS) &&
		        (attrs_find_id(v->attrs, KEY_AI_USAGE_PROMPTTOKENS) ||
		                attrs_find_id(v->attrs, KEY_AI_USAGE_INPUTTOKENS));
	return apart ? flags | EMIT_EXCLUSIVE : flags;
}

static enum usage_basis basis_of(const struct usage *u, unsigned flags)
{
	int64_t cached = or_zero(u->cache_read) + or_zero(u->cache_write);
	if (u->input < 0 || cached == 0)
		return BASIS_INCLUSIVE;
	if (flags & EMIT_EXCLUSIVE)
		return BASIS_EXCLUSIVE_RULE;
	if (cached > u->input)
		return BASIS_EXCLUSIVE_INFERRED;
	if (flags & EMIT_INCLUSIVE)
		return BASIS_INCLUSIVE;
	return u->total >= 0 && u->total == u->input + or_zero(u->output) + cached ? BASIS_EXCLUSIVE_INFERRED
	                                                                           : BASIS_INCLUSIVE;
}

/* Reasoning beside the output: known of the emitter, more than the output, or needed for the total. */
static bool is_reasoning_apart(const struct usage *u, unsigned flags)
{
	if (u->output < 0 || u->reasoning <= 0)
		return false;
	return flags & EMIT_REASONING_APART || u->reasoning > u->output ||
	        (u->total >= 0 && u->total == or_zero(u->input) + u->output + u->reasoning);
}

/* The total is what its parts say; with one part it tells the other. */
static void complete(struct usage *u)
{
	if (u->input >= 0 && u->output >= 0)
		u->total = sum_of(u->input, u->output);
	else if (u->total >= 0 && u->input >= 0 && u->total >= u->input)
		u->output = u->total - u->input;
	else if (u->total >= 0 && u->output >= 0 && u->total >= u->output)
		u->input = u->total - u->output;
}

enum usage_basis usage_settle(struct usage *u, unsigned emitter_flags, bool settled, bool *adjusted)
{
	enum usage_basis basis = BASIS_INCLUSIVE;
	*adjusted = false;
	if (!settled) {
		basis = basis_of(u, emitter_flags);
		if (basis != BASIS_INCLUSIVE)
			u->input = sum_of(u->input, or_zero(u->cache_read) + or_zero(u->cache_write));
		bool apart = is_reasoning_apart(u, emitter_flags);
		if (apart)
			u->output = sum_of(u->output, u->reasoning);
		*adjusted = apart || basis != BASIS_INCLUSIVE;
	}
	complete(u);
	return basis;
}

const char *usage_basis_name(enum usage_basis b)
{
	static const char *const names[] = { [BASIS_INCLUSIVE] = "inclusive",
		[BASIS_EXCLUSIVE_RULE] = "exclusive_rule",
		[BASIS_EXCLUSIVE_INFERRED] = "exclusive_inferred" };
	return names[b];
}
