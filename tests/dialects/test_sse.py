"""Server-sent events are the same however the stream was cut, and no byte of it is lost."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.sse import MAX_EVENT_BYTES, MAX_LINE_BYTES, MAX_WIDE_BYTES, Event, SseParser
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


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("chunk_bytes", [1, 3, 1000])
def test_several_events_in_a_chunk_come_out_one_by_one(ending: bytes, chunk_bytes: int) -> None:
    stream = b"".join(b"data: %d%b%b" % (number, ending, ending) for number in range(50))
    events = parse([stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes)])
    assert [event.data for event in events] == [b"%d" % number for number in range(50)]


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("place", range(7, 14))
def test_a_character_that_is_cut_is_whole_again(ending: bytes, place: int) -> None:
    stream = "data: é€😀".encode() + 2 * ending
    assert [event.data for event in parse([stream[:place], stream[place:]])] == ["é€😀".encode()]


@pytest.mark.parametrize("chunk_bytes", [7919, 65_536, MAX_LINE_BYTES, MAX_LINE_BYTES + 2])
def test_a_line_of_a_mebibyte_is_read_whole(chunk_bytes: int) -> None:
    said = b"x" * (MAX_LINE_BYTES - len(b"data: "))
    stream = b"data: " + said + b"\n\ndata: after\n\n"
    events = parse([stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes)])
    assert [event.data for event in events] == [said, b"after"]


@pytest.mark.parametrize("chunk_bytes", [7919, MAX_LINE_BYTES + 3])
def test_a_line_of_a_byte_more_is_refused(chunk_bytes: int) -> None:
    stream = b"data: " + b"x" * (MAX_LINE_BYTES - len(b"data: ") + 1) + b"\n\n"
    with pytest.raises(UpstreamFailure) as failed:
        parse([stream[at : at + chunk_bytes] for at in range(0, len(stream), chunk_bytes)])
    assert failed.value.failure is FailureClass.MALFORMED_RESPONSE


@pytest.mark.parametrize("chunk_bytes", [65_536, MAX_WIDE_BYTES + 20])
def test_a_wide_line_is_read_whole_and_no_byte_more(chunk_bytes: int) -> None:
    line = b"data: " + b"x" * (MAX_WIDE_BYTES - len(b"data: ") - 2) + b"\n\n"
    parser = SseParser(MAX_WIDE_BYTES, MAX_WIDE_BYTES)
    events = [event for at in range(0, len(line), chunk_bytes) for event in parser.feed(line[at : at + chunk_bytes])]
    assert [event.raw == line for event in events] == [True]
    assert parser.feed(line.rstrip(b"\n") + b"xx") == []
    with pytest.raises(UpstreamFailure, match="a line of the stream is too long"):
        parser.feed(b"x")


@pytest.mark.parametrize("chunk_bytes", [1, 64])
def test_a_long_line_takes_time_as_it_has_chunks(chunk_bytes: int) -> None:
    parser = SseParser(MAX_WIDE_BYTES, MAX_WIDE_BYTES)
    piece, count = b"x" * chunk_bytes, 500_000
    parser.feed(b"data: ")
    started = time.process_time()
    for _ in range(count):
        parser.feed(piece)
    events = parser.feed(b"\n\n")
    assert len(events[0].raw) == chunk_bytes * count + len(b"data: \n\n")
    assert time.process_time() - started < 8, "it takes far longer if every chunk copies what came before it"


def test_an_event_that_is_not_whole_yet_is_counted() -> None:
    parser = SseParser()
    assert parser.unfinished_bytes == 0
    parser.feed(b"data: a\n\ndata: b")
    assert parser.unfinished_bytes == len(b"data: b")


def test_comments_between_events_are_blocks_without_data() -> None:
    events = parse([b": OPENROUTER PROCESSING\n\n", b":\n\ndata: a\n: within\n\n"])
    assert [event.data for event in events] == [None, None, b"a"]


@pytest.mark.parametrize("pieces", [[b"\xef\xbb\xbf", b"data: a\n\n"], [b"\xef", b"\xbb", b"\xbfdata: a\n\n"]])
def test_a_byte_order_mark_may_be_cut_off_or_in_pieces(pieces: list[bytes]) -> None:
    assert [event.data for event in parse(pieces)] == [b"a"]


@pytest.mark.parametrize("ending", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("rest", [b"", b"\n\ndata: b\n\n"])
def test_events_before_a_line_that_is_too_long_come_out_first_though_it_comes_with_them(
    ending: bytes, rest: bytes
) -> None:
    parser = SseParser()
    events = parser.feed(b"data: a" + 2 * ending + b"data: " + b"x" * MAX_LINE_BYTES + rest)
    assert [event.data for event in events] == [b"a"]
    with pytest.raises(UpstreamFailure) as failed:
        parser.finish()
    assert failed.value.failure is FailureClass.MALFORMED_RESPONSE


def test_whatever_comes_behind_a_line_that_is_too_long_is_refused() -> None:
    parser = SseParser()
    assert len(parser.feed(b"data: a\n\ndata: " + b"x" * MAX_LINE_BYTES)) == 1
    assert not parser.between_events
    with pytest.raises(UpstreamFailure):
        parser.feed(b"\n\ndata: b\n\n")
