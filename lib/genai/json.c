/* json.c - text to nodes in one pass, without recursion; see json.h.
 *
 * The parser counts what can start a node (commas, colons, opening brackets) at 16 bytes a step and takes that many nodes at once, so
 * the array neither moves nor is copied: at most one node per two bytes of text, which is 16 times its size. Open containers are a
 * fixed stack of JSON_DEPTH. A text that ends early is completed by what is missing and parsed again, so every node of a document
 * lies in text that is sound.
 */
#include "lib/genai/json.h"

#include "lib/base/utf8.h"
#include "lib/otlp/json_number.h"
#include "lib/otlp/json_scan.h"

struct parser {
	const char *text, *p, *end;
	struct json *nodes;
	uint32_t n, depth;
	struct json *open[JSON_DEPTH];
	const char *why; /* of the failure, NULL before */
	/* For texts that end early: the text up to `sound` needs only the open containers' ends, and `in_string` one quote more. */
	const char *sound;
	bool early, in_string;
};

/* An upper bound of the nodes: each but the first stands behind one of , : [ { */
static size_t count_nodes(slice text)
{
	size_t n = 1, i = 0;
#ifdef __SSE2__
	__m128i sum = _mm_setzero_si128(), zero = _mm_setzero_si128();
	for (; i + 16 <= text.len; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(text.p + i));
		__m128i open = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(0x20)), _mm_set1_epi8('{'));
		__m128i mark =
		        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(',')), _mm_cmpeq_epi8(v, _mm_set1_epi8(':')));
		__m128i ones = _mm_sub_epi8(zero, _mm_or_si128(open, mark));
		sum = _mm_add_epi64(sum, _mm_sad_epu8(ones, zero));
	}
	n += (size_t)_mm_cvtsi128_si64(_mm_add_epi64(sum, _mm_unpackhi_epi64(sum, sum)));
#endif
	for (; i < text.len; i++)
		n += text.p[i] == ',' || text.p[i] == ':' || text.p[i] == '[' || text.p[i] == '{';
	/* each node needs two bytes, except the containers that a text that ends early left open */
	size_t most = text.len / 2 + JSON_DEPTH + 2;
	return n < most ? n : most;
}

static bool fail(struct parser *s, const char *why)
{
	s->why = why;
	return false;
}

static bool ends_early(struct parser *s)
{
	s->early = true;
	return fail(s, "ends too early");
}

