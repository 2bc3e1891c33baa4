/* test_provider.c - provider names: every alias and host of the table, frameworks in the provider's place, names that several
 * services share, inference from host and model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "lib/genai/provider.h"
#include "tests/unit/lib/genai/csv.h"

static void expect(slice got, const char *want, slice of)
{
	if (!slice_is(got, want))
		fail_msg("\"%.*s\" became \"%.*s\", not \"%s\"", SLICE_ARG(of), SLICE_ARG(got), want);
}

/* Whatever is in providers.csv is found, in upper case and with blanks too. */
static void every_row_is_found(void **state UNUSED)
{
	struct csv csv;
	slice f[CSV_FIELDS];
	unsigned n = 0;
	char upper[80], want[80], member[80] = "", owner[80] = "";
	csv_open(&csv, "lib/genai/providers.csv");
	while (csv_row(&csv, f)) {
		bool literal = !memchr(f[2].p, '*', f[2].len);
		bool own = slice_is(f[1], "member") && literal;
		if (own) {
			snprintf(member, sizeof(member), "%.*s", SLICE_ARG(f[2]));
			snprintf(owner, sizeof(owner), "%.*s", SLICE_ARG(f[0]));
		}
		snprintf(want, sizeof(want), "%.*s",
		        SLICE_ARG(*member && slice_is(f[0], member) ? slice_of(owner) : f[0]));
		snprintf(upper, sizeof(upper), " %.*s ", SLICE_ARG(f[2]));
		for (char *at = upper; *at; at++)
			*at = (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
		if (own || (slice_is(f[1], "alias") && !f[3].len)) {
			expect(provider_of_name(f[2]), want, f[2]);
			expect(provider_of_name(slice_of(upper)), want, f[2]);
		} else if (slice_is(f[1], "host") && literal) {
			expect(provider_of_host(f[2]), want, f[2]);
			expect(provider_of_host(slice_of(upper)), want, f[2]);
		} else if (slice_is(f[1], "model") && literal) {
			expect(provider_of_model(f[2]), want, f[2]);
		} else if (slice_is(f[1], "framework") || slice_is(f[1], "nothing")) {
			expect(provider_of_name(f[2]), "", f[2]);
		}
		n++;
	}
	assert_true(n > 500);
	csv_close(&csv);
}

static const struct {
	const char *names, *want; /* names: a|b */
} names[] = {
	{ "openai|OpenAI|open_ai|openai.chat|openai.responses|openai.completion|openai.embedding|openai.image|openai-"
	  "chat|"
	  "openai-responses|text-completion-openai|chatopenai|openai_api|oai",
	        "openai" },
	{ "az.ai.openai|azure.ai.openai|azure_openai|azure-openai|azure-openai.chat|azure-openai.responses|azureopenai|"
	  "openai.azure|azure openai|azure",
	        "azure.ai.openai" },
	{ "az.ai.inference|azure.ai.inference|azure_ai|azure-ai|azure ai "
	  "inference|azure-ai-inference|azure_ai_inference",
	        "azure.ai.inference" },
	{ "anthropic|Anthropic|anthropic.messages|claude|chatanthropic", "anthropic" },
	{ "aws.bedrock|aws_bedrock|amazon.bedrock|amazon-bedrock|amazon_bedrock|bedrock|bedrock_converse|bedrock-"
	  "runtime|"
	  "bedrockconverse|aws|amazon|chatbedrock|awsbedrock|AWS",
	        "aws.bedrock" },
	{ "sagemaker|amazon.sagemaker|aws.sagemaker", "aws.sagemaker" },
	{ "gcp.vertex_ai|vertex_ai|vertexai|VertexAI|vertex-ai|google.vertex|google.vertex.chat|google_vertexai|google-"
	  "vertex|"
	  "vertex_ai_beta|google_vertex|vertex",
	        "gcp.vertex_ai" },
	{ "gcp.gemini|gemini|google.generative-ai|google_genai|google_ai_studio|google-ai|google_ai_gemini|googleai|"
	  "google-gla|"
	  "google_ai|generativelanguage",
	        "gcp.gemini" },
	{ "gcp.gen_ai|google|google_generativeai|google-genai|gcp", "gcp.gen_ai" },
	{ "mistral_ai|mistralai|MistralAI|mistral|mistral.chat|mistral-ai", "mistral_ai" },
	{ "cohere|cohere.chat|cohere_chat|cohere.embedding|cohereai", "cohere" },
	{ "deepseek|deepseek.chat|deep_seek", "deepseek" },
	{ "groq|groq.chat|chatgroq", "groq" },
	{ "x_ai|xai|x-ai|xai.chat|grok|x.ai", "x_ai" },
	{ "perplexity|perplexity.chat|perplexityai|pplx", "perplexity" },
	{ "ibm.watsonx.ai|watsonx|ibm.watson.ai|ibm_watsonx|ibm|wx", "ibm.watsonx.ai" },
	{ "moonshot_ai|moonshot|moonshotai|kimi", "moonshot_ai" },
	{ "openrouter|openrouter.chat|open_router", "openrouter" },
	{ "together|together_ai|togetherai|together-ai|together.ai", "together_ai" },
	{ "fireworks|fireworks_ai|fireworks-ai|fireworks.chat", "fireworks_ai" },
	{ "ollama|ollama_chat|chatollama|Ollama", "ollama" },
	{ "vllm|hosted_vllm", "vllm" },
	{ "huggingface|hugging_face|hf|huggingface_nebius|HuggingFace_together", "huggingface" },
	{ "dashscope|qwen|alibaba|aliyun|tongyi", "alibaba" },
	{ "zhipu|zhipuai|zai|z.ai|bigmodel|glm", "zhipu_ai" },
	{ "voyage|voyageai|voyage_ai", "voyage_ai" },
	{ "oci_genai|oci", "oci.gen_ai" },
	{ "github|github-models", "github_models" },
	{ "github_copilot|github-copilot", "github_copilot" },
	{ "workers-ai", "cloudflare" },
	{ "acme-llm||.chat|unknown|other|langchain", "" },
};

static void names_are_known(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(names); i++) {
		slice at = slice_of(names[i].names);
		for (;;) {
			const char *bar = memchr(at.p, '|', at.len);
			slice name = { at.p, bar ? (size_t)(bar - at.p) : at.len };
			expect(provider_of_name(name), names[i].want, name);
			if (!bar)
				break;
			at.len -= name.len + 1;
			at.p = bar + 1;
		}
	}
}

