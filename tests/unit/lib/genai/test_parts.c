/* test_parts.c - one part of any vendor's message as OpenTelemetry's part, by table: text, reasoning, calls, responses, media.
 *
 * The part is the content of a user's message; a response is then expected in a message of role tool. A part that is written becomes
 * itself again. NULL: the part says nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lib/genai/messages.h"
#include "tests/unit/lib/genai/quotes.h"

/* clang-format off */
static const struct {
	const char *in, *out;
} rows[] = {
	/* text */
	{ "{'type':'text','text':'a'}", "{'type':'text','content':'a'}" },
	{ "{'type':'input_text','text':'a'}", "{'type':'text','content':'a'}" },
	{ "{'type':'output_text','text':'a','annotations':[],'logprobs':null}", "{'type':'text','content':'a'}" },
	{ "{'text':'a'}", "{'type':'text','content':'a'}" },
	{ "{'content':'a'}", "{'type':'text','content':'a'}" },
	{ "'a \\u00e9'", "{'type':'text','content':'a \\u00e9'}" },
	{ "{'type':'text','text':{'value':'a','annotations':[1]}}", "{'type':'text','content':'a','annotations':[1]}" },
	{ "{'type':'text','text':'a','cache_control':{'type': 'ephemeral'}}", "{'type':'text','content':'a','cache_control':{'type':'ephemeral'}}" },
	{ "{'type':'text','content':''}", "{'type':'text','content':''}" },
	{ "{'type':'text','content':null,'text':'a'}", "{'type':'text','content':'a'}" },
	{ "{'type':'text','content':'a','text':'b'}", "{'type':'text','content':'a','text':'b'}" },
	{ "{'type':'text','text':7}", "{'type':'text','content':'7'}" },
	{ "{'type':'text','text':''}", NULL }, { "{'type':'text'}", NULL }, { "''", NULL }, { "null", NULL }, { "{}", NULL },
	{ "{'type':'refusal','refusal':'no'}", "{'type':'refusal','content':'no'}" },
	{ "5", "{'type':'text','content':'5'}" },
	{ "{'a':'b'}", "{'type':'text','content':'{\\'a\\':\\'b\\'}'}" },
	/* reasoning */
	{ "{'type':'thinking','thinking':'a','signature':'s'}", "{'type':'reasoning','content':'a','signature':'s'}" },
	{ "{'type':'thinking','content':'a'}", "{'type':'reasoning','content':'a'}" },
	{ "{'type':'redacted_thinking','data':'d'}", "{'type':'reasoning','content':'','data':'d'}" },
	{ "{'type':'reasoning','text':'a'}", "{'type':'reasoning','content':'a'}" },
	{ "{'reasoningContent':{'reasoningText':{'text':'a','signature':'s'}}}", "{'type':'reasoning','content':'a','signature':'s'}" },
	{ "{'text':'a','thought':true,'thoughtSignature':'s'}", "{'type':'reasoning','content':'a','thoughtSignature':'s'}" },
	{ "{'type':'reasoning','id':'r','summary':[{'type':'summary_text','text':'a'},{'type':'summary_text','text':'b'}]}",
	  "{'type':'reasoning','content':'a','id':'r'},{'type':'reasoning','content':'b'}" },
	{ "{'type':'reasoning','summary':[],'encrypted_content':'e'}", "{'type':'reasoning','content':'','encrypted_content':'e'}" },
	{ "{'type':'reasoning','summary':[]}", NULL },
	/* tool calls */
	{ "{'type':'tool_use','id':'1','name':'f','input':{'a': 1}}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}" },
	{ "{'type':'tool_use','id':'1','name':'f','input':{}}", "{'type':'tool_call','id':'1','name':'f','arguments':{}}" },
	{ "{'id':'1','type':'function','function':{'name':'f','arguments':'{\\'a\\': 1}'}}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}" },
	{ "{'type':'function_call','call_id':'1','name':'f','arguments':'[1, 2]'}", "{'type':'tool_call','id':'1','name':'f','arguments':[1,2]}" },
	{ "{'type':'tool-call','toolCallId':'1','toolName':'f','args':{'a':1}}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}" },
	{ "{'functionCall':{'id':'1','name':'f','args':{'a':1}},'thoughtSignature':'s'}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1},'thoughtSignature':'s'}" },
	{ "{'function_call':{'name':'f','args':{'a':1}}}", "{'type':'tool_call','name':'f','arguments':{'a':1}}" },
	{ "{'toolUse':{'toolUseId':'1','name':'f','input':{'a':1}}}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}" },
	{ "{'toolRequest':{'ref':'1','name':'f','input':{'a':1}}}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}" },
	{ "{'name':'f','args':{'a':1},'id':'1'}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}" },
	{ "{'id':'1','name':'f','args':'{\\'a\\':1}'}", "{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}" },
	{ "{'type':'tool_call','id':'1','name':'f','arguments':'5'}", "{'type':'tool_call','id':'1','name':'f','arguments':'5'}" },
	{ "{'type':'tool_call','id':'1','name':'f','arguments':'{broken'}", "{'type':'tool_call','id':'1','name':'f','arguments':'{broken'}" },
	{ "{'type':'tool_call','id':7,'name':'f'}", "{'type':'tool_call','id':'7','name':'f'}" },
	{ "{'type':'tool_call','arguments':1.50}", "{'type':'tool_call','name':'','arguments':1.50}" },
	/* tools' responses */
	{ "{'type':'tool_result','tool_use_id':'1','content':'a'}", "{'type':'tool_call_response','id':'1','response':'a'}" },
	{ "{'type':'tool_result','tool_use_id':'1','content':[{'type':'text','text':'a'}],'is_error':true}", "{'type':'tool_call_response','id':'1','response':'a','is_error':true}" },
	{ "{'type':'tool_result','tool_use_id':'1','content':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}",
	  "{'type':'tool_call_response','id':'1','response':[{'type':'text','text':'a'},{'type':'text','text':'b'}]}" },
	{ "{'type':'tool_call_response','id':'1','result':{'a':1}}", "{'type':'tool_call_response','id':'1','response':{'a':1}}" },
	{ "{'type':'tool_call_response','id':'1','response':null}", "{'type':'tool_call_response','id':'1','response':null}" },
	{ "{'type':'tool_call_response','id':'1'}", "{'type':'tool_call_response','id':'1','response':''}" },
	{ "{'type':'function_call_output','call_id':'1','output':'a'}", "{'type':'tool_call_response','id':'1','response':'a'}" },
	{ "{'type':'tool-result','toolCallId':'1','toolName':'f','output':{'type':'text','value':'a'}}", "{'type':'tool_call_response','id':'1','name':'f','response':'a'}" },
	{ "{'type':'tool-result','toolCallId':'1','output':{'type':'error-text','value':'a'}}", "{'type':'tool_call_response','id':'1','response':'a','is_error':true}" },
	{ "{'type':'tool-result','toolCallId':'1','result':{'a':1}}", "{'type':'tool_call_response','id':'1','response':{'a':1}}" },
	{ "{'functionResponse':{'id':'1','name':'f','response':{'a':1}}}", "{'type':'tool_call_response','id':'1','name':'f','response':{'a':1}}" },
	{ "{'toolResult':{'toolUseId':'1','content':[{'json':{'a':1}}],'status':'success'}}", "{'type':'tool_call_response','id':'1','response':{'a':1},'status':'success'}" },
	{ "{'toolResponse':{'ref':'1','name':'f','output':'a'}}", "{'type':'tool_call_response','id':'1','name':'f','response':'a'}" },
	{ "{'id':'1','name':'f','parts':[{'type':'text','text':'a'}],'error':'','latency_ms':3}", "{'type':'tool_call_response','id':'1','name':'f','response':'a','latency_ms':3}" },
	/* what the provider runs */
	{ "{'type':'server_tool_use','id':'1','name':'web_search','input':{'q':'x'}}",
	  "{'type':'server_tool_call','id':'1','name':'web_search','server_tool_call':{'type':'server_tool_use','input':{'q':'x'}}}" },
	{ "{'type':'web_search_tool_result','tool_use_id':'1','content':[{'u':1}]}",
	  "{'type':'server_tool_call_response','id':'1','server_tool_call_response':{'type':'web_search_tool_result','content':[{'u':1}]}}" },
	{ "{'type':'web_search_call','id':'1','status':'completed'}",
	  "{'type':'server_tool_call','id':'1','name':'web_search_call','server_tool_call':{'type':'web_search_call','status':'completed'}}" },
	/* media */
	{ "{'type':'image_url','image_url':{'url':'https://x/y'}}", "{'type':'uri','modality':'image','uri':'https://x/y'}" },
	{ "{'type':'image_url','image_url':'https://x/y'}", "{'type':'uri','modality':'image','uri':'https://x/y'}" },
	{ "{'type':'image_url','image_url':{'url':'data:image/png;base64,AA=='}}", "{'type':'blob','mime_type':'image/png','modality':'image','content':'AA=='}" },
	{ "{'type':'input_image','image_url':'data:image/png;base64,AA==','detail':'low'}", "{'type':'blob','mime_type':'image/png','modality':'image','content':'AA==','detail':'low'}" },
	{ "{'type':'input_image','file_id':'f1'}", "{'type':'file','modality':'image','file_id':'f1'}" },
	{ "{'type':'input_audio','input_audio':{'data':'AA==','format':'wav'}}", "{'type':'blob','mime_type':'audio/wav','modality':'audio','content':'AA=='}" },
	{ "{'type':'file','file':{'file_id':'f1'}}", "{'type':'file','modality':'document','file_id':'f1'}" },
	{ "{'type':'file','mediaType':'image/png','data':'AA=='}", "{'type':'blob','mime_type':'image/png','modality':'image','content':'AA=='}" },
	{ "{'type':'image','image':'https://x/y'}", "{'type':'uri','modality':'image','uri':'https://x/y'}" },
	{ "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AA=='}}", "{'type':'blob','mime_type':'image/png','modality':'image','content':'AA=='}" },
	{ "{'type':'image','source':{'type':'url','url':'https://x/y'}}", "{'type':'uri','modality':'image','uri':'https://x/y'}" },
	{ "{'type':'document','source':{'type':'file','file_id':'f1'},'title':'T'}", "{'type':'file','modality':'document','file_id':'f1','title':'T'}" },
	{ "{'inlineData':{'mimeType':'audio/mp3','data':'AA=='}}", "{'type':'blob','mime_type':'audio/mp3','modality':'audio','content':'AA=='}" },
	{ "{'fileData':{'mimeType':'video/mp4','fileUri':'gs://b/v'}}", "{'type':'uri','mime_type':'video/mp4','modality':'video','uri':'gs://b/v'}" },
	{ "{'image':{'format':'png','source':{'bytes':'AA=='}}}", "{'type':'blob','mime_type':'image/png','modality':'image','content':'AA=='}" },
	{ "{'media':{'url':'https://x/y.png','contentType':'image/png'}}", "{'type':'uri','mime_type':'image/png','modality':'image','uri':'https://x/y.png'}" },
	{ "{'type':'binary','media_type':'application/pdf','content':'AA=='}", "{'type':'blob','mime_type':'application/pdf','modality':'document','content':'AA=='}" },
	{ "{'type':'video-url','url':'https://x/y'}", "{'type':'uri','modality':'video','uri':'https://x/y'}" },
	{ "{'type':'blob','mime_type':'image/png','data':'AA=='}", "{'type':'blob','mime_type':'image/png','modality':'image','content':'AA=='}" },
	{ "{'type':'file_data','mime_type':'image/png','uri':'gs://b/i'}", "{'type':'uri','mime_type':'image/png','modality':'image','uri':'gs://b/i'}" },
	{ "{'type':'image','x':1}", "{'type':'text','content':'{\\'type\\':\\'image\\',\\'x\\':1}'}" },
	/* canonical and unknown */
	{ "{'type':'uri','modality':'image','mime_type':'image/png','uri':'x','z':1}", "{'type':'uri','mime_type':'image/png','modality':'image','uri':'x','z':1}" },
	{ "{'type':'server_tool_call','id':'1','name':'f','server_tool_call':{'type':'x'}}", "{'type':'server_tool_call','id':'1','name':'f','server_tool_call':{'type':'x'}}" },
	{ "{ 'x': [1, {'y': 2.0}], 'type': 'new_thing' }", "{'x':[1,{'y':2.0}],'type':'new_thing'}" },
	{ "{'message_content':{'type':'text','text':'a'}}", "{'type':'text','content':'a'}" },
	{ "['a',{'text':'b'},['c']]", "{'type':'text','content':'a'},{'type':'text','content':'b'},{'type':'text','content':'[\\'c\\']'}" },
};
/* clang-format on */