static inline void skip_blanks(struct parser *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

static inline struct json *add_node(struct parser *s, enum json_type type, const char *from, size_t len)
{
	struct json *n = &s->nodes[s->n++];
	*n = (struct json){ .text = { from, len }, .skip = 1, .type = (uint8_t)type };
	return n;
}

/* `p` is at the backslash. False: no escape, or the text ends in it. */
static bool escape(struct parser *s)
{
	size_t left = (size_t)(s->end - s->p);
	if (left < 2)
		return ends_early(s);
	if (s->p[1] != 'u') {
		if (s->p[1] == 0 || !strchr("\"\\/bfnrt", s->p[1]))
			return fail(s, "unknown escape");
		s->p += 2;
		return true;
	}
	for (size_t i = 2; i < 6; i++) {
		if (i >= left)
			return ends_early(s);
		if (hex_value(s->p[i]) < 0)
			return fail(s, "four hex digits expected behind \\u");
	}
	s->p += 6;
	return true;
}

/* `p` is behind the opening quote. */
static bool string(struct parser *s)
{
	const char *from = s->p;
	bool high = false, escaped = false;
	for (;;) {
		s->p = scan_text(s->p, s->end, &high);
		if (UNLIKELY(s->p == s->end))
			return ends_early(s);
		if (LIKELY(*s->p == '"'))
			break;
		if (*s->p != '\\')
			return fail(s, "control character in a string");
		escaped = true;
		if (!escape(s))
			return false;
	}
	add_node(s, JSON_STRING, from, (size_t)(s->p - from))->escaped = escaped;
	s->p++;
	return true;
}

static bool number(struct parser *s)
{
	struct number n;
	const char *end = number_scan(s->p, s->end, &n);
	if (!end) {
		for (end = s->p; end < s->end && strchr("+-.eE0123456789", *end) && *end; end++)
			;
		if (end == s->p)
			return fail(s, "value expected");
		return end == s->end ? ends_early(s) : fail(s, "bad number");
	}
	add_node(s, JSON_NUMBER, s->p, (size_t)(end - s->p));
	s->p = end;
	return true;
}

static bool literal(struct parser *s)
{
	slice word = *s->p == 't' ? SLICE("true") : *s->p == 'f' ? SLICE("false") : SLICE("null");
	size_t left = (size_t)(s->end - s->p), n = left < word.len ? left : word.len;
	if (memcmp(s->p, word.p, n) != 0)
		return fail(s, "unknown word");
	if (n < word.len)
		return ends_early(s);
	add_node(s, *s->p == 'n' ? JSON_NULL : JSON_BOOL, s->p, n);
	s->p += n;
	return true;
}

static bool open_container(struct parser *s)
{
	if (s->depth == JSON_DEPTH)
		return fail(s, "nested too deeply");
	s->open[s->depth++] = add_node(s, *s->p == '{' ? JSON_OBJECT : JSON_ARRAY, s->p, 0);
	s->sound = ++s->p;
	return true;
}

static void close_container(struct parser *s)
{
	struct json *c = s->open[--s->depth];
	s->p++;
	c->text.len = (size_t)(s->p - c->text.p);
	c->skip = (uint32_t)(&s->nodes[s->n] - c);
}

/* A value that has begun: a scalar whole, a container opened. */
static bool value(struct parser *s)
{
	if (s->p == s->end)
		return ends_early(s);
	switch (*s->p) {
	case '"':
		s->p++;
		s->in_string = true;
		if (!string(s))
			return false;
		s->in_string = false;
		return true;
	case '{':
	case '[':
		return open_container(s);
	case 't':
	case 'f':
	case 'n':
		return literal(s);
	default:
		return number(s);
	}
}

static bool key(struct parser *s)
{
	skip_blanks(s);
	if (s->p == s->end)
		return ends_early(s);
	if (*s->p++ != '"')
		return fail(s, "member name expected");
	if (!string(s))
		return false;
	skip_blanks(s);
	if (s->p == s->end)
		return ends_early(s);
	return *s->p++ == ':' || fail(s, "colon expected");
}

/* Behind a value: closes containers until another value must come, whose key is read too. False: failed, or all is read. */
static bool next_value(struct parser *s)
{
	while (s->depth) {
		struct json *c = s->open[s->depth - 1];
		/* a number at the very end may have had more digits */
		if (s->p < s->end || s->p[-1] < '0' || s->p[-1] > '9')
			s->sound = s->p;
		skip_blanks(s);
		if (s->p == s->end)
			return ends_early(s);
		c->n++;
		if (*s->p == ',') {
			s->p++;
			return c->type == JSON_ARRAY || key(s);
		}
		if (*s->p != (c->type == JSON_ARRAY ? ']' : '}'))
			return fail(s, "comma or end of container expected");
		close_container(s);
	}
	return false;
}

/* Behind an opening bracket. False: failed, or the container is empty and closed (then what follows a value follows). */
static bool first_value(struct parser *s)
{
	struct json *c = s->open[s->depth - 1];
	skip_blanks(s);
	if (s->p == s->end)
		return ends_early(s);
	if (*s->p != (c->type == JSON_ARRAY ? ']' : '}'))
		return c->type == JSON_ARRAY || key(s);
	close_container(s);
	return false;
}

static bool parse(struct parser *s)
{
	bool more = true;
	while (more) {
		skip_blanks(s);
		uint32_t depth = s->depth;
		if (!value(s))
			return false;
		more = s->depth > depth && first_value(s);
		if (!more && !s->why)
			more = next_value(s);
	}
	skip_blanks(s);
	if (!s->why && s->p < s->end)
		fail(s, "something behind the value");
	return !s->why;
}

static bool run(struct parser *s, struct arena *a, slice text)
{
	if (!text.len)
		text = SLICE("");
	*s = (struct parser){ .text = text.p, .p = text.p, .end = text.p + text.len, .sound = text.p };
	if (text.len >= UINT32_MAX)
		return fail(s, "too long");
	size_t n = count_nodes(text);
	bool fits = n <= JSON_NODES_MAX && a->used <= JSON_ARENA_MAX;
	s->nodes = fits ? arena_try(a, n * sizeof(*s->nodes)) : NULL;
	if (!s->nodes)
		return fail(s, "out of memory");
	return parse(s);
}

const struct json *json_parse(struct arena *a, slice text, struct err *e)
{
	struct parser s;
	if (run(&s, a, text))
		return s.nodes;
	if (e)
		err_set(e, "JSON: %s at offset %zu", s.why, (size_t)(s.p - s.text));
	return NULL;
}

/* What is kept of a text that ended early: a string's content as far as it goes (a half escape and half a pair of surrogates less),
 * otherwise everything up to the last whole value. */
static size_t kept(const struct parser *s)
{
	if (!s->in_string)
		return (size_t)(s->sound - s->text);
	const char *end = s->p;
	if (end - s->text >= 6 && end[-6] == '\\' && end[-5] == 'u' && (end[-4] | 0x20) == 'd' &&
	        strchr("89abAB", end[-3]))
		end -= 6;
	return (size_t)(end - s->text);
}

const struct json *json_parse_cut(struct arena *a, slice text, bool *cut)
{
	struct parser s;
	*cut = false;
	if (run(&s, a, text))
		return s.nodes;
	if (!s.early || (s.depth == 0 && !s.in_string))
		return NULL;
	*cut = true;
	size_t n = kept(&s);
	char *whole = arena_try(a, n + s.depth + 1);
	if (!whole)
		return NULL;
	memcpy(whole, text.p, n);
	if (s.in_string)
		whole[n++] = '"';
	while (s.depth)
		whole[n++] = s.open[--s.depth]->type == JSON_ARRAY ? ']' : '}';
	return run(&s, a, (slice){ whole, n }) ? s.nodes : NULL;
}

static uint32_t hex4(const char *p)
{
	uint32_t v = 0;
	for (int i = 0; i < 4; i++)
		v = v << 4 | (uint32_t)hex_value(p[i]);
	return v;
}

/* The character of the escape at *p, which is moved behind it; the parser has checked the form. */
static uint32_t escaped_char(const char **p, const char *end)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char c = (*p)[1];
	const char *letter = strchr(from, c);
	*p += 2;
	if (c != 'u')
		return (unsigned char)(letter ? to[letter - from] : c);
	uint32_t cp = hex4(*p), low;
	*p += 4;
	if (cp < 0xd800 || cp > 0xdfff)
		return cp;
	if (cp < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
		low = hex4(*p + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*p += 6;
			return 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
		}
	}
	return 0xfffd;
}