static const struct {
	const char *host, *want;
} hosts[] = {
	{ "api.openai.com", "openai" },
	{ "https://API.OpenAI.com/v1/", "openai" },
	{ "https://user:key@eu.api.openai.com:443/v1?x=1", "openai" },
	{ "my-res.openai.azure.com", "azure.ai.openai" },
	{ "my.cognitiveservices.azure.com", "azure.ai.openai" },
	{ "models.inference.ai.azure.com", "azure.ai.inference" },
	{ "x.services.ai.azure.com", "azure.ai.inference" },
	{ "bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock" },
	{ "bedrock-agent-runtime.eu-west-1.amazonaws.com", "aws.bedrock" },
	{ "runtime.sagemaker.us-east-1.amazonaws.com", "aws.sagemaker" },
	{ "us-central1-aiplatform.googleapis.com", "gcp.vertex_ai" },
	{ "aiplatform.googleapis.com", "gcp.vertex_ai" },
	{ "generativelanguage.googleapis.com", "gcp.gemini" },
	{ "api.z.ai", "zhipu_ai" },
	{ "api.githubcopilot.com", "github_copilot" },
	{ "https://api.business.githubcopilot.com/chat", "github_copilot" },
	{ "http://localhost:11434/v1", "ollama" },
	{ "http://[::1]:11434", "ollama" },
	{ "localhost:1234", "lmstudio" },
	{ "ollama.internal:11434", "ollama" },
	{ "https://api.groq.com:11434/v1", "groq" },
	{ "eu-de.ml.cloud.ibm.com", "ibm.watsonx.ai" },
	{ "dashscope-intl.aliyuncs.com", "alibaba" },
	{ "adb-1.2.azuredatabricks.net", "databricks" },
	{ "api.x.ai", "x_ai" },
	{ "api.openai.com.evil.example", "" },
	{ "notapi.openai.com.", "" },
	{ "localhost", "" },
	{ "example.com/api.openai.com", "" },
	{ "https://", "" },
	{ "", "" },
};

static void hosts_are_known(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(hosts); i++)
		expect(provider_of_host(slice_of(hosts[i].host)), hosts[i].want, slice_of(hosts[i].host));
}

