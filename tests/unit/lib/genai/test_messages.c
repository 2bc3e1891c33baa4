/* test_messages.c - messages of every vendor: each row is one document, what becomes of it, and whether something was left out.
 *
 * Every expected text is canonical and becomes itself when it is converted again, also without its blanks put in. Further: what counts
 * as canonical, the writer, and hostile sizes: output at most four times the source, time linear.
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
	enum direction direction;
	bool lossy;
	const char *in, *out; /* NULL: no message */
} rows[] = {
{ INPUT, false, "[{'role':'system','content':'You are helpful.'},{'role':'user','content':[{'type':'text','text':'What is it?'},{'type':'image_url','image_url':{'url':'https://x/y.png','detail':'auto'}}]},{'role':'assistant','content':null,'tool_calls':[{'id':'call_1','type':'function','function':{'name':'get_weather','arguments':'{\\'city\\': \\'Paris\\'}'}}]},{'role':'tool','tool_call_id':'call_1','content':'18C'}]",
 "[{'role':'system','parts':[{'type':'text','content':'You are helpful.'}]},{'role':'user','parts':[{'type':'text','content':'What is it?'},{'type':'uri','modality':'image','uri':'https://x/y.png','detail':'auto'}]},{'role':'assistant','parts':[{'type':'tool_call','id':'call_1','name':'get_weather','arguments':{'city':'Paris'}}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'call_1','response':'18C'}]}]" },
{ OUTPUT, true, "{'id':'chatcmpl','model':'gpt','choices':[{'index':0,'message':{'role':'assistant','content':'Hi','refusal':null,'annotations':[]},'finish_reason':'tool_calls','logprobs':null}],'usage':{'prompt_tokens':1}}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'}],'finish_reason':'tool_call'}]" },
{ INPUT, true, "{'model':'m','input':[{'role':'user','content':'hi'},{'type':'function_call','call_id':'c1','id':'fc_1','name':'f','arguments':'{}'},{'type':'function_call_output','call_id':'c1','output':'18'}],'instructions':'sys'}",
 "[{'role':'user','parts':[{'type':'text','content':'hi'}]},{'role':'assistant','parts':[{'type':'tool_call','id':'c1','name':'f','arguments':{}}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'c1','response':'18'}]}]" },
{ OUTPUT, true, "{'id':'resp_1','output':[{'id':'rs_1','type':'reasoning','summary':[{'type':'summary_text','text':'think'}],'encrypted_content':'xx'},{'id':'msg_1','type':'message','status':'completed','role':'assistant','content':[{'type':'output_text','text':'Hello','annotations':[]}]},{'type':'function_call','id':'fc_1','call_id':'call_9','name':'f','arguments':'{\\'a\\':1}','status':'completed'},{'type':'web_search_call','id':'ws_1','status':'completed','action':{'type':'search','query':'q'}}],'usage':{}}",
 "[{'role':'assistant','parts':[{'type':'reasoning','content':'think','id':'rs_1','encrypted_content':'xx'},{'type':'text','content':'Hello'},{'type':'tool_call','id':'call_9','name':'f','arguments':{'a':1},'status':'completed'},{'type':'server_tool_call','id':'ws_1','name':'web_search_call','server_tool_call':{'type':'web_search_call','status':'completed','action':{'type':'search','query':'q'}}}]}]" },
{ OUTPUT, true, "{'id':'msg_1','type':'message','role':'assistant','model':'claude','content':[{'type':'thinking','thinking':'hm','signature':'sig'},{'type':'redacted_thinking','data':'zzz'},{'type':'text','text':'Hi'},{'type':'tool_use','id':'tu_1','name':'w','input':{'a': 1}}],'stop_reason':'tool_use','usage':{'input_tokens':1}}",
 "[{'role':'assistant','parts':[{'type':'reasoning','content':'hm','signature':'sig'},{'type':'reasoning','content':'','data':'zzz'},{'type':'text','content':'Hi'},{'type':'tool_call','id':'tu_1','name':'w','arguments':{'a':1}}],'finish_reason':'tool_call'}]" },
{ INPUT, true, "{'system':'sys','messages':[{'role':'user','content':[{'type':'tool_result','tool_use_id':'tu_1','content':[{'type':'text','text':'18C'}],'is_error':false},{'type':'text','text':'go on','cache_control':{'type':'ephemeral'}},{'type':'image','source':{'type':'base64','media_type':'image/png','data':'AAAA'}}]}]}",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'tu_1','response':'18C','is_error':false}]},{'role':'user','parts':[{'type':'text','content':'go on','cache_control':{'type':'ephemeral'}},{'type':'blob','mime_type':'image/png','modality':'image','content':'AAAA'}]}]" },
{ INPUT, false, "{'contents':[{'role':'user','parts':[{'text':'hi'},{'inlineData':{'mimeType':'image/png','data':'AAAA'}},{'fileData':{'mimeType':'video/mp4','fileUri':'gs://b/v.mp4'}}]},{'role':'model','parts':[{'functionCall':{'name':'f','args':{'x':1}},'thoughtSignature':'sg'}]},{'role':'user','parts':[{'functionResponse':{'name':'f','response':{'result':'ok'}}}]}]}",
 "[{'role':'user','parts':[{'type':'text','content':'hi'},{'type':'blob','mime_type':'image/png','modality':'image','content':'AAAA'},{'type':'uri','mime_type':'video/mp4','modality':'video','uri':'gs://b/v.mp4'}]},{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':{'x':1},'thoughtSignature':'sg'}]},{'role':'tool','parts':[{'type':'tool_call_response','name':'f','response':{'result':'ok'}}]}]" },
{ OUTPUT, false, "{'candidates':[{'content':{'parts':[{'text':'thinking','thought':true},{'text':'Hi'}],'role':'model'},'finishReason':'STOP','index':0}],'usageMetadata':{}}",
 "[{'role':'assistant','parts':[{'type':'reasoning','content':'thinking'},{'type':'text','content':'Hi'}],'finish_reason':'stop'}]" },
{ OUTPUT, true, "{'content':{'parts':[{'text':'Hi'}],'role':'model'},'usage_metadata':{'x':1},'finish_reason':'STOP'}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'}],'finish_reason':'stop'}]" },
{ OUTPUT, true, "{'output':{'message':{'role':'assistant','content':[{'text':'Hi'},{'toolUse':{'toolUseId':'t1','name':'f','input':{'a':1}}},{'reasoningContent':{'reasoningText':{'text':'hm','signature':'s'}}}]}},'stopReason':'tool_use','usage':{'inputTokens':1}}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'},{'type':'tool_call','id':'t1','name':'f','arguments':{'a':1}},{'type':'reasoning','content':'hm','signature':'s'}],'finish_reason':'tool_call'}]" },
{ INPUT, false, "[{'role':'user','content':[{'toolResult':{'toolUseId':'t1','status':'success','content':[{'text':'18C'}]}}]}]",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'t1','response':'18C','status':'success'}]}]" },
{ INPUT, false, "{'messages':[{'role':'user','content':'What is the weather in Paris?'}]}",
 "[{'role':'user','parts':[{'type':'text','content':'What is the weather in Paris?'}]}]" },
{ INPUT, true, "{'system':'be nice','prompt':'hello'}",
 "[{'role':'user','parts':[{'type':'text','content':'hello'}]}]" },
{ INPUT, false, "[{'role':'assistant','content':[{'type':'tool-call','toolCallId':'c1','toolName':'w','input':{'city':'Paris'}}]},{'role':'tool','content':[{'type':'tool-result','toolCallId':'c1','toolName':'w','output':{'type':'text','value':'18C'}},{'type':'tool-result','toolCallId':'c2','toolName':'w','output':{'type':'json','value':{'t':18}}}]}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'c1','name':'w','arguments':{'city':'Paris'}}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'c1','name':'w','response':'18C'}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'c2','name':'w','response':{'t':18}}]}]" },
{ OUTPUT, false, "[{'toolCallId':'call_1','toolName':'get_weather','input':{'city':'Paris'}},{'toolCallType':'function','toolCallId':'call_2','toolName':'get_weather','args':'{\\'city\\':\\'Paris\\'}'}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'call_1','name':'get_weather','arguments':{'city':'Paris'}},{'type':'tool_call','id':'call_2','name':'get_weather','arguments':{'city':'Paris'},'toolCallType':'function'}]}]" },
{ OUTPUT, false, "[{'type':'file','mediaType':'image/png','data':'AAAA'}]",
 "[{'role':'assistant','parts':[{'type':'blob','mime_type':'image/png','modality':'image','content':'AAAA'}]}]" },
{ INPUT, false, "{'messages':[[{'lc':1,'type':'constructor','id':['langchain','schema','messages','HumanMessage'],'kwargs':{'content':'hello','type':'human'}},{'lc':1,'type':'constructor','id':['langchain','schema','messages','AIMessage'],'kwargs':{'content':'','tool_calls':[{'name':'f','args':{'a':1},'id':'c1','type':'tool_call'}],'additional_kwargs':{}}},{'lc':1,'type':'constructor','id':['langchain','schema','messages','ToolMessage'],'kwargs':{'content':'18','tool_call_id':'c1','type':'tool'}}]]}",
 "[{'role':'user','parts':[{'type':'text','content':'hello'}]},{'role':'assistant','parts':[{'type':'tool_call','id':'c1','name':'f','arguments':{'a':1}}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'c1','response':'18'}]}]" },
{ OUTPUT, true, "{'generations':[[{'text':'Hi','generation_info':{'finish_reason':'stop','logprobs':null},'type':'ChatGeneration','message':{'lc':1,'type':'constructor','id':['langchain','schema','messages','AIMessage'],'kwargs':{'content':'Hi','response_metadata':{'finish_reason':'stop'},'usage_metadata':{'input_tokens':1}}}}]],'llm_output':{'token_usage':{}}}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'}],'finish_reason':'stop'}]" },
{ INPUT, false, "[{'role':'user','parts':[{'type':'tool_call_response','id':'call_1','name':'get_weather','result':'18C'},{'type':'text','content':'go'}]}]",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'call_1','name':'get_weather','response':'18C'}]},{'role':'user','parts':[{'type':'text','content':'go'}]}]" },
{ INPUT, false, "[{'role':'assistant','parts':[{'type':'thinking','content':'hm'},{'type':'binary','media_type':'image/png','content':'AAAA'},{'type':'image-url','url':'https://x/y'}]}]",
 "[{'role':'assistant','parts':[{'type':'reasoning','content':'hm'},{'type':'blob','mime_type':'image/png','modality':'image','content':'AAAA'},{'type':'uri','modality':'image','uri':'https://x/y'}]}]" },
{ OUTPUT, false, "[{'role':'assistant','parts':[{'type':'text','content':null}],'tool_calls':[{'id':'c','type':'function','function':{'name':'f','arguments':'{}'}}],'finish_reason':'tool_calls'}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'c','name':'f','arguments':{}}],'finish_reason':'tool_call'}]" },
{ INPUT, true, "{'items':[{'id':'item_1','type':'message','role':'system','content':['You are']},{'id':'i2','type':'message','role':'user','content':['Hello'],'interrupted':false},{'id':'i3','type':'function_call','call_id':'c1','name':'f','arguments':'{}'},{'id':'i4','type':'function_call_output','call_id':'c1','name':'f','output':'ok','is_error':false}]}",
 "[{'role':'system','parts':[{'type':'text','content':'You are'}],'id':'item_1'},{'role':'user','parts':[{'type':'text','content':'Hello'}],'id':'i2','interrupted':false},{'role':'assistant','parts':[{'type':'tool_call','id':'c1','name':'f','arguments':{}}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'c1','name':'f','response':'ok','is_error':false}]}]" },
{ INPUT, true, "{'messages':[{'role':'user','content':[{'text':'hi'},{'media':{'url':'data:image/png;base64,AAAA','contentType':'image/png'}}]}],'config':{},'tools':[{'name':'x'}]}",
 "[{'role':'user','parts':[{'type':'text','content':'hi'},{'type':'blob','mime_type':'image/png','modality':'image','content':'AAAA'}]}]" },
{ OUTPUT, true, "{'message':{'role':'model','content':[{'text':'Hi'},{'toolRequest':{'ref':'1','name':'f','input':{'a':1}}}]},'finishReason':'stop','usage':{'x':1}}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'},{'type':'tool_call','id':'1','name':'f','arguments':{'a':1}}],'finish_reason':'stop'}]" },
{ INPUT, false, "[{'content':'Hi there','event.name':'gen_ai.user.message','gen_ai.message.index':0},{'event.name':'gen_ai.choice','index':0,'message':{'role':'assistant','content':'yo'}}]",
 "[{'role':'user','parts':[{'type':'text','content':'Hi there'}],'gen_ai.message.index':0},{'role':'assistant','parts':[{'type':'text','content':'yo'}]}]" },
{ INPUT, false, "[{'message.role':'user','message.content':'hi'},{'message':{'role':'assistant','tool_calls':[{'tool_call':{'id':'c1','function':{'name':'f','arguments':'{\\'a\\':1}'}}}]}},{'message':{'role':'user','contents':[{'message_content':{'type':'text','text':'what'}},{'message_content':{'type':'image','image':{'image':{'url':'https://x/i.png'}}}}]}}]",
 "[{'role':'user','parts':[{'type':'text','content':'hi'}]},{'role':'assistant','parts':[{'type':'tool_call','id':'c1','name':'f','arguments':{'a':1}}]},{'role':'user','parts':[{'type':'text','content':'what'},{'type':'uri','modality':'image','uri':'https://x/i.png'}]}]" },
{ INPUT, false, "plain text",
 "[{'role':'user','parts':[{'type':'text','content':'plain text'}]}]" },
{ INPUT, false, "['one','two']",
 "[{'role':'user','parts':[{'type':'text','content':'one'}]},{'role':'user','parts':[{'type':'text','content':'two'}]}]" },
{ INPUT, false, "[['system','be nice'],['human','hi']]",
 "[{'role':'system','parts':[{'type':'text','content':'be nice'}]},{'role':'user','parts':[{'type':'text','content':'hi'}]}]" },
{ INPUT, false, "'{\\'messages\\':[{\\'role\\':\\'user\\',\\'content\\':\\'hi\\'}]}'",
 "[{'role':'user','parts':[{'type':'text','content':'hi'}]}]" },
{ INPUT, true, "[{'role':'user','content':'cut off he",
 "[{'role':'user','parts':[{'type':'text','content':'cut off he'}]}]" },
{ INPUT, false, "[{role: user}]",
 "[{'role':'user','parts':[{'type':'text','content':'[{role: user}]'}]}]" },
{ INPUT, false, "{'foo':1}",
 "[{'role':'user','parts':[{'type':'text','content':'{\\'foo\\':1}'}]}]" },
{ INPUT, false, "[1,2,3]",
 "[{'role':'user','parts':[{'type':'text','content':'[1,2,3]'}]}]" },
{ INPUT, true, "[{'parts':[{'content':'You are','part_kind':'system-prompt'},{'content':'hi','timestamp':'2024','part_kind':'user-prompt'},{'tool_name':'f','content':'18','tool_call_id':'c1','part_kind':'tool-return'}],'kind':'request'},{'parts':[{'content':'yo','part_kind':'text'},{'tool_name':'f','args':'{\\'a\\':1}','tool_call_id':'c2','part_kind':'tool-call'}],'usage':{'a':1},'kind':'response','model_name':'x'}]",
 "[{'role':'system','parts':[{'type':'text','content':'You are'}]},{'role':'user','parts':[{'type':'text','content':'hi','timestamp':'2024'}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'c1','name':'f','response':'18'}]},{'role':'assistant','parts':[{'type':'text','content':'yo'},{'type':'tool_call','id':'c2','name':'f','arguments':{'a':1}}]}]" },
{ OUTPUT, false, "{'choices':[{'text':'completion text','index':0,'finish_reason':'length'}]}",
 "[{'role':'assistant','parts':[{'type':'text','content':'completion text'}],'finish_reason':'length','index':0}]" },
{ INPUT, false, "[{'id':'call_1','name':'get_weather','args':'{\\'city\\':\\'Paris\\'}'}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'call_1','name':'get_weather','arguments':{'city':'Paris'}}]}]" },
{ INPUT, false, "{'id':'call_1','name':'get_weather','parts':[{'type':'text','text':'18C'}],'latency_ms':3}",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'call_1','name':'get_weather','response':'18C','latency_ms':3}]}]" },
{ OUTPUT, true, "{'model':'llama','message':{'role':'assistant','content':'Hi','tool_calls':[{'function':{'name':'f','arguments':{'a':1}}}]},'done_reason':'stop','done':true}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'},{'type':'tool_call','name':'f','arguments':{'a':1}}],'finish_reason':'stop'}]" },
{ OUTPUT, false, "['{\\'id\\':\\'c1\\',\\'type\\':\\'function\\',\\'function\\':{\\'name\\':\\'f\\',\\'arguments\\':\\'{}\\'}}']",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'c1','name':'f','arguments':{}}]}]" },
{ INPUT, false, "[{'role':'tool','parts':[{'type':'text','content':'18'}]}]",
 "[{'role':'tool','parts':[{'type':'tool_call_response','response':'18'}]}]" },
{ INPUT, false, "[{'role':'tool','parts':[{'type':'text','content':'18'},{'type':'tool_call_response','id':'c','result':'18'}]}]",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'c','response':'18'}]}]" },
{ OUTPUT, false, "[{'role':'unknown','parts':[{'type':'text','content':'a'}]}]",
 "[{'role':'assistant','parts':[{'type':'text','content':'a'}]}]" },
{ INPUT, false, "[{'role':'tool-call','content':'a'},{'role':'tool-response','content':'b'}]",
 "[{'role':'assistant','parts':[{'type':'text','content':'a'}]},{'role':'user','parts':[{'type':'text','content':'b'}]}]" },
{ OUTPUT, false, "{'text':'','toolCalls':[{'toolCallId':'c','toolName':'f','args':{'a':1}}]}",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'c','name':'f','arguments':{'a':1}}]}]" },
{ INPUT, false, "{'messages':[{'role':'tool','meta':{},'name':null,'content':[{'tool_call_result':{'result':'18','origin':{'tool_name':'f','arguments':{},'id':'c'},'error':false}}]}]}",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'c','response':'18','origin':{'tool_name':'f','arguments':{},'id':'c'},'error':false}]}]" },
{ INPUT, false, "[{'role':'function','name':'f','content':'18'}]",
 "[{'role':'tool','name':'f','parts':[{'type':'tool_call_response','response':'18'}]}]" },
{ INPUT, false, "[{'role':'user','content':[{'type':'input_audio','input_audio':{'data':'AAAA','format':'wav'}},{'type':'file','file':{'file_id':'file-1'}},{'type':'file','file':{'filename':'a.pdf','file_data':'data:application/pdf;base64,AAAA'}},{'type':'input_image','image_url':'data:image/jpeg;base64,BBBB'},{'type':'document','source':{'type':'url','url':'https://x/a.pdf'},'title':'T'}]}]",
 "[{'role':'user','parts':[{'type':'blob','mime_type':'audio/wav','modality':'audio','content':'AAAA'},{'type':'file','modality':'document','file_id':'file-1'},{'type':'blob','mime_type':'application/pdf','modality':'document','content':'AAAA','filename':'a.pdf'},{'type':'blob','mime_type':'image/jpeg','modality':'image','content':'BBBB'},{'type':'uri','modality':'document','uri':'https://x/a.pdf','title':'T'}]}]" },
{ INPUT, false, "[{'role':'user','content':'see'},{'role':'developer','content':'be nice'}]",
 "[{'role':'user','parts':[{'type':'text','content':'see'}]},{'role':'system','parts':[{'type':'text','content':'be nice'}]}]" },
{ INPUT, false, "[{'role':'assistant','content':'','reasoning_content':'hm'},{'role':'user','content':[]}]",
 "[{'role':'assistant','parts':[{'type':'reasoning','content':'hm'}]},{'role':'user','parts':[]}]" },
{ INPUT, false, "[{'type':'human','content':'hello','additional_kwargs':{}},{'type':'ai','content':'hi','tool_calls':[]}]",
 "[{'role':'user','parts':[{'type':'text','content':'hello'}]},{'role':'assistant','parts':[{'type':'text','content':'hi'}]}]" },
{ INPUT, false, "[{'role':'user','content':'a','id':'m1','cache_control':{'type':'ephemeral'}}]",
 "[{'role':'user','parts':[{'type':'text','content':'a'}],'id':'m1','cache_control':{'type':'ephemeral'}}]" },
{ INPUT, true, "[{'role':'assistant','content':[{'type':'tool_use','id':'t1','name':'f','input':{}}],'tool_calls':[{'id':'t1','name':'f','args':{}},{'id':'t2','name':'g','args':{'a':1}}]}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'t1','name':'f','arguments':{}},{'type':'tool_call','id':'t2','name':'g','arguments':{'a':1}}]}]" },
{ INPUT, false, "[{'role':'assistant','content':null,'function_call':{'name':'f','arguments':'{\\'a\\':1}'}},{'role':'function','name':'f','content':'ok'}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':{'a':1}}]},{'role':'tool','name':'f','parts':[{'type':'tool_call_response','response':'ok'}]}]" },
{ INPUT, false, "[{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':'{\\'a\\': [1, 2.50, 1e3]}'}]}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':{'a':[1,2.50,1e3]}}]}]" },
{ INPUT, false, "[{'role':'assistant','parts':[{'type':'tool_call','id':'x','name':'f','arguments':'not json'}]}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','id':'x','name':'f','arguments':'not json'}]}]" },
{ INPUT, false, "[{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':'\\'{\\\\\\'a\\\\\\':1}\\''}]}]",
 "[{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':{'a':1}}]}]" },
{ INPUT, true, "{'input':{'messages':[{'role':'user','content':'deep'}]},'config':{'x':1}}",
 "[{'role':'user','parts':[{'type':'text','content':'deep'}]}]" },
{ INPUT, false, "{'prompts':['Human: hi']}",
 "[{'role':'user','parts':[{'type':'text','content':'Human: hi'}]}]" },
{ INPUT, true, "{'prompt':['one','two'],'model':'m'}",
 "[{'role':'user','parts':[{'type':'text','content':'one'}]},{'role':'user','parts':[{'type':'text','content':'two'}]}]" },
{ INPUT, true, "{'input':['text one','text two'],'model':'text-embedding-3'}",
 "[{'role':'user','parts':[{'type':'text','content':'text one'}]},{'role':'user','parts':[{'type':'text','content':'text two'}]}]" },
{ OUTPUT, false, "{'output':'final answer'}",
 "[{'role':'assistant','parts':[{'type':'text','content':'final answer'}]}]" },
{ OUTPUT, true, "{'completion':' Hello','stop_reason':'stop_sequence'}",
 "[{'role':'assistant','parts':[{'type':'text','content':' Hello'}],'finish_reason':'stop'}]" },
{ OUTPUT, true, "{'response':'Hi','model':'llama','done':true}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'}]}]" },
{ OUTPUT, false, "{'outputs':{'generations':[[{'text':'Hi','message':null}]]}}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'}]}]" },
{ OUTPUT, false, "[{'text':'Hi','generation_info':{'finish_reason':'stop'}}]",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'}],'finish_reason':'stop','generation_info':{'finish_reason':'stop'}}]" },
{ OUTPUT, true, "{'id':'resp','status':'incomplete','incomplete_details':{'reason':'max_output_tokens'},'output':[{'id':'m','type':'message','role':'assistant','content':[{'type':'output_text','text':'par'}]}]}",
 "[{'role':'assistant','parts':[{'type':'text','content':'par'}],'finish_reason':'length'}]" },
{ OUTPUT, false, "[{'role':'assistant','content':null,'refusal':'No.'}]",
 "[{'role':'assistant','parts':[{'type':'refusal','content':'No.'}]}]" },
{ OUTPUT, false, "{'role':'assistant','content':'Hi'}",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hi'}]}]" },
{ OUTPUT, false, "Hello 'you'\tthere",
 "[{'role':'assistant','parts':[{'type':'text','content':'Hello \\'you\\'\\tthere'}]}]" },
{ OUTPUT, false, "{'text':'part only'}",
 "[{'role':'assistant','parts':[{'type':'text','content':'part only'}]}]" },
{ INPUT, false, "{'args':[1],'kwargs':{}}",
 "[{'role':'user','parts':[{'type':'text','content':'{\\'args\\':[1],\\'kwargs\\':{}}'}]}]" },
{ INPUT, false, "[]",
 NULL },
{ INPUT, false, "{}",
 NULL },
{ INPUT, false, "",
 NULL },
{ INPUT, false, "[{'role':'tool','tool_call_id':'a','content':[{'type':'text','text':'one'},{'type':'text','text':'two'}]}]",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'a','response':[{'type':'text','text':'one'},{'type':'text','text':'two'}]}]}]" },
{ INPUT, false, "[{'role':'tool','content':'','id':'call_7'}]",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'call_7','response':''}]}]" },
{ INPUT, false, "[{'role':'assistant','parts':[{'type':'text','content':'x'},{'type':'tool_call_response','id':'1','response':'y'},{'type':'text','content':'z'}],'finish_reason':'end_turn'}]",
 "[{'role':'assistant','parts':[{'type':'text','content':'x'}]},{'role':'tool','parts':[{'type':'tool_call_response','id':'1','response':'y'}]},{'role':'assistant','parts':[{'type':'text','content':'z'}],'finish_reason':'stop'}]" },
{ INPUT, false, "[{'role':'user','parts':[{'type':'tool_call_response','id':'1','response':'y'}],'custom':1}]",
 "[{'role':'tool','parts':[{'type':'tool_call_response','id':'1','response':'y'}],'custom':1}]" },
{ INPUT, false, "[{'role':'critic','name':'bob','content':'meh'}]",
 "[{'role':'critic','name':'bob','parts':[{'type':'text','content':'meh'}]}]" },
{ INPUT, false, "[{'role':'user','content':{'text':'object'}}]",
 "[{'role':'user','parts':[{'type':'text','content':'object'}]}]" },
{ INPUT, false, "[{'author':'x'},{'author':'y'}]",
 "[{'role':'user','parts':[{'type':'text','content':'[{\\'author\\':\\'x\\'},{\\'author\\':\\'y\\'}]'}]}]" },
{ INPUT, false, "[{'role':'user','content':'a'},{'author':'x'}]",
 "[{'role':'user','parts':[{'type':'text','content':'a'}]},{'role':'user','parts':[{'type':'text','content':'{\\'author\\':\\'x\\'}'}]}]" },
};
/* clang-format on */

