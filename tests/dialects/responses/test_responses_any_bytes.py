"""Whatever comes, from a caller or a provider, is read or refused in the way that it is to be."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.responses.dialect import OpenAIInputTokens, OpenAIResponses
from fairlead_proxy.exchange.completion import Completion, Ended, StreamEvent
from fairlead_proxy.exchange.errors import UpstreamFailure

DIALECT = OpenAIResponses()

WORDS = [
    "model", "input", "instructions", "tools", "tool_choice", "text", "format", "reasoning", "include", "type", "role",
    "content", "output", "message", "function_call", "function_call_output", "arguments", "call_id", "name", "summary",
    "encrypted_content", "input_image", "image_url", "data:image/png;base64,QUJD", "input_file", "file_data", "file_id",
    "input_audio", "output_text", "refusal", "annotations", "url_citation", "url", "json_schema", "schema", "function",
    "allowed_tools", "mode", "user", "assistant", "system", "response", "error", "code", "status", "incomplete",
    "usage",
    "incomplete_details", "reason", "input_tokens", "input_tokens_details", "delta", "output_index", "content_index",
    "item", "part", "logprobs", "token", "logprob", "top_logprobs", "fairlead.gemini.QUJD", "fairlead.of-call.QQ.x",
    "fairlead.of-call.\ud800.", "response.created", "response.output_item.added", "response.output_item.done",
    "response.output_text.delta", "response.content_part.added", "response.completed", "response.failed",
    "response.reasoning_summary_text.delta", "response.function_call_arguments.delta", "summary_index",
    "fairlead.nobody.x", "fairlead.anthropic-messages.\u00fc", "reasoning.effort", "item_reference", "id",
    "image_generation_call", "result", "custom_tool_call", "created_at", "temperature", "max_output_tokens", "include",
]  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 10), st.sampled_from([2**70, 1e308, -0.0, 1.5]), st.sampled_from(WORDS)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=6)
ITEMS = st.fixed_dictionaries(
    {"type": st.sampled_from(["message", "reasoning", "function_call", "function_call_output", "of tomorrow"])},
    optional={
        "role": st.sampled_from(["user", "assistant", "system"]),
        "content": VALUES,
        "call_id": st.just("c"),
        "name": st.just("f"),
        "output": VALUES,
        "summary": VALUES,
        "encrypted_content": SCALARS,
        "arguments": SCALARS,
        "id": SCALARS,
    },
)
EVENTS = st.fixed_dictionaries(
    {"type": st.sampled_from([word for word in WORDS if word.startswith("response.")])},
    optional={
        "response": VALUES | st.fixed_dictionaries({"output": st.lists(ITEMS, max_size=2)}),
        "item": ITEMS | VALUES,
        "part": OBJECTS,
        "delta": SCALARS,
        "output_index": SCALARS,
        "content_index": SCALARS,
        "logprobs": VALUES,
    },
)


def read_request(body: bytes) -> object:
    try:
        request = DIALECT.read_request(body)
        return request.prompt_tokens, request.conversation, request.features, DIALECT, request
    except InvalidCall as invalid:
        return invalid.answer


def read_answer(body: bytes, dialect: OpenAIResponses = DIALECT) -> Completion | UpstreamFailure:
    try:
        return dialect.read_completion(body)
    except UpstreamFailure as failure:
        return failure


def read_stream(body: bytes) -> list[StreamEvent] | UpstreamFailure:
    parser, reader = DIALECT.open_parser(), DIALECT.open_reader()
    events: list[StreamEvent] = []
    try:
        for frame in [*parser.feed(body), *parser.finish()]:
            DIALECT.text_bytes_of(frame)
            events += reader.take(frame)
        return events + reader.finish()
    except UpstreamFailure as failure:
        return failure


@given(st.binary(max_size=80) | st.text('{}[]",:\\umodelinput10', max_size=80).map(str.encode))
def test_any_bytes_are_a_request_or_refused(body: bytes) -> None:
    assert read_request(body) is not None


@given(st.fixed_dictionaries({"model": st.just("m"), "input": st.lists(ITEMS) | VALUES}, optional={
    "tools": VALUES, "tool_choice": VALUES, "text": VALUES, "reasoning": VALUES, "include": VALUES,
    "instructions": SCALARS, "temperature": SCALARS, "max_output_tokens": SCALARS, "metadata": VALUES,
}))  # fmt: skip
def test_any_json_is_a_request_or_refused(members: dict[str, Any]) -> None:
    assert read_request(json.dumps(members).encode()) is not None


@given(st.fixed_dictionaries({"model": st.just("m"), "input": st.just("x")}, optional={
    "tools": VALUES, "tool_choice": VALUES, "text": VALUES, "reasoning": VALUES, "instructions": VALUES,
    "temperature": VALUES, "metadata": VALUES, "top_logprobs": VALUES, "background": VALUES,
}))  # fmt: skip
def test_an_answer_can_be_written_whatever_was_asked(members: dict[str, Any]) -> None:
    request = DIALECT.read_request(json.dumps(members).encode())
    written = json.loads(DIALECT.write_completion(Completion("", "", ()), request=request, now=0.0))
    assert isinstance(written["text"], dict)
    assert isinstance(written["tools"], list)


@given(st.binary(max_size=80) | OBJECTS.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_answer_or_a_failure(body: bytes) -> None:
    assert read_answer(body) is not None
    assert read_answer(body, OpenAIInputTokens()) is not None
    assert DIALECT.read_refusal(body) is not None


@given(st.fixed_dictionaries({"output": st.lists(ITEMS | VALUES, max_size=3)}, optional={
    "usage": VALUES, "status": SCALARS, "incomplete_details": VALUES, "id": SCALARS, "created_at": SCALARS,
}))  # fmt: skip
def test_any_output_is_an_answer_or_filtered(response: dict[str, Any]) -> None:
    assert read_answer(json.dumps(response).encode()) is not None


@given(st.binary(max_size=200))
def test_any_bytes_are_a_stream_or_a_failure(body: bytes) -> None:
    assert isinstance(read_stream(body), UpstreamFailure)


@given(st.lists(EVENTS, max_size=8))
def test_any_events_are_a_stream_or_a_failure(events: list[dict[str, Any]]) -> None:
    frames = "".join(f"data: {json.dumps(event)}\n\n" for event in [*events, {"type": "response.completed"}])
    found = read_stream(frames.encode())
    assert isinstance(found, UpstreamFailure) or found[-1] == Ended()
