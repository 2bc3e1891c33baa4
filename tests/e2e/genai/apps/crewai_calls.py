"""What the programs with CrewAI share: a crew of one agent with a tool."""
from common import WEATHER, flush
from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool


@tool("get_weather")
def get_weather(city: str) -> str:
    """Weather of a city."""
    return WEATHER


def calls():
    for question, tools in (("[plain] Capital? <<Thought: I know it.\nFinal Answer: Paris>>", []),
                            ("[tool] Weather in Paris?", [get_weather])):
        agent = Agent(role="helper", goal="answer", backstory="terse", llm=LLM(model="openai/gpt-4o-mini"), tools=tools)
        task = Task(description=question, expected_output="an answer", agent=agent)
        Crew(agents=[agent], tasks=[task]).kickoff()
        flush()