static bool is_escaped_name(const struct json *string, slice name)
{
	const char *p = string->text.p, *end = p + string->text.len;
	size_t i = 0;
	while (p < end && i < name.len) {
		uint32_t c = *p == '\\' ? escaped_char(&p, end) : (unsigned char)*p++;
		if (c != (unsigned char)name.p[i++])
			return false;
	}
	return p == end && i == name.len;
}

bool json_is(const struct json *string, const char *text)
{
	if (!string || string->type != JSON_STRING)
		return false;
	return string->escaped ? is_escaped_name(string, slice_of(text)) : slice_is(string->text, text);
}

const struct json *json_member(const struct json *object, slice name)
{
	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *key = object + 1, *end = object + object->skip; key < end; key += 1 + key[1].skip) {
		if (UNLIKELY(key->escaped)) {
			if (is_escaped_name(key, name))
				return key + 1;
		} else if (key->text.len == name.len && memcmp(key->text.p, name.p, name.len) == 0) {
			return key + 1;
		}
	}
	return NULL;
}

/* The element of that number: digits up to the end or a dot. */
static const struct json *element(const struct json *array, const char *index)
{
	uint32_t i = 0;
	const struct json *v = json_first(array, NULL);
	if (*index < '0' || *index > '9')
		return NULL;
	for (; *index >= '0' && *index <= '9'; index++)
		i = i < array->n ? i * 10 + (uint32_t)(*index - '0') : i;
	if ((*index && *index != '.') || i >= array->n)
		return NULL;
	for (; i > 0; i--)
		v = json_next(array, v, NULL);
	return v;
}

const struct json *json_path(const struct json *root, const char *path)
{
	char name[128];
	while (root && *path) {
		size_t n = strcspn(path, ".");
		const struct json *whole = json_get(root, path);
		if (whole)
			return whole;
		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = 0;
		root = root->type == JSON_ARRAY ? element(root, path) : json_get(root, name);
		path += path[n] ? n + 1 : n;
	}
	return root;
}

slice json_text_of(const struct json *n, struct arena *a)
{
	if (!n->escaped)
		return n->text;
	char *out = arena_try(a, n->text.len);
	size_t len = 0;
	const char *p = n->text.p, *end = p + n->text.len;
	while (out && p < end) {
		const char *run = memchr(p, '\\', (size_t)(end - p));
		size_t plain = (size_t)((run ? run : end) - p);
		memcpy(out + len, p, plain);
		len += plain;
		p += plain;
		if (p < end)
			len += utf8_put(escaped_char(&p, end), out + len);
	}
	return (slice){ out, len };
}

bool json_int(const struct json *n, int64_t *out)
{
	struct number number;
	uint64_t magnitude, most = INT64_MAX;
	if (!n || n->type != JSON_NUMBER || !number_scan(n->text.p, n->text.p + n->text.len, &number))
		return false;
	if (!number_integer(&number, &magnitude) || magnitude > most + number.negative)
		return false;
	*out = number.negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return true;
}

bool json_double(const struct json *n, double *out)
{
	struct number number;
	if (!n || n->type != JSON_NUMBER || !number_scan(n->text.p, n->text.p + n->text.len, &number))
		return false;
	return number_double(&number, out);
}

slice json_raw(const struct json *n)
{
	return n->type == JSON_STRING ? (slice){ n->text.p - 1, n->text.len + 2 } : n->text;
}
