"""A stream that breaks after content goes on with another target, where the rule lets it: one answer, end and count."""

import json
from typing import Any

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import DONE, EVENTS, HANG, ROLE, Answer, chunk, error, stream, unreachable
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience
from fairlead_proxy.contract.names import FailureClass, ProviderType, WhenBroken, WhenFiltered
from fairlead_proxy.dialects.registry import ANTHROPIC, OPENAI_CHAT
from fairlead_proxy.dialects.sse import SseParser
from fairlead_proxy.exchange.errors import UpstreamFailure

CONTINUE = Resilience(broken=WhenBroken.CONTINUE)
CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "cut")
USAGE = b'data: {"id":"chatcmpl-2","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":7}}\n\n'
COMMENT = b": fairlead goes on with team/b/m\n\n"


def broken(*, error_event: bool = False) -> Answer:
    """Two pieces of text, and then no more."""
    end = b'data: {"error":{"message":"boom"}}\n\n' if error_event else CUT
    return stream(ROLE, chunk("Once upon "), chunk("a ti"), end)


def rest() -> Answer:
    return stream(ROLE, chunk("me there "), chunk("was."), chunk(finish="stop"), USAGE, DONE)


def anthropic_rest() -> Answer:
    """The same in Anthropic's form."""
    frames: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {"id": "msg_2", "model": "c", "content": [], "usage": {"input_tokens": 20}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "me there was."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    ]
    body = [f"event: {frame['type']}\ndata: {json.dumps(frame)}\n\n".encode() for frame in frames]
    return Answer(headers=EVENTS, body=body)


def chunks_of(caller: RecordingSink) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in SseParser().feed(caller.body) if event.data not in (None, b"[DONE]")]


def text_of(caller: RecordingSink) -> str:
    return "".join(
        choice["delta"].get("content") or "" for each in chunks_of(caller) for choice in each.get("choices", [])
    )


@pytest.mark.parametrize("error_event", [False, True], ids=["cut", "error-event"])
def test_the_next_target_goes_on_where_the_first_broke_off(error_event: bool) -> None:
    async def main() -> None:
        rig = Rig(
            config([provider("a"), provider("b")], resilience=CONTINUE),
            {"a": [broken(error_event=error_event)], "b": [rest()]},
        )
        caller = await rig.call(stream=True, stream_options={"include_usage": True})
        assert (caller.status, caller.heads, caller.ended, caller.aborted) == (200, 1, 1, False)
        assert text_of(caller) == "Once upon a time there was."
        assert caller.body.count(DONE) == 1
        assert caller.body.count(COMMENT) == 1
        assert [each["usage"]["completion_tokens"] for each in chunks_of(caller) if each.get("usage")] == [7 + 4]
        assert rig.outcomes_of()[1:] == ["Answered"]
        assert [attempt.committed for attempt in rig.record().attempts] == [True, True]
        assert (rig.record().code, rig.record().reason) == (200, "ok")

    run_virtual(main())


def test_the_next_target_is_told_what_was_said_and_to_go_on() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [broken()], "b": [rest()]})
        await rig.call(stream=True)
        asked = json.loads(rig.transport.requests[1].body)
        assert [message["role"] for message in asked["messages"]] == ["user", "assistant", "user"]
        assert asked["messages"][1]["content"] == "Once upon a ti"
        assert "exactly where it ends" in asked["messages"][2]["content"]
        assert asked["model"] == "m-upstream"

    run_virtual(main())


def test_what_the_next_target_is_not_told_is_named_though_it_speaks_the_callers_dialect() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [broken()], "b": [rest()]})
        await rig.call(stream=True, metadata={"ticket": "7"})
        assert "metadata" in json.loads(rig.transport.requests[0].body)
        assert "metadata" not in json.loads(rig.transport.requests[1].body)
        assert [attempt.lost for attempt in rig.record().attempts] == [(), ("metadata",)]

    run_virtual(main())


def test_a_target_of_another_dialect_goes_on_in_the_callers_grammar() -> None:
    async def main() -> None:
        providers = [provider("a"), provider("b", type_=ProviderType.ANTHROPIC)]
        rig = Rig(config(providers, resilience=CONTINUE), {"a": [broken()], "b": [anthropic_rest()]})
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a time there was."
        assert {each["id"] for each in chunks_of(caller)} == {"chatcmpl-1"}
        assert caller.spoken.endswith(DONE)

    run_virtual(main())


