/* fingerprint.c - hashing instructions and tools, with a memory of the last ones (see fingerprint.h).
 *
 * An application has few prompts and sends each many times. A slot keeps no text but its lengths and a hash with
 * a random key: nobody outside can make two texts that share it.
 *
 * The hash is NH, a sum of products of words of text and key: two different blocks of one length have the same sum with a probability
 * of 2^-64, whoever wrote them (Black, Halevi, Krawczyk, Krovetz, Rogaway: "UMAC", 1999). Sums of 512 bytes go through the keyed hash. */
#include "lib/genai/fingerprint.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "lib/base/map.h"
#include "lib/genai/json.h"

enum { LEADING_MAX = 1 << 20 };

static void begin(struct fingerprints *f)
{
	struct map m;
	map_init(&m);
	f->seed = m.seed | 1;
	map_release(&m);
	for (uint64_t i = 0; i < COUNTOF(f->key); i++)
		f->key[i] = hash_bytes(&i, sizeof i, f->seed);
	f->md = EVP_MD_CTX_new();
	f->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!f->md || !f->sha256)
		abort();
}

void fingerprints_release(struct fingerprints *f)
{
	EVP_MD_CTX_free(f->md);
	EVP_MD_free(f->sha256);
}

static size_t skip_blanks(slice s, size_t i)
{
	while (i < s.len && (s.p[i] == ' ' || s.p[i] == '\n' || s.p[i] == '\t' || s.p[i] == '\r'))
		i++;
	return i;
}

/* i is at the opening quote; the result is behind the closing one. */
static size_t skip_string(slice s, size_t i)
{
	for (i++; i < s.len && s.p[i] != '"'; i++)
		i += s.p[i] == '\\';
	return i < s.len ? i + 1 : s.len;
}

/* Behind the value at i: up to the comma or bracket that follows it. */
static size_t skip_value(slice s, size_t i)
{
	unsigned depth = 0;
	while (i < s.len) {
		char c = s.p[i];
		bool opens = c == '{' || c == '[', closes = c == '}' || c == ']';
		if (!depth && (closes || c == ','))
			return i;
		depth += opens;
		depth -= closes;
		i = c == '"' ? skip_string(s, i) : i + 1;
	}
	return i;
}

static bool is_system(slice role)
{
	return slice_is(slice_trim(role), "\"system\"") || slice_is(slice_trim(role), "\"developer\"");
}

/* Does the object at i say that its role is the system's? Reads no further than the role. */
static bool is_system_message(slice s, size_t i)
{
	i = skip_blanks(s, i + 1);
	while (i < s.len && s.p[i] == '"') {
		size_t end = skip_string(s, i), value = skip_blanks(s, end);
		bool is_role = slice_is((slice){ s.p + i, end - i }, "\"role\"");
		if (value >= s.len || s.p[value] != ':')
			return false;
		end = skip_value(s, value + 1);
		if (is_role)
			return is_system((slice){ s.p + value + 1, end - value - 1 });
		i = end < s.len && s.p[end] == ',' ? skip_blanks(s, end + 1) : s.len;
	}
	return false;
}

slice fingerprint_leading(slice s)
{
	s.len = s.len < LEADING_MAX ? s.len : LEADING_MAX;
	size_t i = skip_blanks(s, 0), first = 0, last = 0;
	if (i >= s.len || s.p[i] != '[')
		return (slice){ 0 };
	first = skip_blanks(s, i + 1);
	for (i = first; i < s.len && s.p[i] == '{' && is_system_message(s, i); i = skip_blanks(s, i + 1)) {
		size_t end = skip_value(s, i);
		if (end >= s.len)
			break;
		last = i = end;
		if (s.p[i] != ',')
			break;
	}
	return last ? (slice){ s.p + first, last - first } : (slice){ 0 };
}

static void add(EVP_MD_CTX *md, slice s)
{
	if (s.len && !EVP_DigestUpdate(md, s.p, s.len))
		abort();
}