static const struct {
	const char *model, *want;
} models[] = {
	{ "gpt-4o-mini-2024-07-18", "openai" },
	{ "GPT-4", "openai" },
	{ "o3-mini", "openai" },
	{ "o1", "openai" },
	{ "text-embedding-3-small", "openai" },
	{ "dall-e-3", "openai" },
	{ "whisper-1", "openai" },
	{ "claude-sonnet-4-20250514", "anthropic" },
	{ "gemini-2.5-flash", "gcp.gen_ai" },
	{ "mistral-large-latest", "mistral_ai" },
	{ "codestral-latest", "mistral_ai" },
	{ "ministral-8b-latest", "mistral_ai" },
	{ "command-r-plus", "cohere" },
	{ "embed-english-v3.0", "cohere" },
	{ "deepseek-chat", "deepseek" },
	{ "grok-4", "x_ai" },
	{ "sonar-pro", "perplexity" },
	{ "kimi-k2", "moonshot_ai" },
	{ "moonshot-v1-8k", "moonshot_ai" },
	{ "anthropic.claude-3-5-sonnet-20240620-v1:0", "aws.bedrock" },
	{ "us.anthropic.claude-3-7-sonnet-20250219-v1:0", "aws.bedrock" },
	{ "amazon.nova-lite-v1:0", "aws.bedrock" },
	{ "meta.llama3-70b-instruct-v1:0", "aws.bedrock" },
	{ "accounts/fireworks/models/llama-v3", "fireworks_ai" },
	{ "voyage-3", "voyage_ai" },
	{ "openai/gpt-4o", "openai" },
	{ "groq/llama-3.3-70b", "groq" },
	{ "azure/my-deployment", "azure.ai.openai" },
	{ "models/gemini-2.0-flash", "gcp.gen_ai" },
	{ "publishers/google/models/gemini-2.0-flash", "gcp.vertex_ai" },
	{ "my-model", "" },
	{ "someone/my-model", "" },
	{ "o3x", "" },
	{ "", "" },
};

static void models_are_known(void **state UNUSED)
{
	for (size_t i = 0; i < COUNTOF(models); i++)
		expect(provider_of_model(slice_of(models[i].model)), models[i].want, slice_of(models[i].model));
}

