// The calls of LangChain: a chain, a stream, a tool round trip, cached, reasoning (Responses API), embeddings, 429.
// Session and user are given as metadata, as LangSmith's and OpenInference's documentation says.
import { KEY, LLM, SESSION, TOOL, USER, drain, failing } from "./common.mjs";

export async function langchain_calls({ ChatOpenAI, OpenAIEmbeddings, ChatAnthropic, prompts, messages, tools }) {
	const configuration = { baseURL: `${LLM}/v1` };
	const openai = (more) => new ChatOpenAI({
		model: "gpt-4o-mini", temperature: 0, apiKey: KEY, maxRetries: 0, configuration, ...more,
	});
	const anthropic = new ChatAnthropic({
		model: "claude-sonnet-4-5", apiKey: KEY, maxRetries: 0, maxTokens: 256, anthropicApiUrl: LLM,
	});
	const config = { metadata: { session_id: SESSION, user_id: USER }, tags: ["corpus"] };
	const prompt = prompts.ChatPromptTemplate.fromMessages([["system", "Be brief."], ["user", "[plain] {question}"]]);
	await prompt.pipe(openai()).invoke({ question: "Capital of France?" }, { ...config, runName: "answer" });
	await drain(await openai({ streamUsage: true }).stream("[plain] Capital of France, streamed?", config));
	const get_weather = tools.tool(async () => JSON.stringify(TOOL.run()), {
		name: TOOL.name, description: TOOL.description, schema: TOOL.schema,
	});
	for (const model of [openai(), anthropic]) {
		const bound = model.bindTools([get_weather]);
		const said = [new messages.HumanMessage("[tool:get_weather] Weather in Paris?")];
		said.push(await bound.invoke([...said], config));
		said.push(await get_weather.invoke(said[1].tool_calls[0], config));
		await bound.invoke([...said], config);
	}
	await anthropic.invoke("[cached] What does the document say?", config);
	await drain(await anthropic.stream("[cached] What does it say, streamed?", config));
	await openai({ model: "gpt-5-mini", temperature: undefined, useResponsesApi: true })
		.invoke("[reason] When does the train arrive?", config);
	await new OpenAIEmbeddings({ model: "text-embedding-3-small", apiKey: KEY, configuration }).embedQuery("A sentence.");
	await failing(() => openai().invoke("[fail429] Too many", config));
}
