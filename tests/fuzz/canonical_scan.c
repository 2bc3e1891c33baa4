/* canonical_scan.c - the quick yes is never wrong: whatever it calls canonical, the tape parser and the converter do, too.
 *
 * Properties: yes implies sound JSON and messages_are_canonical; the finish reasons are those of the nodes, in order.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice text = { (const char *)data, n }, finish[4];
	struct arena a;
	size_t n_finish, at = 0;
	bool parts, any = false;
	if (!utf8_valid(text) || !messages_scan_canonical(text, finish, COUNTOF(finish), &n_finish, &parts))
		return 0;
	arena_init(&a);
	const struct json *doc = json_parse(&a, text, NULL);
	must(doc && messages_are_canonical(doc));
	for (const struct json *m = json_first(doc, NULL); m; m = json_next(doc, m, NULL)) {
		const struct json *reason = json_get(m, "finish_reason");
		must(!reason || (at < n_finish && slice_eq(reason->text, finish[at])));
		at += reason != NULL;
		any |= json_get(m, "parts")->n > 0;
	}
	must(at == n_finish && any == parts);
	arena_release(&a);
	return 0;
}
