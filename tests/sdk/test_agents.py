"""Frameworks of agents, each with its own loop of tools, against every dialect of a provider."""

from collections.abc import Callable
from typing import Any

import openai
import pytest
from agents import Agent, Model, OpenAIChatCompletionsModel, OpenAIResponsesModel, RunConfig, Runner, function_tool
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI
from sdk.conftest import MODELS, House

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
"""google-genai makes such a class."""

SYSTEM = "Answer briefly."
ASKED = "What is the weather in Paris?"
TURNS = 3
"""More than any of these loops takes: one that goes on asking for tools fails."""

RUN = RunConfig(tracing_disabled=True)

Open = Callable[[str, str], BaseChatModel]
Step = Callable[[Any, list[BaseMessage]], AIMessage]


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


lookup = tool(weather)


def of_agents(kind: type[Model], house: House, model: str) -> tuple[Agent[None], openai.AsyncOpenAI]:
    client = openai.AsyncOpenAI(base_url=house.gateway.url, api_key="key", max_retries=0, timeout=20)
    spoken: Any = kind
    speaking = spoken(model=model, openai_client=client)
    return Agent(name="guide", instructions=SYSTEM, tools=[function_tool(weather)], model=speaking), client


def given(url: str, model: str) -> dict[str, Any]:
    return {"base_url": url, "api_key": "key", "model": model, "max_retries": 0, "timeout": 20}


def open_chat(host: str, model: str) -> BaseChatModel:
    return ChatOpenAI(**given(f"{host}/v1", model))


def open_responses(host: str, model: str) -> BaseChatModel:
    return ChatOpenAI(**given(f"{host}/v1", model), use_responses_api=True)


def open_anthropic(host: str, model: str) -> BaseChatModel:
    return ChatAnthropic(**given(host, model))


def open_google(host: str, model: str) -> BaseChatModel:
    return ChatGoogleGenerativeAI(**given(host, model))


def invoke(model: Any, messages: list[BaseMessage]) -> AIMessage:
    answer = model.invoke(messages)
    assert isinstance(answer, AIMessage)
    return answer


def stream(model: Any, messages: list[BaseMessage]) -> AIMessage:
    return joined(list(model.stream(messages)))


def joined(pieces: list[Any]) -> AIMessage:
    assert len(pieces) > 1
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert isinstance(whole, AIMessage)
    return whole


def talk(model: Any, step: Step) -> tuple[list[str], str]:
    """Run the loop of an application; return the cities that were looked up, and the last answer."""
    messages: list[BaseMessage] = [SystemMessage(SYSTEM), HumanMessage(ASKED)]
    cities: list[str] = []
    for _ in range(TURNS):
        answer = step(model, messages)
        messages.append(answer)
        if not answer.tool_calls:
            return cities, answer.text
        for call in answer.tool_calls:
            cities.append(call["args"]["city"])
            messages.append(lookup.invoke(call))
    raise AssertionError(f"still asking for tools after {TURNS} turns")


async def talk_later(model: Any) -> str:
    """Run the same loop without blocking, streaming each answer; return the last one."""
    messages: list[BaseMessage] = [SystemMessage(SYSTEM), HumanMessage(ASKED)]
    for _ in range(TURNS):
        answer = joined([piece async for piece in model.astream(messages)])
        messages.append(answer)
        if not answer.tool_calls:
            return answer.text
        messages += [await lookup.ainvoke(call) for call in answer.tool_calls]
    raise AssertionError(f"still asking for tools after {TURNS} turns")


each_upstream = pytest.mark.parametrize("upstream", MODELS)
each_kind = pytest.mark.parametrize(
    "kind", [OpenAIChatCompletionsModel, OpenAIResponsesModel], ids=["chat", "responses"]
)
each_step = pytest.mark.parametrize("step", [invoke, stream])
each_open = pytest.mark.parametrize(
    "open_model",
    [open_chat, open_responses, open_anthropic, open_google],
    ids=["openai", "openai-responses", "anthropic", "google"],
)


@each_kind
@each_upstream
async def test_an_agent_answers_with_what_its_tool_returned(house: House, kind: type[Model], upstream: str) -> None:
    house.upstream.behave(answer="tools")
    agent, client = of_agents(kind, house, upstream)
    async with client:
        result = await Runner.run(agent, ASKED, max_turns=TURNS, run_config=RUN)
    assert result.final_output.strip() == "scripted saw: sunny in Paris"
    assert house.upstream.bill()["refused"] == ""


@each_kind
@each_upstream
async def test_an_agent_that_streams_does_so_too(house: House, kind: type[Model], upstream: str) -> None:
    house.upstream.behave(answer="tools")
    agent, client = of_agents(kind, house, upstream)
    async with client:
        running = Runner.run_streamed(agent, ASKED, max_turns=TURNS, run_config=RUN)
        seen = [event.name async for event in running.stream_events() if event.type == "run_item_stream_event"]
    assert running.final_output.strip() == "scripted saw: sunny in Paris"
    assert [name for name in seen if name.startswith("tool_")] == ["tool_called", "tool_output"]
    assert house.upstream.bill()["stream"] is True


@each_kind
@each_upstream
async def test_an_agent_uses_two_tools_at_once(house: House, kind: type[Model], upstream: str) -> None:
    house.upstream.behave(answer="parallel")
    agent, client = of_agents(kind, house, upstream)
    async with client:
        result = await Runner.run(agent, ASKED, max_turns=TURNS, run_config=RUN)
    assert result.final_output.strip() == "scripted saw: sunny in Paris sunny in Rome"


@each_open
@each_upstream
@each_step
def test_a_loop_of_langchain_ends_with_what_its_tool_returned(
    house: House, open_model: Open, upstream: str, step: Step
) -> None:
    house.upstream.behave(answer="tools")
    model = open_model(house.host, upstream).bind_tools([lookup])
    cities, said = talk(model, step)
    assert cities == ["Paris"]
    assert said.strip() == "scripted saw: sunny in Paris"
    assert house.upstream.bill()["refused"] == ""


@each_open
@each_upstream
@each_step
def test_a_loop_of_langchain_uses_two_tools_at_once(house: House, open_model: Open, upstream: str, step: Step) -> None:
    house.upstream.behave(answer="parallel")
    model = open_model(house.host, upstream).bind_tools([lookup])
    cities, said = talk(model, step)
    assert cities == ["Paris", "Rome"]
    assert said.strip() == "scripted saw: sunny in Paris sunny in Rome"


@each_upstream
@pytest.mark.parametrize("responses", [False, True], ids=["chat", "responses"])
async def test_langchain_s_model_of_openai_does_so_without_blocking(
    house: House, upstream: str, responses: bool
) -> None:
    house.upstream.behave(answer="tools")
    async with openai.DefaultAsyncHttpxClient() as http:
        more: dict[str, Any] = {"use_responses_api": responses, "http_async_client": http}
        model = ChatOpenAI(**given(house.gateway.url, upstream), **more)
        assert (await talk_later(model.bind_tools([lookup]))).strip() == "scripted saw: sunny in Paris"


@each_upstream
async def test_langchain_s_model_of_google_does_so_without_blocking(house: House, upstream: str) -> None:
    house.upstream.behave(answer="tools")
    model = ChatGoogleGenerativeAI(**given(house.host, upstream))
    assert (await talk_later(model.bind_tools([lookup]))).strip() == "scripted saw: sunny in Paris"
    assert model.client is not None
    await model.client.aio.aclose()