static slice convert(struct arena *a, enum direction d, slice text, struct message_out *m)
{
	struct strbuf out;
	strbuf_init(&out, 64 << 20);
	messages_begin(m, &out, a, d);
	messages_from_text(m, text);
	bool any = messages_end(m);
	assert_false(out.failed);
	slice s = any ? arena_dup(a, strbuf_slice(&out)) : (slice){ 0 };
	strbuf_release(&out);
	return s;
}

static void must_be(const char *what, slice s, slice wanted)
{
	if (!slice_eq(s, wanted))
		fail_msg("%s\n gives %.*s\n  not  %.*s", what, SLICE_ARG(s), SLICE_ARG(wanted));
}

static void every_shape_becomes_ours(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct arena a;
		struct message_out m;
		arena_init(&a);
		slice wanted = rows[i].out ? quotes(&a, rows[i].out) : (slice){ 0 };
		slice s = convert(&a, rows[i].direction, quotes(&a, rows[i].in), &m);
		must_be(rows[i].in, s, wanted);
		if (m.lossy != rows[i].lossy)
			fail_msg("%s: lossy %d", rows[i].in, m.lossy);
		if (wanted.len)
			must_be("again", convert(&a, rows[i].direction, s, &m), wanted);
		arena_release(&a);
	}
}