def test_a_caller_of_another_dialect_has_its_stream_gone_on_with() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [broken()], "b": [rest()]})
        body = {"model": "smart", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "tell"}]}
        caller = await rig.raw_call(json.dumps(body).encode(), dialect=ANTHROPIC)
        frames = [json.loads(event.data) for event in SseParser().feed(caller.body) if event.data]
        texts = [frame["delta"]["text"] for frame in frames if frame["type"] == "content_block_delta"]
        assert "".join(texts) == "Once upon a time there was."
        assert [frame["type"] for frame in frames].count("content_block_start") == 1
        assert [frame["type"] for frame in frames][-1] == "message_stop"
        usage = next(frame["usage"] for frame in frames if frame["type"] == "message_delta")
        assert usage["output_tokens"] == 7 + 4

    run_virtual(main())


def test_a_third_target_goes_on_where_the_second_could_not_begin() -> None:
    async def main() -> None:
        providers = [provider(name) for name in "abc"]
        rig = Rig(config(providers, resilience=CONTINUE), {"a": [broken()], "b": [unreachable()], "c": [rest()]})
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a time there was."
        assert rig.outcomes_of() == ["StreamBroken", "Unreachable", "Answered"]

    run_virtual(main())


def test_a_third_target_goes_on_with_what_two_have_said() -> None:
    async def main() -> None:
        providers = [provider(name) for name in "abc"]
        second = stream(ROLE, chunk("me there "), CUT)
        third = stream(ROLE, chunk("was."), chunk(finish="stop"), DONE)
        rig = Rig(config(providers, resilience=CONTINUE), {"a": [broken()], "b": [second], "c": [third]})
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a time there was."
        asked = json.loads(rig.transport.requests[2].body)
        assert asked["messages"][1]["content"] == "Once upon a time there "

    run_virtual(main())


def test_a_stream_that_stalls_is_gone_on_with() -> None:
    async def main() -> None:
        stalled = stream(ROLE, chunk("Once upon a ti"), HANG)
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [stalled], "b": [rest()]})
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a time there was."
        assert rig.outcomes_of() == ["StreamStalled", "Answered"]

    run_virtual(main())


def test_nobody_left_ends_the_stream_with_an_error() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [broken()], "b": [error(500)]})
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a ti"
        assert b'data: {"error"' in caller.body
        assert DONE not in caller.body
        assert rig.record().reason == "ServerError"

    run_virtual(main())


TOOL_CALL = (
    b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function",'
    b'"function":{"name":"f","arguments":"{"}}]}}]}\n\n'
)


@pytest.mark.parametrize(
    ("first", "request_more", "why"),
    [
        (stream(ROLE, chunk("Let me see. "), TOOL_CALL, CUT), {}, "within a tool call"),
        (
            stream(ROLE, chunk('{"a'), CUT),
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
            "structured output",
        ),
        (stream(ROLE, chunk("said"), chunk(finish="stop"), CUT), {}, "at its end"),
        (stream(ROLE, chunk("said"), CUT), {"web_search_options": {}}, "bound to its dialect"),
        (stream(ROLE, chunk("said"), CUT), {"n": 2}, "several answers"),
    ],
    ids=["tool-call", "json", "ended", "bound", "several"],
)
def test_what_cannot_be_gone_on_with_ends_with_an_error(first: Answer, request_more: dict[str, Any], why: str) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [first], "b": [rest()]})
        caller = await rig.call(stream=True, **request_more)
        assert rig.transport.asked() == ["team/a"], why
        assert b'data: {"error"' in caller.body
        assert caller.ended == 1

    run_virtual(main())


def test_without_the_rules_word_a_broken_stream_ends_with_an_error() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [broken()], "b": [rest()]})
        caller = await rig.call(stream=True)
        assert rig.transport.asked() == ["team/a"]
        assert b'data: {"error"' in caller.body

    run_virtual(main())