static void add_part(EVP_MD_CTX *md, const struct json *part, struct arena *a)
{
	const struct json *content = part->type == JSON_STRING ? part : json_get(part, "content");
	add(md, content && content->type == JSON_STRING ? json_text_of(content, a) : json_raw(part));
	add(md, SLICE("\n"));
}

/* An element of the list: a part, or a message with parts. */
static void add_element(EVP_MD_CTX *md, const struct json *element, struct arena *a)
{
	const struct json *parts = json_get(element, "parts");
	if (!parts || parts->type != JSON_ARRAY) {
		add_part(md, element, a);
		return;
	}
	for (const struct json *p = json_first(parts, NULL); p; p = json_next(parts, p, NULL))
		add_part(md, p, a);
}

static void add_system(EVP_MD_CTX *md, slice system, struct arena *a)
{
	slice s = slice_trim(system);
	if (slice_starts(s, SLICE("{"))) { /* messages cut out of their array */
		char *text = arena_alloc(a, s.len + 2);
		text[0] = '[';
		memcpy(text + 1, s.p, s.len);
		text[s.len + 1] = ']';
		s = (slice){ text, s.len + 2 };
	}
	const struct json *list = s.len && *s.p == '[' ? json_parse(a, s, NULL) : NULL;
	if (!list) {
		add(md, system);
		add(md, SLICE("\n"));
		return;
	}
	for (const struct json *e = json_first(list, NULL); e; e = json_next(list, e, NULL))
		add_element(md, e, a);
}

static void hash(struct fingerprints *f, slice system, slice tools, struct arena *a, char hex[FINGERPRINT_LEN])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *md = f->md;
	if (!EVP_DigestInit_ex2(md, f->sha256, NULL))
		abort();
	if (system.len)
		add_system(md, system, a);
	if (tools.len) {
		add(md, (slice){ "", 1 });
		add(md, tools);
	}
	if (!EVP_DigestFinal_ex(md, digest, NULL))
		abort();
	for (unsigned i = 0; i < FINGERPRINT_LEN; i++)
		hex[i] = digits[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
}

__extension__ typedef unsigned __int128 u128;

static u128 product(const char *p, const uint64_t *key)
{
	uint64_t words[2];
	memcpy(words, p, sizeof words);
	return (u128)(words[0] + key[0]) * (words[1] + key[1]);
}

/* At most a block. */
static u128 block_sum(const uint64_t *key, slice s)
{
	u128 sum = 0;
	for (; s.len >= 16; s = (slice){ s.p + 16, s.len - 16 }, key += 2)
		sum += product(s.p, key);
	if (s.len) {
		char last[16] = { 0 };
		memcpy(last, s.p, s.len);
		sum += product(last, key);
	}
	return sum;
}

/* Tells texts of one length apart. */
static uint64_t text_hash(const struct fingerprints *f, slice s, uint64_t h)
{
	while (s.len) {
		size_t n = s.len < sizeof f->key ? s.len : sizeof f->key;
		u128 sum = block_sum(f->key, (slice){ s.p, n });
		h = hash_bytes(&sum, sizeof sum, h);
		s = (slice){ s.p + n, s.len - n };
	}
	return h;
}

slice fingerprint_of(struct fingerprints *f, slice system, slice tools, struct arena *a)
{
	if (!f->seed)
		begin(f);
	uint64_t key = text_hash(f, tools, text_hash(f, system, f->seed));
	struct fingerprint_slot *set = f->slots[key % FINGERPRINT_SETS];
	for (int i = 0; i < 2; i++)
		if (set[i].key == key && set[i].system == system.len && set[i].tools == tools.len)
			return (slice){ set[i].hex, FINGERPRINT_LEN };
	set[1] = set[0];
	set[0] = (struct fingerprint_slot){ key, system.len, tools.len, { 0 } };
	hash(f, system, tools, a, set[0].hex);
	return (slice){ set[0].hex, FINGERPRINT_LEN };
}