static void ours_is_canonical(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(rows); i++) {
		struct arena a;
		arena_init(&a);
		if (rows[i].out && !messages_are_canonical(json_parse(&a, quotes(&a, rows[i].out), NULL)))
			fail_msg("not canonical: %s", rows[i].out);
		arena_release(&a);
	}
}

static void canonical_is_told_apart(void **state UNUSED)
{
	static const struct {
		bool canonical;
		const char *text;
	} table[] = {
		{ true, "[{'role':'user','parts':[{'type':'text','content':'hi'}]}]" },
		{ true, "[ {'parts' : [], 'role' : 'critic'} ]" },
		{ true, "[{'role':'user','parts':[{'type':'new_thing','x':1}],'extra':{'a':1}}]" },
		{ true, "[{'role':'assistant','parts':[{'type':'tool_call','id':null,'name':'f','arguments':null}]}]" },
		{ true, "[{'role':'assistant','parts':[],'finish_reason':'stop'}]" },
		{ true, "[{'role':'tool','parts':[{'type':'tool_call_response','id':'1','response':{'a':1}}]}]" },
		{ true, "[{'role':'user','parts':[{'type':'blob','modality':'image','content':'AA'}]}]" },
		{ true, "[{'role':'user','parts':[],'name':null}]" },
		{ false, "{'role':'user','parts':[]}" },
		{ false, "[]" },
		{ false, "['x']" },
		{ false, "[{'role':'user','content':'hi'}]" },
		{ false, "[{'parts':[]}]" },
		{ false, "[{'role':'human','parts':[]}]" },
		{ false, "[{'role':'user','parts':'hi'}]" },
		{ false, "[{'role':'user','parts':['hi']}]" },
		{ false, "[{'role':'user','parts':[{'content':'hi'}]}]" },
		{ false, "[{'role':'user','parts':[{'type':'text','text':'hi'}]}]" },
		{ false, "[{'role':'user','parts':[{'type':'text','content':null}]}]" },
		{ false, "[{'role':'user','parts':[{'type':'thinking','content':'hi'}]}]" },
		{ false, "[{'role':'user','parts':[{'type':'blob','mime_type':'image/png','data':'AA'}]}]" },
		{ false, "[{'role':'assistant','parts':[],'finish_reason':'tool_calls'}]" },
		{ false, "[{'role':'assistant','parts':[],'tool_calls':[]}]" },
		{ false, "[{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':'{}'}]}]" },
		{ false, "[{'role':'assistant','parts':[{'type':'tool_call','name':'f','args':{}}]}]" },
		{ false, "[{'role':'user','parts':[{'type':'tool_call_response','id':'1','response':''}]}]" },
		{ false, "[{'role':'tool','parts':[{'type':'tool_call_response','id':'1','result':''}]}]" },
		{ false,
		        "[{'role':'tool','parts':[{'type':'tool_call_response','response':1},{'type':'tool_call_"
		        "response',"
		        "'response':2}]}]" },
	};
	for (size_t i = 0; i < COUNTOF(table); i++) {
		struct arena a;
		arena_init(&a);
		const struct json *n = json_parse(&a, quotes(&a, table[i].text), NULL);
		assert_non_null(n);
		if (messages_are_canonical(n) != table[i].canonical)
			fail_msg("%s", table[i].text);
		arena_release(&a);
	}
}

