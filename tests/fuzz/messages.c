/* messages.c - any text as messages, system instructions or tools: the output is sound, bounded, complete and its own fixed point.
 *
 * The first byte chooses. Properties: the output is a JSON array; messages are canonical; at most four times the source plus 1 KiB
 * (plain text: as far as its escapes need); converting it again changes nothing; every mark (@ and letters) in a string of a JSON
 * source is in the output, unless `lossy` says that the original must stay.
 */
#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/genai/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool convert(struct arena *a, struct strbuf *out, char what, slice text, bool *lossy)
{
	struct message_out m;
	const struct json *n;
	strbuf_clear(out);
	*lossy = false;
	if (what % 4 == 2)
		return system_from_text(out, a, text, lossy);
	if (what % 4 == 3) {
		if (!(n = json_parse(a, text, NULL)))
			return false;
		tools_from_json(out, a, n, lossy);
		return out->len > 1 && strbuf_addc(out, ']') == 0;
	}
	messages_begin(&m, out, a, what % 4 == 0 ? INPUT : OUTPUT);
	messages_from_text(&m, text);
	*lossy = m.lossy;
	return messages_end(&m);
}

/* JSON in a string may lose empty members: strings with escapes are not searched. */
static void must_have_marks(const struct json *n, slice out)
{
	for (const struct json *v = json_first(n, NULL); v; v = json_next(n, v, NULL))
		must_have_marks(v, out);
	for (size_t i = 0, end; n->type == JSON_STRING && !n->escaped && i + 1 < n->text.len; i++) {
		for (end = i + 1;
		        n->text.p[i] == '@' && end < n->text.len && n->text.p[end] >= 'a' && n->text.p[end] <= 'z';)
			end++;
		must(end == i + 1 || memmem(out.p, out.len, n->text.p + i, end - i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice text = { (const char *)data + 1, n - 1 };
	struct arena a;
	struct strbuf out, again;
	bool lossy, ignored;
	if (n < 2 || !utf8_valid(text))
		return 0;
	char what = (char)data[0];
	arena_init(&a);
	strbuf_init(&out, 1 << 24);
	strbuf_init(&again, 1 << 24);
	if (convert(&a, &out, what, text, &lossy)) {
		const struct json *source = json_parse(&a, text, NULL), *doc = json_parse(&a, strbuf_slice(&out), NULL);
		must(!out.failed && doc && doc->type == JSON_ARRAY);
		must(what % 4 == 3 || out.len <= (source ? 4 : 6) * text.len + 1024);
		must(what % 4 > 1 || strstr(out.p, "\"arguments\":\"") || messages_are_canonical(doc));
		must(convert(&a, &again, what, strbuf_slice(&out), &ignored));
		must(slice_eq(strbuf_slice(&out), strbuf_slice(&again)));
		if (source && !lossy && !memmem(text.p, text.len, "\"lc\"", 4))
			must_have_marks(source, strbuf_slice(&out));
	}
	strbuf_release(&out);
	strbuf_release(&again);
	arena_release(&a);
	return 0;
}
