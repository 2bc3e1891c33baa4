/* prices_spell.c - the ways in which one model's name is written; see prices_lookup.h.
 *
 * Vendors' paths ("models/x", "publishers/google/models/x"), routers' and SDKs' prefixes ("openai/x"), ARNs, Bedrock's regions and dates
 * of snapshots stand around the name that a price list has. What is taken off is remembered in `via`. "-latest", ":free" and other
 * suffixes stay: with them it is another product.
 */
#include "lib/genai/prices_lookup.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static unsigned two(const char *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

static bool digits(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_digit(p[i]))
			return false;
	return true;
}

/* p: YYYYMMDD, a day that exists from 2000 to 2099. */
static bool is_date(const char *p)
{
	char text[10] = { p[0], p[1], p[2], p[3], '-', p[4], p[5], '-', p[6], p[7] };
	int64_t unused;
	return digits(p, 8) && two(p) == 20 && price_date((slice){ text, sizeof(text) }, &unused) == 0;
}

/* "-20251211" to "-2025-12-11" wherever a '-', a ':' or the end follows; false when there is none or no room. */
static bool spread_dates(slice s, char out[PRICE_NAME_MAX], slice *spread)
{
	size_t n = 0, found = 0;
	for (size_t i = 0; i < s.len;) {
		bool date = s.p[i] == '-' && s.len - i >= 9 && is_date(s.p + i + 1) &&
		        (s.len - i == 9 || s.p[i + 9] == '-' || s.p[i + 9] == ':');
		if (n + (date ? 11 : 1) > PRICE_NAME_MAX)
			return false;
		if (!date) {
			out[n++] = s.p[i++];
			continue;
		}
		memcpy(out + n, s.p + i, 5);
		out[n + 5] = '-';
		memcpy(out + n + 6, s.p + i + 5, 2);
		out[n + 8] = '-';
		memcpy(out + n + 9, s.p + i + 7, 2);
		n += 11;
		i += 9;
		found++;
	}
	*spread = (slice){ out, n };
	return found > 0;
}

static slice after_last(slice s, const char *mark)
{
	size_t n = strlen(mark);
	for (size_t i = s.len; i-- > 0;)
		if (s.len - i >= n && memcmp(s.p + i, mark, n) == 0)
			return (slice){ s.p + i + n, s.len - i - n };
	return s;
}

/* The name without the first thing that stands before it; the whole when there is none that we know. */
static slice strip_step(const struct price_table *t, uint32_t provider, slice s)
{
	bool bedrock = provider != NO_PROVIDER && slice_is(t->providers.v[provider].id, "aws");
	slice head = known_head(t, s);
	if (head.len)
		return (slice){ s.p + head.len + 1, s.len - head.len - 1 };
	if (slice_starts(s, SLICE("arn:")) || bedrock)
		return after_last(s, "/");
	if (slice_starts(s, SLICE("models/")))
		return (slice){ s.p + 7, s.len - 7 };
	return after_last(s, "/models/");
}

/* "eu.anthropic.claude-x" to "anthropic.claude-x". */
static slice strip_region(slice s)
{
	static const char *const regions[] = { "us.", "eu.", "apac.", "global.", "jp.", "au.", "ca.", "us-gov." };
	for (size_t i = 0; i < COUNTOF(regions); i++) {
		slice r = slice_of(regions[i]);
		if (slice_starts(s, r) && memchr(s.p + r.len, '.', s.len - r.len))
			return (slice){ s.p + r.len, s.len - r.len };
	}
	return s;
}

/* "-2024-08-06", "-20240806" or "@20240806" off the end. */
static slice strip_date(slice s)
{
	const char *end = s.p + s.len;
	if (s.len > 9 && (end[-9] == '-' || end[-9] == '@') && is_date(end - 8))
		return (slice){ s.p, s.len - 9 };
	int64_t unused;
	if (s.len > 11 && end[-11] == '-' && price_date((slice){ end - 10, 10 }, &unused) == 0)
		return (slice){ s.p, s.len - 11 };
	return s;
}

static void put(struct spellings *s, size_t group, slice text, unsigned via)
{
	size_t n = 0;
	for (size_t g = 0; g <= group; g++)
		n += s->n[g];
	s->v[n] = (struct spelling){ text, via };
	s->n[group]++;
}

void spell(const struct price_table *t, uint32_t provider, slice name, struct spellings *s)
{
	slice step[PATH_STEPS + 1] = { name }, spread;
	size_t n = 0;
	memset(s->n, 0, sizeof(s->n));
	for (bool more = name.len; more && n <= PATH_STEPS; n++) {
		unsigned via = n ? VIA_STRIPPED_PATH : 0;
		put(s, 0, step[n], via);
		if (spread_dates(step[n], s->dates[n], &spread))
			put(s, 0, spread, via | VIA_DATE_SPELLING);
		slice next = strip_step(t, provider, step[n]);
		more = next.len && next.len != step[n].len;
		if (more && n < PATH_STEPS)
			step[n + 1] = next;
	}
	for (size_t i = 0; i < n; i++) {
		slice local = strip_region(step[i]);
		if (local.len != step[i].len)
			put(s, 1, local, (i ? VIA_STRIPPED_PATH : 0) | VIA_STRIPPED_REGION);
	}
	for (size_t i = 0; i < n; i++) {
		slice local = strip_region(step[i]), undated = strip_date(local);
		unsigned via = (i ? VIA_STRIPPED_PATH : 0) | (local.len != step[i].len ? VIA_STRIPPED_REGION : 0);
		if (undated.len != local.len)
			put(s, 2, undated, via | VIA_STRIPPED_DATE);
	}
}
