/* ids.c - the grammar of ids and the Collector's words for breaking it.
 *
 * A type is a letter and up to 62 letters, digits and underscores. A name is up to 1024 characters without white
 * space, control characters and symbols; a further "/" belongs to the name.
 */
#include "config/ids.h"

#include "lib/base/utf8.h"

enum { MAX_TYPE = 63, MAX_NAME = 1024 };

static bool is_type(slice s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char others[] = "0123456789_";
	bool ok = s.len && s.len <= MAX_TYPE && memchr(letters, s.p[0], sizeof(letters) - 1);
	for (size_t i = 1; ok && i < s.len; i++)
		ok = memchr(letters, s.p[i], sizeof(letters) - 1) || memchr(others, s.p[i], sizeof(others) - 1);
	return ok;
}

/* Unicode's white space beyond ASCII, as UTF-8. */
static bool holds_wide_space(slice s)
{
	static const char *const spaces[] = { "\u00A0", "\u1680", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000",
		"\uFEFF" };
	for (size_t i = 0; i < COUNTOF(spaces); i++) {
		if (memmem(s.p, s.len, spaces[i], strlen(spaces[i])))
			return true;
	}
	/* U+2000 to U+200F are E2 80 80 to E2 80 8F; U+0080 to U+009F, the C1 controls, are C2 80 to C2 9F */
	for (size_t i = 0; i + 1 < s.len; i++) {
		unsigned char a = (unsigned char)s.p[i], b = (unsigned char)s.p[i + 1];
		if (a == 0xC2 && b < 0xA0)
			return true;
		if (a == 0xE2 && b == 0x80 && i + 2 < s.len && (unsigned char)s.p[i + 2] < 0x90)
			return true;
	}
	return false;
}

static size_t n_characters(slice s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++)
		n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
	return n;
}

static bool is_name(slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c == 0x7F || strchr("$+<=>^`|~", c))
			return false;
	}
	return s.len && n_characters(s) <= MAX_NAME && utf8_valid(s) && !holds_wide_space(s);
}

int id_parse(slice text, struct id *out, struct err *e)
{
	const char *slash = text.len ? memchr(text.p, '/', text.len) : NULL;
	size_t at = slash ? (size_t)(slash - text.p) : text.len;
	*out = (struct id){ .type = slice_trim((slice){ text.p, at }) };
	if (slash)
		out->name = slice_trim((slice){ slash + 1, text.len - at - 1 });
	if (!slash && !out->type.len)
		return err_set(e, "id must not be empty");
	if (!out->type.len)
		return err_set(e, "in \"%.*s\" id: the part before / should not be empty", SLICE_ARG(text));
	if (slash && !out->name.len)
		return err_set(e, "in \"%.*s\" id: the part after / should not be empty", SLICE_ARG(text));
	if (!is_type(out->type))
		return err_set(e, "invalid character(s) in type \"%.*s\"", SLICE_ARG(out->type));
	if (slash && !is_name(out->name))
		return err_set(e, "invalid character(s) in name \"%.*s\"", SLICE_ARG(out->name));
	return 0;
}

const char *id_join(struct arena *a, const char *type, slice name)
{
	return name.len ? arena_printf(a, "%s/%.*s", type, SLICE_ARG(name)) : type;
}
