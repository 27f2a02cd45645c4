"""Asks an Ollama server through the clients that people use, and prints what each of them got.

One JSON line for each answer: a name, and the value. The same server gives the same lines, with a
proxy in between or without one.
"""

import asyncio
import json
import sys

import anthropic
import ollama
import openai
from langchain_ollama import ChatOllama

URL = sys.argv[1].rstrip("/")
QUESTION = "how are heights stored?"
NEXT = "and which time zone do predictions have?"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def say(name, value):
    print(json.dumps([name, value], ensure_ascii=False), flush=True)


def user(text):
    return {"role": "user", "content": text}


def clock(zone: str) -> str:
    """Says what time it is.

    Args:
      zone: The time zone.
    """
    return zone


def conversation(name, ask):
    """Asks two questions, the second with everything that was said before it."""
    messages = [user(QUESTION)]
    answer = ask(messages)
    say(f"{name} 1", answer)
    messages += [{"role": "assistant", "content": answer}, user(NEXT)]
    say(f"{name} 2", ask(messages))


def of_ollama():
    client = ollama.Client(host=URL)
    say("ollama list", [model.model for model in client.list().models])
    say("ollama ps", [model.model for model in client.ps().models])
    say("ollama show", client.show("team").parameters)
    chat = lambda messages, **more: client.chat("team", messages, **more)
    conversation("ollama chat", lambda messages: chat(messages, stream=False).message.content)
    streamed = lambda messages: "".join(part.message.content for part in chat(messages, stream=True))
    conversation("ollama stream", streamed)
    answer = chat([user(QUESTION)], stream=False, tools=[clock], think=True)
    say("ollama tools", answer.message.model_dump(exclude_none=True))
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    say("ollama format", chat([user(QUESTION)], stream=False, format=schema).message.content)
    say("ollama picture", chat([{**user(QUESTION), "images": [PICTURE]}], stream=False).message.content)
    say("ollama generate", client.generate("team", QUESTION, stream=True).__next__().response)
    say("ollama load", client.chat("team", []).done_reason)
    say("ollama pull", [part.status for part in client.pull("team", stream=True)])
    say("ollama embed", client.embed("team", ["a"]).embeddings)
    for name, call in [
        ("missing", lambda: client.chat("nosuch", [user(QUESTION)])),
        ("broken", lambda: list(client.chat("team", [user("break now")], stream=True))),
    ]:
        try:
            call()
            say(f"ollama {name}", "no error")
        except ollama.ResponseError as error:
            say(f"ollama {name}", [error.status_code, error.error])


async def of_ollama_async():
    client = ollama.AsyncClient(host=URL)
    parts = [part async for part in await client.chat("team", [user(QUESTION)], stream=True)]
    say("ollama async", "".join(part.message.content for part in parts))
    ask = lambda number: client.chat("team", [user(f"{QUESTION} {number}")])
    answers = await asyncio.gather(*[ask(number) for number in range(16)])
    say("ollama beside each other", [answer.message.content for answer in answers])
    # Whoever stops in the middle of a stream may ask again.
    async for _ in await client.chat("team", [user(QUESTION)], stream=True):
        break
    say("ollama again", (await client.chat("team", [user(QUESTION)])).message.content)


def of_openai():
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
    create = client.chat.completions.create
    conversation("openai chat", lambda m: create(model="team", messages=m).choices[0].message.content)

    def streamed(messages):
        parts = create(model="team", messages=messages, stream=True)
        return "".join(part.choices[0].delta.content or "" for part in parts)

    conversation("openai stream", streamed)
    say("openai response", client.responses.create(model="team", input=QUESTION).output_text)
    said = [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]
    answer = client.responses.create(model="team", instructions="Be brief.", input=said)
    say("openai items", answer.output_text)


def of_anthropic():
    client = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)
    common = {"model": "team", "max_tokens": 64}
    create = client.messages.create
    conversation("anthropic", lambda m: create(messages=m, **common).content[0].text)

    def streamed(messages):
        system = [{"type": "text", "text": "Be brief."}]
        with client.messages.stream(messages=messages, system=system, **common) as stream:
            return "".join(stream.text_stream)

    conversation("anthropic stream", streamed)


def of_langchain():
    model = ChatOllama(model="team", base_url=URL)
    say("langchain", model.invoke([("system", "Be brief."), ("human", QUESTION)]).content)
    say("langchain stream", [part.content for part in model.stream([("human", QUESTION)])])


of_ollama()
asyncio.run(of_ollama_async())
of_openai()
of_anthropic()
of_langchain()
