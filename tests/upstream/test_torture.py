"""Answers torn apart at every byte, cut at every byte, and held up: what comes of them never depends on the pieces."""

import asyncio

import pytest
from doubles.http_calls import Bowl
from doubles.odd_answers import ODD_ANSWERS, OddAnswer, ok
from doubles.wire import Line, ending_of

from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.http_connection import MAX_FRAMING_BYTES
from fairlead_proxy.upstream.http_head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_INFORMATIONAL

EACH = pytest.mark.parametrize("odd", ODD_ANSWERS.values(), ids=ODD_ANSWERS)
STEADY = pytest.mark.parametrize(
    "odd",
    # Whoever refuses an encoding closes a connection that still brings it.
    [pytest.param(odd, id=name) for name, odd in ODD_ANSWERS.items() if name != "another encoding"],
)
RESET = ConnectionResetError()


@EACH
async def test_an_answer_in_one_piece_amounts_to_what_it_says(odd: OddAnswer) -> None:
    seen = await ending_of([odd.sent] if odd.sent else [])
    assert (seen.status, seen.body, seen.failure, seen.kept) == (odd.status, odd.body, odd.failure, odd.kept)


@STEADY
@pytest.mark.parametrize("late", [False, True])
async def test_an_answer_may_be_torn_at_any_byte(odd: OddAnswer, late: bool) -> None:
    whole = await ending_of([odd.sent] if odd.sent else [])
    for at in range(1, len(odd.sent)):
        assert await ending_of([odd.sent[:at], odd.sent[at:]], late=late) == whole, at


@STEADY
@pytest.mark.parametrize("late", [False, True])
async def test_an_answer_may_come_byte_by_byte(odd: OddAnswer, late: bool) -> None:
    whole = await ending_of([odd.sent] if odd.sent else [])
    assert await ending_of([bytes([byte]) for byte in odd.sent], late=late) == whole


GOOD = {name: odd for name, odd in ODD_ANSWERS.items() if odd.failure is None and odd.kept}


