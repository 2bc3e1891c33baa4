"""What the LangChain programs do: a chain, a stream, an agent with a tool."""
from langchain.agents import create_agent
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from common import SYSTEM, WEATHER


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


def model(name="gpt-4o-mini"):
    return ChatOpenAI(model=name, temperature=0.5, max_retries=0, stream_usage=True)


def chain(llm):
    prompt = ChatPromptTemplate.from_messages([("system", SYSTEM), ("human", "[cached] Capital of {country}?")])
    (prompt | llm | StrOutputParser()).invoke({"country": "France"})


def streamed(llm):
    for _ in llm.stream("[plain] Capital, streamed?"):
        pass


def agent(llm):
    create_agent(llm, [get_weather], system_prompt=SYSTEM).invoke(
        {"messages": [{"role": "user", "content": "[tool] Weather in Paris?"}]})