static const struct {
	const char *named, *system, *host, *model;
	enum ecosystem ecosystem;
	const char *provider, *framework;
	bool inferred;
	const char *member;
} resolved[] = {
	/* several price lists under one canonical name */
	{ "ZAI", "", "", "", ECO_NONE, "zhipu_ai", "", false, "zai" },
	{ "z.ai", "", "", "", ECO_NONE, "zhipu_ai", "", false, "zai" },
	{ "zai.chat", "", "", "", ECO_NONE, "zhipu_ai", "", false, "zai" },
	{ "https://api.z.ai/api/paas/v4", "", "", "", ECO_NONE, "zhipu_ai", "", false, "zai" },
	{ "openai-compatible", "", "api.z.ai", "", ECO_NONE, "zhipu_ai", "", false, "zai" },
	{ "langchain", "zai", "", "", ECO_NONE, "zhipu_ai", "langchain", false, "zai" },
	{ "", "", "api.z.ai", "glm-4.6", ECO_NONE, "zhipu_ai", "", true, "zai" },
	{ "", "", "", "zai/glm-4.6", ECO_NONE, "zhipu_ai", "", true, "zai" },
	{ "", "", "", "glm-4.6", ECO_NONE, "zhipu_ai", "", true, "" },
	{ "zhipu", "", "api.z.ai", "", ECO_NONE, "zhipu_ai", "", false, "" },
	{ "", "", "open.bigmodel.cn", "", ECO_NONE, "zhipu_ai", "", true, "" },
	{ "HuggingFace_Groq", "", "", "", ECO_NONE, "huggingface", "", false, "huggingface_groq" },
	{ "huggingface_fireworks-ai.chat", "", "", "", ECO_NONE, "huggingface", "", false, "huggingface_fireworks-ai" },
	{ "", "", "", "huggingface_novita/m", ECO_NONE, "huggingface", "", true, "huggingface_novita" },
	{ "huggingface_hub", "", "", "", ECO_NONE, "huggingface", "", false, "" },
	{ "github_copilot", "", "", "gpt-4o", ECO_NONE, "github_copilot", "", false, "" },
	{ "OpenAI", "", "", "", ECO_NONE, "openai", "", false, "" },
	{ "acme-LLM", "", "", "gpt-4", ECO_NONE, "acme-llm", "", false, "" },
	{ "", "openai", "", "", ECO_NONE, "openai", "", false, "" },
	{ "", "", "api.anthropic.com", "gpt-4", ECO_NONE, "anthropic", "", true, "" },
	{ "", "", "10.0.0.1", "claude-3", ECO_NONE, "anthropic", "", true, "" },
	{ "", "", "", "my-model", ECO_NONE, "", "", false, "" },
	{ "unknown", "", "", "gpt-4", ECO_NONE, "openai", "", true, "" },
	{ "None", "", "", "", ECO_NONE, "", "", false, "" },
	/* frameworks and gateways */
	{ "strands-agents", "", "", "us.anthropic.claude-3-7-sonnet", ECO_STRANDS, "aws.bedrock", "strands-agents",
	        true, "" },
	{ "langchain", "", "api.openai.com", "x", ECO_NONE, "openai", "langchain", true, "" },
	{ "LangChain", "anthropic", "", "x", ECO_NONE, "anthropic", "langchain", false, "" },
	{ "127.0.0.1:8080", "", "", "gpt-4o", ECO_NONE, "openai", "", true, "" },
	{ "10.0.0.7:9999", "", "", "", ECO_NONE, "", "", false, "" },
	{ "my-proxy", "", "", "gpt-4o", ECO_NONE, "my-proxy", "", false, "" },
	{ "gcp.vertex.agent", "", "", "gemini-2.5-flash", ECO_GOOGLE_ADK, "gcp.gen_ai", "gcp.vertex.agent", true, "" },
	{ "promptkit", "", "", "", ECO_PROMPTKIT, "", "promptkit", false, "" },
	{ "litellm", "", "", "groq/llama-3", ECO_LITELLM, "groq", "litellm", true, "" },
	/* wire formats */
	{ "openai-compatible", "", "api.groq.com", "", ECO_NONE, "groq", "", false, "" },
	{ "openai-compatible", "", "", "", ECO_NONE, "_OTHER", "", false, "" },
	{ "custom_openai", "", "http://localhost:11434/v1", "", ECO_NONE, "ollama", "", false, "" },
	/* hosts in the provider's place */
	{ "api.x.ai", "", "", "", ECO_NONE, "x_ai", "", false, "" },
	{ "https://api.deepseek.com/v1", "", "", "", ECO_NONE, "deepseek", "", false, "" },
	/* azure */
	{ "azure", "", "", "gpt-4o", ECO_LITELLM, "azure.ai.openai", "", false, "" },
	{ "azure", "openai", "", "", ECO_OPENINFERENCE, "azure.ai.openai", "", false, "" },
	{ "azure", "", "", "mistral-large", ECO_VERCEL, "azure.ai.inference", "", false, "" },
	{ "azure", "", "x.openai.azure.com", "", ECO_VERCEL, "azure.ai.openai", "", false, "" },
	{ "azure", "", "x.services.ai.azure.com", "", ECO_NONE, "azure.ai.inference", "", false, "" },
	/* google */
	{ "google", "", "", "", ECO_NONE, "gcp.gen_ai", "", false, "" },
	{ "google", "", "us-east1-aiplatform.googleapis.com", "", ECO_NONE, "gcp.vertex_ai", "", false, "" },
	{ "gcp.gen_ai", "", "generativelanguage.googleapis.com", "", ECO_NONE, "gcp.gemini", "", false, "" },
	{ "google", "vertexai", "", "", ECO_OPENINFERENCE, "gcp.vertex_ai", "", false, "" },
	{ "google", "anthropic", "", "", ECO_OPENINFERENCE, "gcp.vertex_ai", "", false, "" },
	/* the provider beats the system */
	{ "aws", "anthropic", "", "", ECO_OPENINFERENCE, "aws.bedrock", "", false, "" },
	{ "groq", "openai", "", "", ECO_OPENINFERENCE, "groq", "", false, "" },
	/* a name that is right stays, whatever the host */
	{ "openai", "", "api.groq.com", "", ECO_OTEL, "openai", "", false, "" },
};

static void calls_are_resolved(void **state UNUSED)
{
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < COUNTOF(resolved); i++) {
		struct provider_in in = { slice_of(resolved[i].named), slice_of(resolved[i].system),
			slice_of(resolved[i].host), slice_of(resolved[i].model), resolved[i].ecosystem };
		struct provider_out out;
		provider_resolve(&in, &a, &out);
		print_message("%zu %s\n", i, resolved[i].named);
		expect(out.provider, resolved[i].provider, in.named);
		expect(out.framework, resolved[i].framework, in.named);
		expect(out.member, resolved[i].member, in.named);
		assert_int_equal(out.inferred, resolved[i].inferred);
		/* what came out is known again, and means itself */
		in.named = out.provider;
		in.host = in.system = (slice){ 0 };
		slice first = out.provider;
		in.ecosystem = ECO_NONE;
		provider_resolve(&in, &a, &out);
		if (first.len && !slice_is(first, "_OTHER"))
			expect(out.provider, resolved[i].provider, first);
		expect(out.member, "", first);
	}
	arena_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found),
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(hosts_are_known),
		cmocka_unit_test(models_are_known),
		cmocka_unit_test(calls_are_resolved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
