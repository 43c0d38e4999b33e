"""Server-sent events are the same however the stream was cut, and no byte of it is lost."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.sse import MAX_EVENT_BYTES, MAX_LINE_BYTES, Event, SseParser
from fairlead_proxy.exchange.errors import UpstreamFailure

endings = st.sampled_from([b"\n", b"\r", b"\r\n"])
texts = st.text("aé€😀: \t{}", max_size=8).map(str.encode)
lines = (
    texts.map(lambda text: b"data:" + text)
    | texts.map(lambda text: b"data: " + text)
    | texts.map(lambda text: b": " + text)
    | st.sampled_from([b"data", b"event: error", b"id: 1", b"retry:10", b"", b"", b""])
)
streams = st.builds(
    lambda bom, parts: bom + b"".join(line + ending for line, ending in parts),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.tuples(lines, endings), max_size=12),
)


def parse(chunks: list[bytes]) -> list[Event]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]


@given(streams, st.lists(st.integers(0, 200), max_size=10))
def test_any_cut_gives_the_same_events(stream: bytes, places: list[int]) -> None:
    assert parse(cut(stream, places)) == parse([stream])


@given(streams)
def test_single_bytes_give_the_same_events(stream: bytes) -> None:
    assert parse([bytes([byte]) for byte in stream]) == parse([stream])


@example(b"\xef\xbb\xbf", [])
@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_every_byte_comes_out_in_exactly_one_event(stream: bytes, places: list[int]) -> None:
    assert b"".join(event.raw for event in parse(cut(stream, places))) == stream


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\rdata: b\r\n\r\n", [b"a", b"b"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b": ping\n\ndata: a\n\n", [None, b"a"]),
        (b"id: 7\nretry: 10\nevent: x\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a", None]),
        (b"data: a\n\n\n\n", [b"a", None, None]),
        (b"data: a\n", [b"a"]),
        (b"data: a", [b"a"]),
        ("data: é\n\n".encode(), ["é".encode()]),
    ],
)
def test_data_is_read_as_the_standard_says(stream: bytes, data: list[bytes | None]) -> None:
    assert [event.data for event in parse([stream])] == data


def test_an_event_has_its_name() -> None:
    assert parse([b"event: error\ndata: x\n\n"])[0].name == b"error"


def test_an_event_without_its_blank_line_is_not_whole() -> None:
    assert [event.whole for event in parse([b"data: a\n\ndata: b\n"])] == [True, False]


@pytest.mark.parametrize("chunk_bytes", [1000, MAX_LINE_BYTES + 10])
def test_a_line_without_end_is_refused(chunk_bytes: int) -> None:
    with pytest.raises(UpstreamFailure) as failed:
        parse([b"x" * chunk_bytes] * (2 * MAX_LINE_BYTES // chunk_bytes + 1))
    assert failed.value.failure is FailureClass.MALFORMED_RESPONSE


def test_a_long_line_that_ends_in_the_same_chunk_is_refused() -> None:
    with pytest.raises(UpstreamFailure):
        SseParser().feed(b"data: " + b"x" * MAX_LINE_BYTES + b"\n\n")


def test_an_event_without_end_is_refused() -> None:
    line = b"data: " + b"x" * 100_000 + b"\n"
    with pytest.raises(UpstreamFailure):
        parse([line] * (MAX_EVENT_BYTES // len(line) + 2))
