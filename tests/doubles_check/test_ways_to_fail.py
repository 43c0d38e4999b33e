"""Every way to misbehave works in every dialect, and is what its name says."""

import http.client
import json
from collections.abc import Sequence

import pytest
from botocore.eventstream import ChecksumMismatch, EventStreamBuffer  # type: ignore[import-untyped]
from doubles.processes import ScriptedUpstream
from doubles_check.raw_calls import ANTHROPIC, BEDROCK, CHAT, GEMINI, RESPONSES, SPOKEN, Came, Spoken, call, post

MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
EVERY = pytest.mark.parametrize("spoken", SPOKEN, ids=str)
STREAMS_OF_TEXT = pytest.mark.parametrize("spoken", [CHAT, RESPONSES, ANTHROPIC, GEMINI], ids=str)


def frames(came: Came) -> Sequence[object]:
    """Return the JSON of every whole frame."""
    if came.headers["content-type"] == "application/vnd.amazon.eventstream":
        buffer = EventStreamBuffer()
        buffer.add_data(came.body)
        return [json.loads(message.payload) for message in buffer]
    blocks = came.body.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]
    lines = [line for block in blocks for line in block.split(b"\n")]
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: ") and line != b"data: [DONE]"]


@EVERY
@MODES
@pytest.mark.parametrize("kind", ["reset", "reset_in_head", "reset_after_head"])
def test_the_connection_ends_without_an_answer(
    upstream: ScriptedUpstream, spoken: Spoken, stream: bool, kind: str
) -> None:
    upstream.behave(kind)
    with pytest.raises((OSError, http.client.HTTPException)):
        call(upstream, spoken, stream=stream)


@EVERY
@MODES
def test_the_head_is_cut(upstream: ScriptedUpstream, spoken: Spoken, stream: bool) -> None:
    upstream.behave("cut_head")
    assert call(upstream, spoken, stream=stream) == Came(200, {}, b"")


