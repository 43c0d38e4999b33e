"""What the scripted provider says is what Anthropic's SDK takes for Anthropic, and for Anthropic on Vertex AI."""

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import AnthropicVertex
from doubles.processes import ScriptedUpstream

QUESTION: Any = [{"role": "user", "content": "what is the weather"}]
TOOLS: Any = [
    {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}},
]


@pytest.fixture
def client(upstream: ScriptedUpstream) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=upstream.root, api_key="k", max_retries=0) as opened:
        yield opened


def ask(client: anthropic.Anthropic, *, stream: bool, **more: Any) -> Any:
    asked: Any = {"model": "m", "max_tokens": 4096, "messages": QUESTION} | more
    if not stream:
        return client.messages.create(**asked)
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("answer", "types", "stop"),
    [
        ("text", ["text"], "end_turn"),
        ("json", ["text"], "end_turn"),
        ("tools", ["tool_use"], "tool_use"),
        ("parallel", ["tool_use", "tool_use"], "tool_use"),
        ("reasoning", ["thinking", "text"], "end_turn"),
        ("refusal", ["text"], "refusal"),
        ("length", ["text"], "max_tokens"),
    ],
)
def test_answers(
    upstream: ScriptedUpstream, client: anthropic.Anthropic, answer: str, types: list[str], stop: str, stream: bool
) -> None:
    upstream.behave(answer=answer)
    message = ask(client, stream=stream, tools=TOOLS)
    assert [block.type for block in message.content] == types
    assert message.stop_reason == stop
    assert message.usage.output_tokens == upstream.bill()["output_tokens"]
    assert [block.input for block in message.content if block.type == "tool_use"] == [
        {"city": city} for city in ("Paris", "Rome")[: types.count("tool_use")]
    ]


def test_cached_tokens_stand_beside_the_others(upstream: ScriptedUpstream, client: anthropic.Anthropic) -> None:
    upstream.behave(cached_tokens=7, cache_write_tokens=5)
    usage = ask(client, stream=True).usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (4, 7, 5)
    assert upstream.bill()["input_tokens"] == 16


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_loop_of_tools_takes_its_own_thinking_back(
    upstream: ScriptedUpstream, client: anthropic.Anthropic, stream: bool
) -> None:
    upstream.behave(answer="parallel")
    more: Any = {"tools": TOOLS, "thinking": {"type": "enabled", "budget_tokens": 2048}}
    first = ask(client, stream=stream, **more)
    assert [block.type for block in first.content] == ["thinking", "tool_use", "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": block.input["city"]} for block in first.content[1:]
    ]
    said = {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
    second = ask(client, stream=stream, messages=[*QUESTION, said, {"role": "user", "content": results}], **more)
    assert second.content[0].text.strip() == "scripted saw: Paris Rome"


def test_tokens_are_counted(client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="m", messages=QUESTION).input_tokens == 4


def test_models_are_listed(client: anthropic.Anthropic) -> None:
    assert [model.id for model in client.models.list()] == ["scripted"]


def test_vertex_takes_a_token_that_it_gave(upstream: ScriptedUpstream) -> None:
    upstream.obey(strict_credentials=True, api_keys=["ya29.mine"])
    asked: Any = {"model": "claude-sonnet-4@20250514", "max_tokens": 10, "messages": QUESTION}
    given: Any = {"region": "r", "project_id": "p", "access_token": "ya29.mine", "max_retries": 0}
    with AnthropicVertex(base_url=upstream.vertex_url, **given) as vertex:
        assert vertex.messages.create(**asked).content[0].type == "text"
        with vertex.messages.stream(**asked) as stream:
            assert stream.get_final_text().strip() == "alpha beta gamma delta epsilon"
        assert vertex.messages.count_tokens(model="claude-sonnet-4", messages=QUESTION).input_tokens == 4
    assert upstream.seen()["requests"][-2]["path"].endswith("/claude-sonnet-4@20250514:streamRawPredict")


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (401, anthropic.AuthenticationError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.APIStatusError),
    ],
)
def test_errors_are_raised_by_their_status(
    upstream: ScriptedUpstream, client: anthropic.Anthropic, status: int, raised: Any
) -> None:
    upstream.behave("status", status=status)
    with pytest.raises(raised, match=f"scripted {status}"):
        ask(client, stream=False)


@pytest.mark.parametrize("kind", ["error_first", "error_after"])
def test_an_error_in_a_stream_is_raised(upstream: ScriptedUpstream, client: anthropic.Anthropic, kind: str) -> None:
    upstream.behave(kind, error={"type": "overloaded_error", "message": "Overloaded"})
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
        ask(client, stream=True)
