"""Whatever bytes come, every reader of Anthropic's form reads them or refuses them, and nothing else happens."""

import json
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_proxy.dialects.anthropic.dialect import AnthropicCount, AnthropicMessages
from fairlead_proxy.dialects.anthropic.foreign import without_foreign_seals
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.errors import UpstreamFailure

MESSAGES, COUNT = AnthropicMessages(), AnthropicCount()
REQUEST = MESSAGES.read_request(b'{"model":"smart","messages":[]}')
NOW = 1_800_000_000.0

# The members and types that the readers look for, in every shape that JSON allows.
_WORDS = st.sampled_from(
    [
        *(
            "type",
            "text",
            "thinking",
            "signature",
            "data",
            "redacted_thinking",
            "tool_use",
            "tool_result",
            "id",
            "name",
        ),
        *("input", "content", "source", "image", "document", "base64", "url", "file", "file_id", "media_type", "title"),
        *("tool_use_id", "is_error", "cache_control", "ttl", "citations", "messages", "role", "user", "assistant"),
        *(
            "system",
            "tools",
            "input_schema",
            "tool_choice",
            "auto",
            "any",
            "tool",
            "enabled",
            "adaptive",
            "budget_tokens",
        ),
        *("output_config", "effort", "format", "json_schema", "schema", "stop_sequences", "temperature", "max_tokens"),
        *(
            "model",
            "stream",
            "metadata",
            "user_id",
            "message",
            "message_start",
            "content_block_start",
            "index",
            "delta",
        ),
        *("content_block", "content_block_delta", "content_block_stop", "message_delta", "message_stop", "text_delta"),
        *("thinking_delta", "input_json_delta", "partial_json", "signature_delta", "citations_delta", "citation"),
        *("stop_reason", "stop_sequence", "usage", "input_tokens", "output_tokens", "error", "details", "error_code"),
        *("caller", "fairlead.gemini.!", "fairlead-call.!", "fairlead.unsigned", "redacted:", "http://x"),
    ]
)
_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6) | _WORDS | st.just(10**400)
)  # fmt: skip
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=6), max_leaves=20
)
_types = st.sampled_from(["text", "image", "document", "thinking", "redacted_thinking", "tool_use", "tool_result", "x"])
_blocks = st.builds(lambda kind, rest: {**rest, "type": kind}, _types, st.dictionaries(_WORDS, _values, max_size=6))
_odd_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system"]), "content": st.lists(_blocks, max_size=3) | _values}
    )
    | _values,
    max_size=3,
)
_odd_requests = st.builds(
    lambda members, messages: {**members, "model": "smart", "messages": messages},
    st.dictionaries(_WORDS, _values, max_size=5),
    _odd_messages,
)
_bytes = st.binary(max_size=40) | _values.map(lambda value: json.dumps(value).encode())


@given(_bytes | _odd_requests.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=150, deadline=None)
def test_any_request_is_read_or_refused(body: bytes) -> None:
    for dialect in (MESSAGES, COUNT):
        try:
            request = dialect.read_request(body)
            assert body[request.model_start : request.model_end].strip()
            assert request.prompt_tokens >= 0
            without_foreign_seals(body)
            conversation = request.conversation
        except InvalidCall:
            continue
        for target in ("claude-3-haiku-20240307", "claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-7", "other"):
            dialect.write_request(conversation, model=target)


_answers = st.builds(
    lambda members, content: {**members, "content": content},
    st.dictionaries(_WORDS, _values, max_size=5),
    st.lists(_blocks | _values, max_size=4),
)


@given(_bytes | _answers.map(lambda value: json.dumps(value).encode()))
@settings(max_examples=120, deadline=None)
def test_any_answer_is_read_or_a_failure(body: bytes) -> None:
    for dialect in (MESSAGES, COUNT):
        assert isinstance(dialect.classify(400, (), body, NOW), UpstreamFailure)
        assert isinstance(dialect.classify(200, (), body, NOW), UpstreamFailure)
        dialect.read_refusal(body)
        try:
            completion = dialect.read_completion(body)
        except UpstreamFailure:
            continue
        json.loads(dialect.write_completion(completion, request=REQUEST, now=NOW))


_kinds = st.sampled_from(
    [
        *("message_start", "content_block_start", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop", "error", "ping"),
    ]
)
_frames = st.builds(
    lambda kind, rest, block, index: {**rest, "type": kind, "content_block": block, "index": index},
    _kinds,
    st.dictionaries(_WORDS, _values, max_size=4),
    _blocks,
    st.integers(0, 2) | _values,
)


@given(st.lists(_frames.map(lambda value: json.dumps(value).encode()) | _bytes | st.none(), max_size=6))
@settings(max_examples=120, deadline=None)
def test_any_frames_are_read_or_a_failure(frames: list[bytes | None]) -> None:
    reader = MESSAGES.open_reader()
    writer = MESSAGES.open_writer(REQUEST, now=NOW)
    try:
        for data in frames:
            frame = Event(b"", data)
            MESSAGES.text_bytes_of(frame)
            for event in reader.take(frame):
                writer.write(event)
        for event in reader.finish():
            writer.write(event)
    except UpstreamFailure:
        return
    assert reader.ended


def test_depth_is_no_way_to_break_a_reader() -> None:
    for depth in (200, 990, 5_000, 100_000):
        nest = b"[" * depth + b"]" * depth
        for body in (
            nest,
            b'{"model":"m","messages":' + nest + b"}",
            b'{"content":[{"type":"tool_use","id":"a","name":"b","input":{"a":' + nest + b"}}]}",
            b'{"content":[{"type":"tool_use","id":"a\\ud83d","name":"b","input":{"a":' + nest + b"}}]}",
        ):
            _refused_or_read(body)


def _refused_or_read(body: bytes) -> None:
    with suppress(InvalidCall):
        MESSAGES.read_request(body)
    MESSAGES.classify(400, (), body, NOW)
    with suppress(UpstreamFailure):
        MESSAGES.read_completion(body)
    with suppress(UpstreamFailure):
        MESSAGES.open_reader().take(Event(b"", body.replace(b"tool_use", b"message_start")))