def test_the_bytes_of_a_stream_that_does_not_break_pass_untouched() -> None:
    async def main() -> None:
        good = rest()
        rig = Rig(config([provider("a")], resilience=CONTINUE), {"a": [good]})
        body = {"model": "smart", "stream": True, "stream_options": {"include_usage": True}, "messages": []}
        caller = await rig.raw_call(json.dumps(body).encode(), dialect=OPENAI_CHAT)
        assert caller.spoken == b"".join(part for part in good.body if isinstance(part, bytes))

    run_virtual(main())


UNCOUNTED = stream(ROLE, chunk("me there "), chunk("was."), chunk(finish="stop"), DONE)


def test_a_target_that_does_not_count_leaves_the_caller_one_estimate_of_both() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [broken()], "b": [UNCOUNTED]})
        caller = await rig.call(stream=True, stream_options={"include_usage": True})
        told = [each["usage"] for each in chunks_of(caller) if each.get("usage")]
        line = rig.line()
        assert [(each["prompt_tokens"], each["completion_tokens"]) for each in told] == [
            (line["input_tokens"], line["output_tokens"])
        ]
        assert told[0]["completion_tokens"] == 4 + 4

    run_virtual(main())


def test_what_the_first_used_reaches_an_anthropic_caller_though_the_second_does_not_count() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [broken()], "b": [UNCOUNTED]})
        body = {"model": "smart", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "tell"}]}
        caller = await rig.raw_call(json.dumps(body).encode(), dialect=ANTHROPIC)
        frames = [json.loads(event.data) for event in SseParser().feed(caller.body) if event.data]
        usages = [frame["usage"]["output_tokens"] for frame in frames if frame["type"] == "message_delta"]
        assert usages == [4 + 4]

    run_virtual(main())


@pytest.mark.parametrize(("limit", "left"), [(100, 96), (4, 1), (2, 1)])
def test_the_callers_limit_is_lowered_by_what_was_said(limit: int, left: int) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")], resilience=CONTINUE), {"a": [broken()], "b": [rest()]})
        await rig.call(stream=True, max_tokens=limit)
        first, second = (json.loads(request.body) for request in rig.transport.requests)
        assert first["max_tokens"] == limit
        assert second["max_tokens"] == left

    run_virtual(main())


def test_a_further_target_that_is_filtered_before_its_first_word_adds_nothing() -> None:
    async def main() -> None:
        providers = [provider(name) for name in "abc"]
        resilience = Resilience(broken=WhenBroken.CONTINUE, filtered=WhenFiltered.FALLBACK)
        filtered = stream(ROLE, chunk(finish="content_filter"), DONE)
        rig = Rig(config(providers, resilience=resilience), {"a": [broken()], "b": [filtered], "c": [rest()]})
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a ti"
        assert rig.outcomes_of() == ["StreamBroken", "ContentFiltered"]
        assert DONE not in caller.body

    run_virtual(main())


def test_what_a_target_thinks_before_it_goes_on_does_not_end_the_wait_for_its_first_word() -> None:
    async def main() -> None:
        providers = [provider(name) for name in "abc"]
        thought = b'data: {"id":"chatcmpl-2","choices":[{"index":0,"delta":{"reasoning_content":"well"}}]}\n\n'
        scripts = {"a": [broken()], "b": [stream(ROLE, thought, CUT)], "c": [rest()]}
        rig = Rig(config(providers, resilience=CONTINUE), scripts)
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a time there was."
        assert [attempt.committed for attempt in rig.record().attempts] == [True, False, True]

    run_virtual(main())


def test_a_further_target_that_says_too_much_before_its_first_word_is_left() -> None:
    async def main() -> None:
        providers = [provider("a"), provider("b", type_=ProviderType.ANTHROPIC), provider("c")]
        frames: list[dict[str, Any]] = [
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_stop", "index": 0},
        ]
        empty = b"".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in frames)
        flood = Answer(headers=EVENTS, body=[empty * 100] * 100)
        rig = Rig(config(providers, resilience=CONTINUE), {"a": [broken()], "b": [flood], "c": [rest()]})
        caller = await rig.call(stream=True)
        assert text_of(caller) == "Once upon a time there was."
        assert rig.outcomes_of() == ["StreamBroken", "MalformedResponse", "Answered"]

    run_virtual(main())
