"""What the scripted provider says is what OpenAI's SDK takes for OpenAI, in chat and in responses."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from doubles.processes import ScriptedUpstream

QUESTION: Any = [{"role": "user", "content": "what is the weather"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]
FLAT_TOOLS: Any = [{"type": "function", "name": "weather", "parameters": PARAMETERS}]


@pytest.fixture
def client(upstream: ScriptedUpstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=0) as opened:
        yield opened


def test_chat_tools_stream_in_pieces_and_a_loop_of_tools_ends(
    upstream: ScriptedUpstream, client: openai.OpenAI
) -> None:
    upstream.behave(answer="parallel")
    with client.chat.completions.stream(model="m", messages=QUESTION, tools=TOOLS) as stream:
        completion = stream.get_final_completion()
    message = completion.choices[0].message
    calls: Any = message.tool_calls
    assert completion.choices[0].finish_reason == "tool_calls"
    assert [json.loads(each.function.arguments)["city"] for each in calls] == ["Paris", "Rome"]
    results: Any = [{"role": "tool", "tool_call_id": each.id, "content": f"{each.id} is sunny"} for each in calls]
    said: Any = {"role": "assistant", "tool_calls": [each.model_dump(include={"id", "type"}) for each in calls]}
    for written, each in zip(said["tool_calls"], calls, strict=True):
        written["function"] = {"name": each.function.name, "arguments": each.function.arguments}
    again = client.chat.completions.create(model="m", messages=[*QUESTION, said, *results], tools=TOOLS)
    assert again.choices[0].message.content == ("scripted saw: call_scripted_1 is sunny call_scripted_2 is sunny")


@pytest.mark.parametrize(
    ("answer", "content", "finish"),
    [
        ("text", "alpha beta gamma delta epsilon", "stop"),
        ("json", '{"answer": 42, "city":"Paris"}', "stop"),
        ("length", "alpha beta gamma delta epsilon", "length"),
        ("refusal", None, "stop"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_chat_answers(
    upstream: ScriptedUpstream, client: openai.OpenAI, answer: str, content: str | None, finish: str, stream: bool
) -> None:
    upstream.behave(answer=answer)
    chat = client.chat.completions
    if stream:
        with chat.stream(model="m", messages=QUESTION) as events:
            choice: Any = [event for event in events if event.type == "chunk"][-1].snapshot.choices[0]
    else:
        choice = chat.create(model="m", messages=QUESTION).choices[0]
    assert choice.finish_reason == finish
    assert (choice.message.content or "").strip() == (content or "")
    assert (choice.message.refusal == "I cannot help with that.") is (answer == "refusal")


def test_chat_usage_is_the_bills(upstream: ScriptedUpstream, client: openai.OpenAI) -> None:
    upstream.behave(cached_tokens=7, reasoning_tokens=3)
    usage = client.chat.completions.create(model="m", messages=QUESTION).usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    bill = upstream.bill()
    assert (usage.prompt_tokens, usage.completion_tokens) == (bill["input_tokens"], bill["output_tokens"]) == (11, 8)
    assert usage.prompt_tokens_details.cached_tokens == bill["cached_tokens"] == 7
    assert usage.completion_tokens_details.reasoning_tokens == bill["reasoning_tokens"] == 3


def test_azure_speaks_chat_by_deployment(upstream: ScriptedUpstream) -> None:
    with openai.AzureOpenAI(azure_endpoint=upstream.root, api_key="k", api_version="2024-10-21") as azure:
        answer = azure.chat.completions.create(model="mine", messages=QUESTION)
    assert answer.choices[0].message.content == "alpha beta gamma delta epsilon"
    assert upstream.seen()["requests"][-1]["path"].startswith("/openai/deployments/mine/chat/completions?api-version=")
    assert upstream.bill()["model"] == "mine"


@pytest.mark.parametrize(
    ("answer", "types", "status"),
    [
        ("text", ["message"], "completed"),
        ("json", ["message"], "completed"),
        ("tools", ["reasoning", "function_call"], "completed"),
        ("parallel", ["reasoning", "function_call", "function_call"], "completed"),
        ("reasoning", ["reasoning", "message"], "completed"),
        ("refusal", ["message"], "completed"),
        ("length", ["message"], "incomplete"),
    ],
)
def test_responses_stream_and_plain_answers_are_the_same(
    upstream: ScriptedUpstream, client: openai.OpenAI, answer: str, types: list[str], status: str
) -> None:
    upstream.behave(answer=answer, cached_tokens=2)
    asked: Any = {
        "model": "m",
        "input": "what is the weather",
        "tools": FLAT_TOOLS,
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
    }
    plain = client.responses.create(**asked)
    with client.responses.stream(**asked) as stream:
        events = list(stream)
    streamed: Any = events[-1]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [item.type for item in plain.output] == [item.type for item in streamed.response.output] == types
    assert plain.status == streamed.response.status == status
    assert plain.usage is not None
    assert plain.usage == streamed.response.usage
    assert plain.usage.output_tokens == upstream.bill()["output_tokens"]
    assert plain.output_text == streamed.response.output_text.strip()


def test_a_loop_of_tools_in_responses_takes_its_own_reasoning_back(
    upstream: ScriptedUpstream, client: openai.OpenAI
) -> None:
    upstream.behave(answer="tools")
    asked: Any = {"model": "m", "tools": FLAT_TOOLS, "reasoning": {"effort": "low"}, "store": False}
    asked["include"] = ["reasoning.encrypted_content"]
    first: Any = client.responses.create(input="what is the weather", **asked)
    call = first.output[-1]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    again = [item.model_dump(exclude_none=True) for item in first.output]
    second = client.responses.create(input=[*QUESTION, *again, result], **asked)
    assert second.output_text == "scripted saw: sunny"


def test_responses_count_tokens(client: openai.OpenAI) -> None:
    assert client.responses.input_tokens.count(model="m", input="one two three").input_tokens == 3


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_errors_are_raised_by_their_status(upstream: ScriptedUpstream, client: openai.OpenAI, status: int) -> None:
    upstream.behave("status", status=status, error={"code": "mine"})
    with pytest.raises(openai.APIStatusError) as caught:
        client.responses.create(model="m", input="hello")
    assert (caught.value.status_code, caught.value.code) == (status, "mine")


def test_an_error_in_a_stream_of_responses_is_told(upstream: ScriptedUpstream, client: openai.OpenAI) -> None:
    upstream.behave("error_after", error={"code": "server_error", "message": "broke"})
    stream = client.responses.create(model="m", input="hello", stream=True)
    last: Any = list(stream)[-1]
    assert (last.type, last.code, last.message) == ("error", "server_error", "broke")
