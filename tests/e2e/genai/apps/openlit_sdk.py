#: ecosystem: openlit
#: content: true
#: session: session-openlit
#: user: user-openlit
"""OpenLIT as its quickstart has it; its attributes for session and user are whatever the application injects."""
import anthropic
import common
import openai
import openlit

openlit.init(application_name="openlit_sdk", environment="test", disable_metrics=True)
chat, claude = openai.OpenAI(max_retries=0), anthropic.Anthropic(max_retries=0)


def questions():
    common.openai_chat(chat)
    common.openai_embeddings(chat)
    common.openai_responses(chat)
    common.anthropic_messages(claude)


openlit.inject_additional_attributes(questions, {"session.id": "session-openlit", "user.id": "user-openlit"})