static void the_writer_keeps_order_and_escapes(void **state UNUSED)
{
	struct arena a;
	struct strbuf out;
	struct message_out m;
	arena_init(&a);
	strbuf_init(&out, 4096);
	messages_begin(&m, &out, &a, INPUT);
	part_text(&m, SLICE("a \"b\"\n")); /* opens a message by itself */
	part_text(&m, SLICE(""));
	message_begin(&m, SLICE("AI"), SLICE("bob"));
	part_reasoning(&m, SLICE("hm"));
	part_tool_call(&m, SLICE("1"), SLICE("f"), SLICE("{\"a\": [1, 2]}"));
	part_tool_call(&m, SLICE(""), SLICE("g"), SLICE("not json"));
	part_tool_call(&m, SLICE(""), SLICE("h"), SLICE(""));
	message_end(&m, SLICE("TOOL_USE"));
	message_begin(&m, SLICE("tool"), SLICE(""));
	part_tool_response(&m, SLICE("1"), SLICE("x"));
	part_tool_response(&m, SLICE("2"), SLICE(""));
	message_begin(&m, SLICE(""), SLICE(""));
	part_media(&m, SLICE("image"), SLICE(""), SLICE("data:image/png;base64,AAAA"));
	part_media(&m, SLICE(""), SLICE("audio/wav"), SLICE("BBBB"));
	part_media(&m, SLICE("image"), SLICE(""), SLICE("https://x/\"y"));
	message_begin(&m, SLICE("system"), SLICE(""));
	assert_true(messages_end(&m));
	must_be("writer", strbuf_slice(&out),
	        quotes(&a,
	                "[{'role':'user','parts':[{'type':'text','content':'a \\'b\\'\\n'}]},"
	                "{'role':'assistant','name':'bob','parts':[{'type':'reasoning','content':'hm'},"
	                "{'type':'tool_call','id':'1','name':'f','arguments':{'a':[1,2]}},"
	                "{'type':'tool_call','name':'g','arguments':'not json'},{'type':'tool_call','name':'h'}],"
	                "'finish_reason':'tool_call'},"
	                "{'role':'tool','parts':[{'type':'tool_call_response','id':'1','response':'x'}]},"
	                "{'role':'tool','parts':[{'type':'tool_call_response','id':'2','response':''}]},"
	                "{'role':'user','parts':[{'type':'blob','mime_type':'image/"
	                "png','modality':'image','content':'AAAA'},"
	                "{'type':'blob','mime_type':'audio/wav','modality':'audio','content':'BBBB'},"
	                "{'type':'uri','modality':'image','uri':'https://x/\\'y'}]},{'role':'system','parts':[]}]"));
	messages_begin(&m, &out, &a, OUTPUT);
	assert_false(messages_end(&m));
	assert_int_equal(out.len, 0);
	strbuf_release(&out);
	arena_release(&a);
}

