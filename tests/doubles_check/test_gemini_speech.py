"""What the scripted provider says is what Google's SDK takes for the Gemini API."""

from typing import Any

import pytest
from doubles.processes import ScriptedUpstream
from google import genai
from google.genai import errors, types

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
DECLARED = types.FunctionDeclaration(name="weather", description="d", parameters_json_schema=SCHEMA)
TOOLS = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[DECLARED])])


def client(upstream: ScriptedUpstream) -> genai.Client:
    return genai.Client(api_key="k", http_options=types.HttpOptions(base_url=upstream.root))


def ask(
    upstream: ScriptedUpstream,
    *,
    stream: bool,
    contents: Any = "what is the weather",
    model: str = "m",
    config: Any = None,
) -> tuple[list[Any], Any]:
    """Return the parts of the answer, and its last chunk."""
    with client(upstream) as google:
        if not stream:
            answer: Any = google.models.generate_content(model=model, contents=contents, config=config)
            return answer.candidates[0].content.parts, answer
        chunks: Any = list(google.models.generate_content_stream(model=model, contents=contents, config=config))
    return [part for chunk in chunks for part in chunk.candidates[0].content.parts], chunks[-1]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        ("text", "alpha beta gamma delta epsilon", "STOP"),
        ("json", '{"answer": 42, "city":"Paris"}', "STOP"),
        ("tools", "", "STOP"),
        ("parallel", "", "STOP"),
        ("reasoning", "alpha beta gamma delta epsilon", "STOP"),
        ("refusal", "I cannot help with that.", "SAFETY"),
        ("length", "alpha beta gamma delta epsilon", "MAX_TOKENS"),
    ],
)
def test_answers(upstream: ScriptedUpstream, answer: str, text: str, finish: str, stream: bool) -> None:
    upstream.behave(answer=answer, cached_tokens=2)
    parts, last = ask(upstream, stream=stream, config=TOOLS)
    assert "".join(part.text or "" for part in parts if not part.thought).strip() == text
    assert last.candidates[0].finish_reason == finish
    assert any(part.thought for part in parts) is (answer == "reasoning")
    calls = {"tools": ["Paris"], "parallel": ["Paris", "Rome"]}.get(answer, [])
    assert [part.function_call.args["city"] for part in parts if part.function_call] == calls
    usage, bill = last.usage_metadata, upstream.bill()
    assert usage.prompt_token_count == bill["input_tokens"] == 6
    assert usage.cached_content_token_count == 2
    assert (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0) == bill["output_tokens"]
    assert (usage.thoughts_token_count or 0) == bill["reasoning_tokens"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_loop_of_tools_takes_its_own_signatures_back(upstream: ScriptedUpstream, stream: bool) -> None:
    upstream.behave(answer="parallel")
    parts, _ = ask(upstream, stream=stream, model="gemini-3-pro", config=TOOLS)
    calls = [part for part in parts if part.function_call]
    results = [
        types.Part.from_function_response(name="weather", response={"result": part.function_call.args["city"]})
        for part in calls
    ]
    turns = [
        types.Content(role="user", parts=[types.Part(text="what is the weather")]),
        types.Content(role="model", parts=calls),
        types.Content(role="user", parts=results),
    ]
    again, _ = ask(upstream, stream=stream, model="gemini-3-pro", contents=turns, config=TOOLS)
    assert "".join(part.text or "" for part in again).strip() == "scripted saw: Paris Rome"


def test_tokens_are_counted_and_models_listed(upstream: ScriptedUpstream) -> None:
    with client(upstream) as google:
        assert google.models.count_tokens(model="m", contents="one two three").total_tokens == 3
        assert [model.name for model in google.models.list()] == ["models/scripted"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("status", "raised"), [(400, errors.ClientError), (429, errors.ClientError), (503, errors.ServerError)]
)
def test_errors_are_raised_by_their_status(upstream: ScriptedUpstream, status: int, raised: Any, stream: bool) -> None:
    upstream.behave("status", status=status)
    with pytest.raises(raised) as caught:
        ask(upstream, stream=stream)
    assert caught.value.code == status


def test_an_error_in_a_stream_is_raised(upstream: ScriptedUpstream) -> None:
    upstream.behave("error_after")
    with pytest.raises(errors.ServerError, match="INTERNAL"):
        ask(upstream, stream=True)