/* The parts alone, in a message of a user or, a response being expected, of a tool. */
static slice convert(struct arena *a, slice part, bool response, bool *lossy)
{
	struct strbuf out;
	struct message_out m;
	slice before = response ? SLICE("[{\"role\":\"tool\",\"parts\":[") : SLICE("[{\"role\":\"user\",\"parts\":[");
	const struct json *n = json_parse(a, part, NULL);
	assert_non_null(n);
	strbuf_init(&out, 1 << 20);
	messages_begin(&m, &out, a, INPUT);
	message_begin(&m, SLICE("user"), SLICE(""));
	parts_from_json(&m, n);
	assert_true(messages_end(&m));
	*lossy = m.lossy;
	slice s = arena_dup(a, strbuf_slice(&out));
	strbuf_release(&out);
	if (!slice_starts(s, before) || s.len < before.len + 3)
		fail_msg("%.*s", SLICE_ARG(s));
	return (slice){ s.p + before.len, s.len - before.len - 3 };
}

static void every_part_becomes_ours(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct arena a;
		bool lossy;
		arena_init(&a);
		slice in = quotes(&a, rows[i].in), wanted = quotes(&a, rows[i].out ? rows[i].out : "");
		bool response = slice_starts(wanted, SLICE("{\"type\":\"tool_call_response\""));
		slice s = convert(&a, in, response, &lossy);
		if (!slice_eq(s, wanted) || lossy)
			fail_msg("%s\n gives %.*s (lossy %d)", rows[i].in, SLICE_ARG(s), lossy);
		char *list = arena_printf(&a, "[%.*s]", SLICE_ARG(s));
		slice again = convert(&a, slice_of(list), response, &lossy);
		if (!slice_eq(again, wanted) || lossy)
			fail_msg("again: %s\n gives %.*s", list, SLICE_ARG(again));
		arena_release(&a);
	}
}

static void what_is_left_out_is_told(void **state UNUSED)
{
	static const char *const table[] = {
		"{'type':'function_call','id':'fc','call_id':'1','name':'f'}", /* two ids */
		"{'type':'input_text','text':'a','content':7,'content':'b'}",
		"{'type':'image_url','image_url':{'url':'data:image/png;charset=x;base64,AA=='}}",
		"{'id':'1','type':'function','x':1,'function':{'name':'f','x':2}}",
	};
	for (size_t i = 0; i < COUNTOF(table); i++) {
		struct arena a;
		bool lossy;
		arena_init(&a);
		(void)convert(&a, quotes(&a, table[i]), false, &lossy);
		if (!lossy)
			fail_msg("%s", table[i]);
		arena_release(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_becomes_ours),
		cmocka_unit_test(what_is_left_out_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
