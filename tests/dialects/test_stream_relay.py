"""A stream is held until its first content, then passes untouched, and never ends without saying how."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import FailureClass, Mode
from fairlead_proxy.dialects.dialect import ReadRequest, Relay
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

REQUEST = ReadRequest(model="m", mode=Mode.STREAM, body=b"")
CURIOUS = ReadRequest(model="m", mode=Mode.STREAM, body=b"", wants_usage=True)
DONE = b"data: [DONE]\n\n"


def event(**members: object) -> bytes:
    return b"data: " + json.dumps(members).encode() + b"\n\n"


def delta(finish: str | None = None, index: int = 0, **content: object) -> bytes:
    return event(id="c", choices=[{"index": index, "delta": content, "finish_reason": finish}])


ROLE = delta(role="assistant", content="")
HELLO = delta(content="hello")
STOP = delta("stop")
USAGE = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})


def relay(request: ReadRequest = REQUEST, *, include_usage: bool = True) -> Relay:
    return OPENAI_CHAT.open_relay(request, include_usage=include_usage, now=0.0)


def run(chunks: list[bytes], opened: Relay | None = None) -> bytes:
    opened = opened or relay()
    return b"".join(opened.feed(chunk) for chunk in chunks) + opened.finish()


def failure_of(chunks: list[bytes], opened: Relay | None = None) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as failed:
        run(chunks, opened)
    return failed.value


@pytest.mark.parametrize(
    "frame",
    [
        ROLE,
        b": comment\n\n",
        b"\n",
        event(choices=[], prompt_filter_results=[]),
        delta(content=None),
        delta(content="", tool_calls=[], reasoning_content="", audio=None),
        event(choices=[{"index": 0, "delta": {}}]),
        event(choices=[{"index": 0, "delta": None, "finish_reason": ""}]),
        event(object="ping"),
    ],
)
def test_frames_without_content_are_held_and_then_passed_on(frame: bytes) -> None:
    opened = relay()
    assert opened.feed(frame) == b""
    assert not opened.committed
    assert opened.feed(HELLO) == frame + HELLO
    assert opened.committed


@pytest.mark.parametrize(
    "frame",
    [
        HELLO,
        delta(reasoning_content="hm"),
        delta(reasoning="hm"),
        delta(refusal="no"),
        delta(tool_calls=[{"index": 0, "id": "t"}]),
        delta(function_call={"name": "f"}),
        delta(audio={"id": "a"}),
        delta(
            content="", images=[{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}]
        ),
        delta(content=[{"type": "text", "text": "x"}]),
        STOP,
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}\n\n',
        b'data: {"choices":[{"index":"0","delta":{"content":"x"}}]}\n\n',
    ],
)
def test_the_first_content_commits(frame: bytes) -> None:
    opened = relay()
    assert opened.feed(ROLE + frame) == ROLE + frame
    assert opened.committed


def test_too_much_before_any_content_is_malformed() -> None:
    failed = failure_of([b": " + b"x" * 1000 + b"\n\n"] * 70)
    assert failed.failure is FailureClass.MALFORMED_RESPONSE


@pytest.mark.parametrize("length", [1, 100_000])
def test_content_of_any_length_passes_in_one_event(length: int) -> None:
    frame = delta(content="x" * length)
    assert relay().feed(frame) == frame


def test_a_whole_stream_passes_byte_by_byte_identical() -> None:
    assert run([ROLE, HELLO, STOP, DONE]) == ROLE + HELLO + STOP + DONE


streams = st.lists(
    st.sampled_from(
        [ROLE, HELLO, b": ping\r\n\r\n", delta(content="größe 😀"), b"event: x\rdata: {}\r\r", b"id: 4\n\n"]
    ),
    max_size=6,
).map(lambda frames: b"".join(frames) + STOP + DONE)


@given(streams, st.lists(st.integers(0, 900), max_size=12))
def test_any_cut_of_a_stream_comes_out_identical(stream: bytes, places: list[int]) -> None:
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    assert run([stream[start:end] for start, end in pairwise(bounds)]) == stream


def test_counts_that_we_asked_for_are_kept_from_a_client_that_did_not() -> None:
    opened = relay()
    assert run([HELLO, STOP, USAGE, DONE], opened) == HELLO + STOP + DONE
    assert opened.usage == Usage(3, 4)


def test_counts_that_the_client_asked_for_pass() -> None:
    assert run([HELLO, STOP, USAGE, DONE], relay(CURIOUS)) == HELLO + STOP + USAGE + DONE


def test_counts_that_nobody_asked_for_pass() -> None:
    assert run([HELLO, STOP, USAGE, DONE], relay(include_usage=False)) == HELLO + STOP + USAGE + DONE


def test_counts_beside_the_last_content_pass() -> None:
    last = event(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}], usage={"prompt_tokens": 1})
    opened = relay()
    assert run([HELLO, last, DONE], opened) == HELLO + last + DONE
    assert opened.usage == Usage(1, 0)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(10, 5, cached_input_tokens=4, reasoning_tokens=2),
        ),
        ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 6}, Usage(10, 0, cached_input_tokens=6)),
        ({"prompt_tokens": 2, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(2, 0, cached_input_tokens=2)),
        (
            {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}},
            Usage(9, 0, cached_input_tokens=4, cache_write_tokens=3),
        ),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cache_write_tokens": 11}}, Usage(9, 0, cache_write_tokens=9)),
        ({"prompt_tokens": -2, "completion_tokens": None}, Usage(0, 0)),
    ],
)
def test_counts_are_read_with_their_parts(reported: dict[str, object], usage: Usage) -> None:
    opened = relay()
    run([HELLO, STOP, event(choices=[], usage=reported), DONE], opened)
    assert opened.usage == usage


def test_without_counts_a_stream_is_estimated_from_its_content() -> None:
    opened = relay()
    run([ROLE, delta(content="12345678"), delta(content="9"), STOP, DONE], opened)
    assert opened.usage is None
    assert opened.usage_so_far(7) == Usage(7, 3, estimated=True)


def test_done_is_added_to_a_clean_end_after_every_finish_reason() -> None:
    assert run([HELLO, STOP]) == HELLO + STOP + DONE


def test_done_without_its_blank_line_is_completed() -> None:
    assert run([HELLO, STOP, b"data: [DONE]"]) == HELLO + STOP + b"data: [DONE]\n\n"


def test_whatever_follows_done_is_ignored() -> None:
    opened = relay()
    assert opened.feed(HELLO + STOP + DONE + HELLO) == HELLO + STOP + DONE
    assert opened.ended
    assert opened.feed(HELLO) + opened.finish() == b""


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [ROLE],
        [HELLO],
        [delta(content="a", index=0), delta("stop", index=0), delta(content="b", index=1)],
        [HELLO, STOP[:-20]],
        [USAGE],
    ],
)
def test_an_end_before_every_finish_reason_is_a_broken_stream(chunks: list[bytes]) -> None:
    assert failure_of(chunks).failure is FailureClass.STREAM_BROKEN


def test_several_choices_that_all_finished_end_cleanly() -> None:
    chunks = [delta(content="a"), delta(content="b", index=1), delta("stop", index=1), delta("stop")]
    assert run(chunks) == b"".join(chunks) + DONE


def test_done_without_any_content_is_malformed() -> None:
    assert failure_of([ROLE, DONE]).failure is FailureClass.MALFORMED_RESPONSE


@pytest.mark.parametrize(
    "junk", [b"data: {\n\n", b"data: 5\n\n", b"data: <html>\n\n", b"data: " + b"[" * 9999 + b"\n\n"]
)
def test_a_chunk_that_is_no_json_object_is_malformed(junk: bytes) -> None:
    assert failure_of([HELLO, junk]).failure is FailureClass.MALFORMED_RESPONSE


ERRORS = [
    (event(error={"message": "boom", "type": "server_error", "code": None}), FailureClass.ERROR_IN_STREAM),
    (event(error="boom"), FailureClass.ERROR_IN_STREAM),
    (event(error={"message": "boom", "code": 502}), FailureClass.ERROR_IN_STREAM),
    (event(object="error", message="boom", code=400), FailureClass.ERROR_IN_STREAM),
    (b"event: error\ndata: boom\n\n", FailureClass.ERROR_IN_STREAM),
    (b'event: error\ndata: {"message": "half \\ud83d"}\n\n', FailureClass.ERROR_IN_STREAM),
    (event(choices=[{"index": 0, "delta": {}, "error": {"code": 502}}]), FailureClass.ERROR_IN_STREAM),
    (event(error={"code": "rate_limit_exceeded"}), FailureClass.RATE_LIMITED),
    (event(error={"code": "context_length_exceeded"}), FailureClass.CONTEXT_LENGTH_EXCEEDED),
]


@pytest.mark.parametrize(("error", "failure"), ERRORS)
def test_an_error_before_content_fails_the_attempt_with_nothing_sent(error: bytes, failure: FailureClass) -> None:
    opened = relay()
    assert failure_of([ROLE, error], opened).failure is failure
    assert not opened.committed


@pytest.mark.parametrize(("error", "failure"), ERRORS)
def test_an_error_after_content_fails_the_stream(error: bytes, failure: FailureClass) -> None:
    opened = relay()
    assert failure_of([HELLO, error], opened).failure is failure
    assert opened.committed


def test_content_and_error_in_one_chunk_commit_nothing() -> None:
    opened = relay()
    failure_of([HELLO + ERRORS[0][0]], opened)
    assert not opened.committed


def test_content_before_an_error_in_the_same_chunk_is_not_lost() -> None:
    opened = relay()
    failure_of([HELLO, delta(content="more") + ERRORS[0][0]], opened)
    assert opened.take_rest() == delta(content="more")


def test_an_error_of_the_calls_own_nature_may_reach_the_client() -> None:
    failed = failure_of([event(error={"message": "too long", "code": "context_length_exceeded"})])
    assert failed.relayed is not None
    assert (failed.relayed.status, json.loads(failed.relayed.body)["error"]["message"]) == (400, "too long")


COMPACT = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"},"logprobs":null,"finish_reason":null}]}\n\n'
PADDED = (
    b'data: {"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}],"usage":null,"obfuscation":"%b"}\n\n'
)
TEXTS = [
    b"a",
    b"gr\xc3\xb6\xc3\x9fe",
    b"",
    b"\\n\\n",
    b'\\"',
    b"\\u00e9",
    b"\\ud83d\\ude00",
    b"content",
    b"{}",
    b"\xff",
    b"\\n\xff",
    b"\\ud83d",
]
ORDINARY = [COMPACT % text for text in TEXTS] + [delta(content=text) for text in ("hello", "größe", "\\")]
ODD = [
    *(PADDED % pair for pair in ((b"a", b"xyz"), (b"b", b"x"), (b"c", b'","error":"boom'))),
    delta(content="a", tool_calls=[{"index": 0}]),
    delta(reasoning_content="thinking"),
    delta(content="b", index=1),
    delta("stop", index=1),
    event(choices=[{"index": 0, "delta": {"content": "c"}}], usage=None),
    event(choices=[{"index": 0, "delta": {"content": "d"}}], usage={"prompt_tokens": 3, "completion_tokens": 9}),
    event(choices=[{"delta": {"content": "e"}}, {"index": 1, "delta": {"content": "f"}}]),
    event(choices=[{"index": -1, "delta": {"content": "x"}}]),
    event(choices=[{"index": 0, "delta": {"content": "x", "delta": {"content": "y"}}, "content": "z"}]),
    event(choices=[{"index": 0, "delta": {"content": "x"}, "logprobs": {"content": [{"token": "x"}]}}]),
    event(content="out of place", choices=[{"index": 0, "delta": {"content": "x"}}]),
    COMPACT % b'a","content":"b',
    COMPACT % b'a"},"error":"boom","x":{"y":"',
    COMPACT % b'a"},"finish_reason":"stop","x":{"y":"',
    COMPACT % b'a"}}],"usage":{"prompt_tokens":8},"x":[{"y":{"z":"',
    COMPACT.replace(b'"content"', b'"content":"a","c\\u006fntent"') % b"b",
    COMPACT.replace(b'"id":"c"', b'"id":"\\"content\\":\\""') % b"b",
    delta("length", content="g"),
    HELLO.replace(b"\n\n", b"\r\n\r\n"),
    HELLO[:-1],
    b": ping\n\n",
    b"data: " + HELLO[6:-2].replace(b", ", b",\ndata: ") + b"\n\n",
    USAGE,
    STOP,
    DONE,
    *(error for error, _ in ERRORS),
]
SPLINTERS = [
    *(b"", b'"', b"\\", b"\n", b"\r", b"{", b"}", b",", b" ", b"\x00", b"\xff", b'"content":"', b'"},', b"data: "),
    *(b'"error":{"message":"boom"},', b'"finish_reason":"stop",', b'"usage":{"prompt_tokens":5},', b"\\u0022"),
]


@st.composite
def reads(draw: st.DrawFn) -> list[bytes]:
    """Reads of a stream that has begun: each of some events, of which one may be splintered, or cut in two."""
    frames = st.lists(st.sampled_from(ORDINARY) | st.sampled_from(ORDINARY) | st.sampled_from(ODD), max_size=5)
    found: list[bytes] = []
    for read in draw(st.lists(frames.map(b"".join), max_size=6)):
        match draw(st.sampled_from(["whole", "whole", "whole", "cut", "splintered"])):
            case "cut":
                place = draw(st.integers(0, len(read)))
                found += [read[:place], read[place:]]
            case "splintered":
                place = draw(st.integers(0, len(read)))
                found.append(read[:place] + draw(st.sampled_from(SPLINTERS)) + read[place + draw(st.integers(0, 2)) :])
            case _:
                found.append(read)
    return found


def told(chunks: list[bytes]) -> tuple[object, ...]:
    """Relay these chunks, and tell all that can be seen of it."""
    opened = relay()
    sent: list[bytes] = []
    failed: UpstreamFailure | None = None
    try:
        for chunk in chunks:
            sent.append(opened.feed(chunk))
        sent.append(opened.finish())
    except UpstreamFailure as failure:
        failed = failure
        sent.append(opened.take_rest())
    seen = (str(failed), failed and failed.relayed, opened.committed, opened.ended)
    return b"".join(sent), opened.usage, opened.usage_so_far(1), *seen


@example([COMPACT % b"a", COMPACT % b"b" + COMPACT % b"c", COMPACT % b"a\\" + COMPACT % b"n"])
@example([COMPACT % b"a", DONE, COMPACT % b"b"])
@example([COMPACT % b"a", COMPACT % b"b" + COMPACT % b"\xc3" + COMPACT % b"\xb6"])
@example([COMPACT % b"a", COMPACT % b"b" + COMPACT % b"\\ud83d" + COMPACT % b"\\ude00"])
@example([COMPACT % b"a", COMPACT[: COMPACT.index(b"%b")] + (COMPACT % b"")[COMPACT.index(b"%b") + 1 :]])
@example([event(choices=[{"index": -1, "delta": {"content": "x"}}]), HELLO])
@example([COMPACT % b"a", COMPACT % b"b", STOP, COMPACT % b"c", DONE])
@given(reads())
def test_what_is_read_by_the_short_ways_is_told_as_by_the_careful_one(chunks: list[bytes]) -> None:
    # Byte by byte, no event is whole in one chunk: all go the careful way.
    stream = [ROLE, COMPACT % b"first", *chunks]
    assert told(stream) == told([bytes([byte]) for byte in b"".join(stream)])


@pytest.mark.parametrize("fault", [event(error={"message": "late"}), b'data: {"choices": [\n\n', b"data: no\n\n"])
def test_a_fault_after_a_token_read_by_the_short_way_is_noticed(fault: bytes) -> None:
    opened = relay()
    assert [opened.feed(frame) for frame in (ROLE, HELLO, HELLO)] == [b"", ROLE + HELLO, HELLO]
    with pytest.raises(UpstreamFailure):
        opened.feed(fault)
