"""What the LlamaIndex programs do: a chat, a stream, a query engine over two documents, an agent with a tool."""
import asyncio

from llama_index.core import Document, Settings, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI

from common import SYSTEM, WEATHER, flush


def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


def calls():
    llm = OpenAI(model="gpt-4o-mini", temperature=0.5, max_retries=0)
    Settings.llm, Settings.embed_model = llm, OpenAIEmbedding(model="text-embedding-3-small", max_retries=0)
    llm.chat([ChatMessage(role="system", content=SYSTEM), ChatMessage(role="user", content="[cached] Capital?")])
    for _ in llm.stream_chat([ChatMessage(role="user", content="[plain] Capital, streamed?")]):
        pass
    flush()
    index = VectorStoreIndex.from_documents([Document(text="Paris is in France."), Document(text="Rome is in Italy.")])
    index.as_query_engine().query("[plain] Where is Paris?")
    flush()

    async def agent():
        await FunctionAgent(tools=[get_weather], llm=llm, system_prompt=SYSTEM, streaming=False).run("[tool] Weather in Paris?")
    asyncio.run(agent())
    flush()
