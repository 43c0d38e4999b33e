"""Frames of Bedrock's streams: cut anywhere they are the same, damaged or too long they are refused."""

import struct
from binascii import crc32
from contextlib import suppress
from itertools import pairwise

import pytest
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped]
from doubles.event_frames import event, exception, frame, raw_frame
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.bedrock.event_stream import MAX_FRAME_BYTES, EventStreamParser
from fairlead_proxy.dialects.bedrock.stream_reader import ConverseReader
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.completion import PartGrew
from fairlead_proxy.exchange.errors import UpstreamFailure

frames = st.lists(
    st.builds(
        frame,
        st.binary(max_size=60),
        st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4),
    )
    | st.builds(event, st.sampled_from(["messageStart", "metadata"]), text=st.text(max_size=20)),
    max_size=5,
)


def parse(*chunks: bytes) -> list[Event]:
    parser = EventStreamParser()
    return [each for chunk in chunks for each in parser.feed(chunk)] + parser.finish()


def failure_of(*chunks: bytes) -> UpstreamFailure:
    with pytest.raises(UpstreamFailure) as failed:
        parse(*chunks)
    return failed.value


def test_an_event_has_its_type_for_a_name_and_an_exception_says_that_it_is_one() -> None:
    raw = event("messageStart", role="assistant"), exception("throttlingException"), frame(b"", {})
    error = frame(b"", {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "x"})
    found = parse(b"".join(raw) + error)
    assert [each.name for each in found] == [
        b"messageStart",
        b"exception:throttlingException",
        b"",
        b"exception:InternalFailure",
    ]
    assert [each.raw for each in found] == [*raw, error]
    assert found[0].data == b'{"role": "assistant", "p": "abcdef"}'
    assert all(each.whole for each in found)


@given(frames, st.lists(st.integers(0, 2000), max_size=6), st.integers(0, 400))
def test_a_stream_gives_the_same_events_wherever_it_is_cut(whole: list[bytes], cuts: list[int], lacking: int) -> None:
    body = b"".join(whole)
    body = body[: max(0, len(body) - lacking)]
    at = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    found = parse(*(body[start:end] for start, end in pairwise(at)))
    assert found == parse(body) == parse(*(body[place : place + 1] for place in range(len(body))))
    assert b"".join(each.raw for each in found) == body
    assert [each.raw for each in found if each.whole] == whole[: sum(each.whole for each in found)]


@given(frames)
def test_events_hold_what_botocore_reads_in_them(whole: list[bytes]) -> None:
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join(whole))
    assert [each.data for each in parse(*whole)] == [message.payload for message in buffer]


@pytest.mark.parametrize("place", range(len(event("metadata", usage={}))))
def test_a_bit_that_has_turned_is_noticed(place: int) -> None:
    damaged = bytearray(event("metadata", usage={}))
    damaged[place] ^= 0x10
    failed = failure_of(bytes(damaged))
    assert (failed.failure, "frame" in failed.detail) == (FailureClass.MALFORMED_RESPONSE, True)


def test_good_frames_before_a_damaged_one_are_told_first() -> None:
    good, damaged = event("contentBlockDelta", delta={"text": "a"}), bytearray(event("metadata", usage={}))
    damaged[-1] ^= 0x10
    reader = ConverseReader()
    *told, last = EventStreamParser().feed(good + damaged)
    assert [each.raw for each in told] == [good]
    assert "a" in [event.text for frame in told for event in reader.take(frame) if isinstance(event, PartGrew)]
    with pytest.raises(UpstreamFailure) as failed:
        reader.take(last)
    assert failed.value.failure is FailureClass.MALFORMED_RESPONSE


@pytest.mark.parametrize(
    ("length", "headers"),
    [(MAX_FRAME_BYTES + 1, 0), (2**32 - 1, 0), (16, 1), (0, 0), (15, 0), (100, 85), (MAX_FRAME_BYTES, 16 * 1024 + 1)],
)
def test_lengths_out_of_bounds_are_refused_before_anything_is_held(length: int, headers: int) -> None:
    prelude = struct.pack("!II", length, headers)
    failed = failure_of(prelude + struct.pack("!I", crc32(prelude)))
    assert failed.failure is FailureClass.MALFORMED_RESPONSE


def test_a_frame_of_the_largest_size_is_taken() -> None:
    largest = raw_frame(b"x" * (MAX_FRAME_BYTES - 16), b"")
    assert [(each.raw, each.whole) for each in parse(largest[:100], largest[100:])] == [(largest, True)]


@pytest.mark.parametrize(
    "head",
    [b"\x01a\x63", b"\x01a\x07\x00\x01\xff", b"\x01a\x07", b"\x01a", b"\x01a\x00\x01a\x00", b"\xff\xfe\xfd\xfc"],
    ids=["type", "no UTF-8", "cut", "nothing", "twice", "noise"],
)
def test_headers_that_are_none_are_refused(head: bytes) -> None:
    assert failure_of(raw_frame(b"{}", head)).detail == "a frame of the stream is damaged"


@given(st.lists(st.binary(max_size=60), max_size=4), st.binary(max_size=30))
def test_no_bytes_raise_anything_else(chunks: list[bytes], head: bytes) -> None:
    for stream in (chunks, [raw_frame(b"".join(chunks), head)]):
        with suppress(UpstreamFailure):
            parse(*stream)