/* before, n times unit, after */
static void try_hostile(const char *before, const char *unit, size_t n, const char *after)
{
	struct arena a;
	struct strbuf b;
	struct message_out m;
	arena_init(&a);
	strbuf_init(&b, 32 << 20);
	strbuf_add(&b, quotes(&a, before));
	for (size_t i = 0; i < n; i++)
		strbuf_add(&b, quotes(&a, unit));
	strbuf_add(&b, quotes(&a, after));
	slice s = convert(&a, INPUT, strbuf_slice(&b), &m);
	if (s.len > 4 * b.len + 1024 || !json_parse(&a, s, NULL))
		fail_msg("%s.. x %zu: %zu of %zu", unit, n, s.len, b.len);
	must_be(unit, convert(&a, INPUT, s, &m), s);
	strbuf_release(&b);
	arena_release(&a);
}

static void hostile_documents_stay_in_bounds(void **state UNUSED)
{
	try_hostile("[{'role':'user','content':'", "0123456789 text ", 65536, "'}]");
	try_hostile("[{'role':'user','content':'", "\\u0000\\'", 65536, "'}]");
	try_hostile("[{'role':'user','content':'x'}", ",{'role':'user'}", 10000, "]");
	try_hostile("[{}", ",{}", 10000, "]");
	try_hostile("['a'", ",'b'", 10000, "]");
	try_hostile("[{'role':'user','content':['a'", ",'b'", 10000, "]}]");
	try_hostile("[{'role':'user','parts':[{'type':'text','content':''}", ",{'text':''}", 10000, "]}]");
	try_hostile("[{'role':'user'", ",'a':1", 10000, "}]");
	try_hostile("[{'role':'tool','content':", "[", 120, "");
	try_hostile("{'messages':", "[", 100, "{'role':'user','content':'x'}");
	try_hostile("", "{'message':", 120, "{'role':'user','content':'x'}");
	try_hostile("[{'role':'assistant','content':[{'type':'x','a':", "{'b':", 118, "1");
	try_hostile("[{'role':'assistant','parts':[{'type':'tool_call','name':'f','arguments':", "[", 120, "");
	try_hostile("", "[", 100000, "");
	try_hostile("'", "\\\\\\'", 1000, "'");
}