@pytest.mark.parametrize("odd", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("end", [None, RESET], ids=["closed", "reset"])
async def test_an_answer_that_is_cut_is_never_taken_for_whole(odd: OddAnswer, end: Exception | None) -> None:
    for at in range(len(odd.sent)):
        seen = await ending_of([odd.sent[:at]] if at else [], end)
        assert seen.failure == ("Unreachable" if seen.status is None else "StreamBroken"), at
        assert odd.body.startswith(seen.body)
        assert not seen.kept


async def test_a_body_that_ends_with_the_connection_is_broken_by_a_reset() -> None:
    sent = ODD_ANSWERS["until it closes"].sent
    assert (await ending_of([sent], RESET)).failure == "StreamBroken"


@pytest.mark.parametrize("piece", [1000, 65536, 10**6])
@pytest.mark.parametrize(
    "head",
    [
        b"a: " + b"x" * 100_000 + b"\r\n",
        b"a" * 100_000 + b": x\r\n",
        b"".join(b"a-%d: x\r\n" % number for number in range(MAX_HEADERS + 1)),
        b"".join(b"a-%d: %b\r\n" % (number, b"x" * 1000) for number in range(100)),
    ],
    ids=["a long value", "a long name", "many headers", "much in all"],
)
async def test_a_head_has_bounds(head: bytes, piece: int) -> None:
    sent = ok(head + b"content-length: 2\r\n", b"ab")
    seen = await ending_of([sent[at : at + piece] for at in range(0, len(sent), piece)])
    assert (seen.status, seen.failure, seen.kept) == (None, "MalformedResponse", False)


async def test_a_head_within_its_bounds_is_taken() -> None:
    headers = b"".join(b"a-%03d: %b\r\n" % (number, b"x" * 480) for number in range(MAX_HEADERS - 1))
    assert len(headers) < MAX_HEAD_BYTES
    seen = await ending_of([ok(headers + b"content-length: 2\r\n", b"ab")])
    assert (seen.status, len(seen.headers), seen.body) == (200, MAX_HEADERS, b"ab")


async def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    line = Line()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\na: ")
    fed = 0
    while not line.wire.cut:
        line.connection.data_received(b"x" * 4096)
        fed += 4096
    assert fed <= MAX_HEAD_BYTES + 4096
    assert line.awaited.exception() is not None


@pytest.mark.parametrize("begun", [b"1;", b"0\r\nx: "], ids=["an extension", "a trailer"])
async def test_framing_without_end_breaks_the_body(begun: bytes) -> None:
    line = Line()
    line.connection.data_received(ok(b"transfer-encoding: chunked\r\n"))
    pouring = asyncio.ensure_future(line.awaited.result().pour(Bowl().take))
    await asyncio.sleep(0)
    line.connection.data_received(begun)
    fed = 0
    while not line.wire.cut:
        line.connection.data_received(b"x" * 4096)
        fed += 4096
    assert fed <= MAX_FRAMING_BYTES + 4096
    with pytest.raises(Exception, match="StreamBroken"):
        await pouring


async def test_interim_answers_without_end_are_refused() -> None:
    interim = b"HTTP/1.1 102 Processing\r\n\r\n"
    good = ok(b"content-length: 2\r\n", b"ab")
    assert (await ending_of([interim * MAX_INFORMATIONAL + good])).body == b"ab"
    assert (await ending_of([interim * (MAX_INFORMATIONAL + 1) + good])).failure == "MalformedResponse"


async def test_bytes_that_nobody_asked_for_close_the_connection() -> None:
    line = Line()
    line.connection.data_received(ok(b"content-length: 2\r\n", b"ab"))
    assert not line.wire.cut
    line.connection.data_received(b"\r\n")
    assert line.wire.cut
    assert line.keeper.told == ["made", "took_back", "lost"]


async def test_a_body_that_nobody_takes_holds_the_reading_up() -> None:
    line, bowl = Line(), Bowl()
    line.connection.data_received(ok(b"content-length: 4\r\n", b"ab"))
    assert not line.wire.reading
    pouring = asyncio.ensure_future(line.awaited.result().pour(bowl.take))
    await asyncio.sleep(0)
    assert line.wire.reading
    line.connection.data_received(b"cd")
    assert await pouring
    assert bowl.pieces == [b"ab", b"cd"]


async def test_a_pause_holds_the_reading_up_and_what_came_in_between() -> None:
    line, bowl = Line(), Bowl()
    line.connection.data_received(ok(b"content-length: 6\r\n", b"ab"))
    response = line.awaited.result()
    pouring = asyncio.ensure_future(response.pour(bowl.take))
    await asyncio.sleep(0)
    response.pause()
    response.pause()
    line.connection.data_received(b"cd")
    assert (line.wire.reading, bowl.pieces) == (False, [b"ab"])
    line.connection.data_received(b"ef")
    assert (line.keeper.told[-1], bowl.pieces) == ("took_back", [b"ab"])
    response.resume()
    assert await pouring
    assert bowl.pieces == [b"ab", b"cdef"]


async def test_a_connection_that_was_held_up_is_read_again_once_it_is_free() -> None:
    line = Line()
    line.connection.data_received(ok(b"content-length: 4\r\n", b"ab"))
    line.awaited.result().pause()
    line.connection.data_received(b"cd")
    assert line.wire.reading


async def test_a_pause_within_the_taking_holds_the_rest_of_an_inflated_body_back() -> None:
    packed = ODD_ANSWERS["gzip"].sent
    line, bowl = Line(), Bowl()

    def take(piece: bytes) -> bool:
        response.pause()
        return bowl.take(piece)

    line.connection.data_received(packed[:-10])
    response = line.awaited.result()
    pouring = asyncio.ensure_future(response.pour(take))
    await asyncio.sleep(0)
    line.connection.data_received(packed[-10:])
    while not pouring.done():
        response.resume()
        await asyncio.sleep(0)
    assert await pouring
    assert bowl.content == b"plain text"


async def test_whoever_wants_no_more_gets_no_more() -> None:
    line, bowl = Line(), Bowl(most=1)
    line.connection.data_received(ok(b"content-length: 9\r\n", b"ab"))
    response = line.awaited.result()
    assert not await response.pour(bowl.take)
    line.connection.data_received(b"cd")
    assert bowl.pieces == [b"ab"]
    response.close()
    assert line.wire.cut


async def test_what_the_receiver_raises_ends_the_errand_and_the_connection_and_blames_no_provider(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def take(piece: bytes) -> bool:
        raise KeyError("mine")

    line = Line()
    line.connection.data_received(ok(b"content-length: 9\r\n"))
    pouring = asyncio.ensure_future(line.response.pour(take))
    await asyncio.sleep(0)
    line.connection.data_received(b"ab")
    with pytest.raises(UpstreamFailure, match="InvalidRequest: a fault within the gateway"):
        await pouring
    assert line.wire.cut
    assert [record.getMessage() for record in caplog.records] == ["a receiver of an answer failed: KeyError"]


async def test_a_released_answer_is_read_to_its_end_and_its_connection_kept() -> None:
    line = Line()
    line.connection.data_received(ok(b"content-length: 9\r\n", b"ab"))
    line.awaited.result().release()
    assert line.wire.reading
    line.connection.data_received(b"cdefghi")
    assert (line.wire.cut, line.keeper.told[-1]) == (False, "took_back")


async def test_a_released_answer_that_goes_on_for_long_is_cut() -> None:
    line = Line()
    line.connection.data_received(ok(b"transfer-encoding: chunked\r\n"))
    line.awaited.result().release()
    fed = 0
    while not line.wire.cut:
        line.connection.data_received(b"400\r\n" + b"x" * 1024 + b"\r\n")
        fed += 1024
    assert fed <= 64 * 1024 + 1024


async def test_a_released_answer_that_stands_still_is_cut_soon() -> None:
    line = Line()
    line.connection.data_received(ok(b"content-length: 9\r\n", b"ab"))
    line.awaited.result().release()
    async with asyncio.timeout(2):
        while not line.wire.cut:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("status", [b"200 OK", b"413 Too Large"])
async def test_an_answer_that_comes_before_the_request_is_sent_leaves_no_connection(status: bytes) -> None:
    line = Line(b"x" * 10_000_000)
    sent = len(line.wire.written)
    line.connection.pause_writing()
    line.connection.data_received(b"HTTP/1.1 " + status + b"\r\ncontent-length: 2\r\n\r\nab")
    bowl = Bowl()
    assert await line.awaited.result().pour(bowl.take)
    assert (bowl.content, line.wire.cut) == (b"ab", True)
    line.connection.resume_writing()
    assert len(line.wire.written) == sent < 1_000_000


async def test_a_refusal_that_comes_early_stops_the_sending() -> None:
    line = Line(b"x" * 10_000_000)
    line.connection.pause_writing()
    line.connection.data_received(b"HTTP/1.1 413 Too Large\r\ncontent-length: 9\r\n\r\nab")
    sent = len(line.wire.written)
    line.connection.resume_writing()
    assert len(line.wire.written) == sent


async def test_an_answer_that_begins_early_lets_the_sending_go_on() -> None:
    line = Line(b"x" * 10_000_000)
    line.connection.pause_writing()
    line.connection.data_received(ok(b"content-length: 9\r\n", b"ab"))
    sent = len(line.wire.written)
    line.connection.resume_writing()
    assert len(line.wire.written) > sent


async def test_a_large_request_is_written_as_far_as_the_socket_takes_it() -> None:
    line = Line(b"x" * 10_000_000)
    line.connection.pause_writing()
    before = len(line.wire.written)
    await asyncio.sleep(0)
    assert len(line.wire.written) == before <= 300_000