@EVERY
def test_the_connection_is_reset_before_a_request_is_read(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    upstream.behave("reset_on_accept")
    with pytest.raises((OSError, http.client.HTTPException)):
        call(upstream, spoken, stream=False)


@EVERY
@pytest.mark.parametrize(
    ("kind", "stream"),
    [("hang", False), ("hang", True), ("stall_in_body", False), ("stall_before", True), ("stall_after", True)],
)
def test_nothing_more_comes(upstream: ScriptedUpstream, spoken: Spoken, kind: str, stream: bool) -> None:
    upstream.behave(kind)
    with pytest.raises(TimeoutError):
        call(upstream, spoken, stream=stream, timeout=0.2)


@EVERY
@pytest.mark.parametrize("kind", ["cut_body", "cut_before", "cut_after"])
def test_the_body_is_cut(upstream: ScriptedUpstream, spoken: Spoken, kind: str) -> None:
    upstream.behave(kind)
    came = call(upstream, spoken, stream=kind != "cut_body")
    assert (came.status, came.cut) == (200, True)
    assert upstream.bill()["whole"] is False


@EVERY
@pytest.mark.parametrize("kind", ["reset_in_body", "reset_before", "reset_after"])
def test_the_body_is_reset(upstream: ScriptedUpstream, spoken: Spoken, kind: str) -> None:
    upstream.behave(kind)
    with pytest.raises((OSError, http.client.HTTPException)):
        call(upstream, spoken, stream=kind != "reset_in_body")


@EVERY
@pytest.mark.parametrize(("kind", "tokens"), [("end_before", 0), ("end_after", 2)])
def test_the_body_ends_cleanly_too_early(upstream: ScriptedUpstream, spoken: Spoken, kind: str, tokens: int) -> None:
    upstream.behave(kind)
    came = call(upstream, spoken, stream=True)
    bill = upstream.bill()
    assert (came.cut, bill["output_tokens"], bill["whole"], bill["reported"]) == (False, tokens, False, False)
    assert (b"beta" in came.body) is (tokens > 0)
    assert b"gamma" not in came.body


@EVERY
@pytest.mark.parametrize(("kind", "tokens"), [("error_first", 0), ("error_after", 2)])
def test_an_error_comes_in_the_stream(upstream: ScriptedUpstream, spoken: Spoken, kind: str, tokens: int) -> None:
    upstream.behave(kind, error={"message": "it broke"})
    came = call(upstream, spoken, stream=True)
    assert "it broke" in json.dumps(frames(came)[-1])
    assert upstream.bill()["output_tokens"] == tokens
    assert (b"alpha" in came.body) is (tokens > 0)


@EVERY
@MODES
@pytest.mark.parametrize(
    ("kind", "status", "body", "header"),
    [
        ("html", 200, b"<html>", ("content-type", "text/html")),
        ("empty", 200, b"", ("content-length", "0")),
        ("garbage", 200, b'{"choices": [', ("content-type", "application/json")),
        ("redirect", 302, b"", ("location", "http://169.254.169.254/latest/meta-data")),
        ("bomb", 200, b"\x1f\x8b", ("content-encoding", "gzip")),
        ("error_in_200", 200, b"{", ("content-type", "application/json")),
    ],
)
def test_the_answer_is_none(
    upstream: ScriptedUpstream,
    spoken: Spoken,
    stream: bool,
    kind: str,
    status: int,
    body: bytes,
    header: tuple[str, str],
) -> None:
    upstream.behave(kind)
    came = call(upstream, spoken, stream=stream)
    assert came.status == status
    assert came.body.startswith(body)
    assert came.headers[header[0]] == header[1]


@EVERY
@MODES
@pytest.mark.parametrize("kind", ["ok", "slivers", "slow_head", "wrong_type"])
def test_a_good_answer_is_the_same_however_it_comes(
    upstream: ScriptedUpstream, spoken: Spoken, stream: bool, kind: str
) -> None:
    upstream.obey()
    good = call(upstream, spoken, stream=stream)
    upstream.behave(kind, pace=0.0001)
    came = call(upstream, spoken, stream=stream)
    assert came.body == good.body
    assert (came.headers["content-type"] == "text/plain") is (kind == "wrong_type")
    assert upstream.bill()["output_tokens"] == 5


@EVERY
@MODES
def test_the_provider_goes_on_after_the_end(upstream: ScriptedUpstream, spoken: Spoken, stream: bool) -> None:
    upstream.obey()
    good = call(upstream, spoken, stream=stream)
    upstream.behave("trailing")
    came = call(upstream, spoken, stream=stream)
    assert came.body.startswith(good.body)
    assert len(came.body) > len(good.body)


@EVERY
@pytest.mark.parametrize("kind", ["cut_in_frame", "long_line"])
def test_a_frame_does_not_end(upstream: ScriptedUpstream, spoken: Spoken, kind: str) -> None:
    upstream.behave(kind)
    if kind == "long_line":
        with pytest.raises(TimeoutError):
            call(upstream, spoken, stream=True, timeout=0.3)
        return
    came = call(upstream, spoken, stream=True)
    assert not came.body.endswith(b"\n\n")
    assert frames(came)


@STREAMS_OF_TEXT
def test_a_frame_is_garbage(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    upstream.behave("garbage_frame")
    with pytest.raises(json.JSONDecodeError):
        frames(call(upstream, spoken, stream=True))


def test_a_frame_of_amazons_has_the_wrong_checksum(upstream: ScriptedUpstream) -> None:
    upstream.behave("garbage_frame")
    with pytest.raises(ChecksumMismatch):
        frames(call(upstream, BEDROCK, stream=True))


@pytest.mark.parametrize("spoken", [CHAT, RESPONSES, ANTHROPIC, BEDROCK], ids=str)
def test_a_stream_lacks_its_last_mark(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    upstream.obey()
    good = call(upstream, spoken, stream=True)
    upstream.behave("no_done")
    came = call(upstream, spoken, stream=True)
    assert good.body.startswith(came.body)
    assert len(came.body) < len(good.body)


@EVERY
def test_only_so_many_calls_misbehave(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    upstream.behave("status", status=503, times=1)
    assert [call(upstream, spoken, stream=False).status for _ in range(2)] == [503, 200]


def test_gemini_streams_an_array_where_no_events_are_asked_for(upstream: ScriptedUpstream) -> None:
    came = post(upstream, "/v1beta/models/m:streamGenerateContent", json.dumps(GEMINI.body))
    assert came.headers["content-type"] == "application/json"
    assert [chunk["modelVersion"] for chunk in came.json()] == ["m"] * 6


def test_what_stands_nowhere_is_not_found_in_the_words_of_the_dialect(upstream: ScriptedUpstream) -> None:
    assert post(upstream, "/v1/messages/batches", "{}").json()["error"]["type"] == "not_found_error"
    assert post(upstream, "/v1/embeddings", "{}").status == 404