static void cut_text_is_told(void **state UNUSED)
{
	struct arena a;
	struct message_out m;
	arena_init(&a);
	slice s = convert(
	        &a, INPUT, quotes(&a, "[{'role':'user','content':'one'},{'role':'assistant','content':'tw"), &m);
	assert_true(m.cut && m.lossy);
	must_be("cut", s,
	        quotes(&a,
	                "[{'role':'user','parts':[{'type':'text','content':'one'}]},"
	                "{'role':'assistant','parts':[{'type':'text','content':'tw'}]}]"));
	(void)convert(&a, INPUT, quotes(&a, "{'a':"), &m);
	assert_false(m.cut || m.lossy);
	arena_release(&a);
}

static void bodies_tell_more_than_messages(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	const struct json *openai = json_parse(&a,
	        quotes(&a, "{'model':'gpt','choices':[{'finish_reason':'stop'}],'usage':{'prompt_tokens':1}}"), NULL);
	const struct json *gemini = json_parse(&a,
	        quotes(&a, "{'modelVersion':'g','candidates':[{'finishReason':'STOP'}],'usageMetadata':{'a':1}}"),
	        NULL);
	const struct json *request =
	        json_parse(&a, quotes(&a, "{'system':'s','tools':[{'name':'f'}],'usage':'none','model':null}"), NULL);
	assert_true(json_is(body_finish_reason(openai), "stop") && json_is(body_finish_reason(gemini), "STOP"));
	assert_true(json_is(body_system(request), "s") && body_tools(request)->n == 1);
	assert_null(body_finish_reason(request));
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_shape_becomes_ours),
		cmocka_unit_test(ours_is_canonical),
		cmocka_unit_test(canonical_is_told_apart),
		cmocka_unit_test(the_writer_keeps_order_and_escapes),
		cmocka_unit_test(hostile_documents_stay_in_bounds),
		cmocka_unit_test(cut_text_is_told),
		cmocka_unit_test(bodies_tell_more_than_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
