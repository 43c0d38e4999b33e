"""What a receiver is told, when, and what becomes of a request when its receiver pauses, ends it, or fails."""

import asyncio
import zlib

import pytest
from doubles.raw_server import CHUNKED_HEAD, answer, chunked
from doubles.telling_receiver import TellingReceiver
from doubles.wire import Line

from fairlead_proxy.upstream.http_connection import STALE_SECONDS
from fairlead_proxy.upstream.http_upload import SLICE_BYTES, SLICES_PER_TURN

AT_ONCE = answer(b"{}")
PACKED = answer(zlib.compress(b"plain"), b"content-encoding: deflate")
STREAM = CHUNKED_HEAD + chunked(b"one")


def line_to(receiver: TellingReceiver) -> Line:
    """Return a connection on which this receiver's request is under way."""
    line = Line()
    line.connection.data_received(answer(b""))
    receiver.errand = line.send(receiver)
    line.keeper.told.clear()
    return line


async def test_an_answer_that_comes_at_once_is_told_in_order_when_its_connection_is_free() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.on("head", lambda: line.keeper.told.append("head"))
    line.connection.data_received(AT_ONCE)
    assert receiver.told == ["head 200", "chunk {}", "end"]
    assert line.keeper.told == ["took_back", "head"]


async def test_an_answer_without_a_body_has_no_chunk() -> None:
    receiver = TellingReceiver()
    line_to(receiver).connection.data_received(answer(b""))
    assert receiver.told == ["head 200", "end"]


async def test_the_last_piece_of_a_stream_comes_when_its_connection_is_free() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    line.connection.data_received(STREAM)
    receiver.on("chunk", lambda: line.keeper.told.append("chunk"))
    line.connection.data_received(chunked(b"two") + b"0\r\n\r\n")
    assert receiver.told == ["head 200", "chunk one", "chunk two", "end"]
    assert line.keeper.told == ["took_back", "chunk"]


@pytest.mark.parametrize("method", ["head", "chunk", "end"])
@pytest.mark.parametrize("sent", [AT_ONCE, STREAM + b"0\r\n\r\n"], ids=["at once", "chunked"])
@pytest.mark.parametrize("how", ["close", "release"])
async def test_whoever_ends_its_errand_is_told_nothing_more(method: str, sent: bytes, how: str) -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.on(method, lambda: getattr(receiver.errand, how)())
    line.connection.data_received(sent)
    assert [word.split(" ")[0] for word in receiver.told][-1] == method
    assert line.keeper.told == ["took_back"]


@pytest.mark.parametrize("method", ["head", "chunk"])
async def test_whoever_closes_in_the_middle_of_an_answer_closes_its_connection(method: str) -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.on(method, lambda: receiver.errand.close())
    line.connection.data_received(STREAM)
    assert receiver.told[-1].startswith(method)
    assert line.wire.cut


async def test_whoever_releases_in_the_middle_of_a_stream_keeps_the_connection() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.on("chunk", lambda: receiver.errand.release())
    line.connection.data_received(STREAM)
    line.connection.data_received(chunked(b"two") + b"0\r\n\r\n")
    assert receiver.told == ["head 200", "chunk one"]
    assert line.keeper.told == ["took_back"]


@pytest.mark.parametrize("sent", [AT_ONCE, PACKED, STREAM + b"0\r\n\r\n"], ids=["at once", "packed", "chunked"])
async def test_a_pause_in_any_method_holds_back_what_follows(sent: bytes) -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.on("head", lambda: receiver.errand.pause())
    receiver.on("chunk", lambda: receiver.errand.pause())
    line.connection.data_received(sent)
    assert receiver.told == ["head 200"]
    receiver.errand.resume()
    assert "end" not in receiver.told[:-1]
    receiver.errand.resume()
    assert receiver.told[-1] == "end"


@pytest.mark.parametrize("sent", [AT_ONCE, STREAM + b"0\r\n\r\n"], ids=["at once", "chunked"])
async def test_a_pause_that_ends_within_the_method_changes_nothing(sent: bytes) -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)

    def pause_and_resume() -> None:
        receiver.errand.pause()
        receiver.errand.resume()

    receiver.on("head", pause_and_resume)
    receiver.on("chunk", pause_and_resume)
    line.connection.data_received(sent)
    assert receiver.told[0] == "head 200"
    assert receiver.told[-1] == "end"
    assert receiver.deepest == 1


async def test_a_pause_before_the_head_holds_the_head_back() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.errand.pause()
    line.connection.data_received(STREAM)
    assert (receiver.told, line.wire.reading) == ([], False)
    receiver.errand.resume()
    assert (receiver.told, line.wire.reading) == (["head 200", "chunk one"], True)
    line.connection.data_received(chunked(b"two"))
    assert receiver.told[-1] == "chunk two"


async def test_a_resume_within_a_method_tells_what_waits_only_after_it() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)

    def pause_and_resume() -> None:
        receiver.errand.pause()
        receiver.errand.resume()

    receiver.errand.pause()
    receiver.on("head", pause_and_resume)
    line.connection.data_received(AT_ONCE)
    receiver.errand.resume()
    assert (receiver.told, receiver.deepest) == (["head 200", "chunk {}", "end"], 1)


async def test_a_failure_waits_behind_what_is_held_back() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.on("head", lambda: receiver.errand.pause())
    line.connection.data_received(STREAM)
    line.end(None)
    assert receiver.told == ["head 200"]
    receiver.errand.resume()
    assert receiver.told == ["head 200", "chunk one", "lost StreamBroken"]


@pytest.mark.parametrize("method", ["head", "chunk", "end"])
@pytest.mark.parametrize("sent", [AT_ONCE, PACKED, STREAM + b"0\r\n\r\n"], ids=["at once", "packed", "chunked"])
async def test_what_a_method_raises_comes_back_as_lost(
    method: str, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.fail_in(method, ValueError("a prompt"))
    line.connection.data_received(sent)
    assert receiver.told[-1] == "lost InvalidRequest"
    assert "a prompt" not in caplog.text


async def test_a_receiver_that_fails_even_when_it_is_told_so_does_not_spoil_the_connections_book() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.fail_in("chunk", ValueError())
    receiver.fail_in("lost", ValueError())
    line.connection.data_received(STREAM)
    assert (line.wire.cut, line.keeper.told) == (True, ["lost"])


async def test_after_its_end_an_errand_does_nothing() -> None:
    receiver, next_one = TellingReceiver(), TellingReceiver()
    line = line_to(receiver)
    line.connection.data_received(AT_ONCE)
    next_one.errand = line.send(next_one)
    for method in ("pause", "resume", "release", "close"):
        getattr(receiver.errand, method)()
    assert (line.wire.cut, line.wire.reading) == (False, True)
    line.connection.data_received(AT_ONCE)
    assert next_one.told == receiver.told == ["head 200", "chunk {}", "end"]


async def test_a_reused_connection_that_dies_at_once_is_replaced_and_nobody_is_told() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    line.end(None)
    assert (line.sent_anew, receiver.told) == (1, [])


async def test_a_request_is_not_repeated_when_we_have_cut_its_connection_ourselves() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    line.connection.shut()
    assert (line.sent_anew, receiver.told) == (0, ["lost Unreachable"])


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_request_is_not_repeated_once_a_byte_has_come(begun: bytes) -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    line.connection.data_received(begun)
    line.end(ConnectionResetError())
    assert (line.sent_anew, receiver.told) == (0, ["lost Unreachable"])


async def test_a_request_is_not_repeated_when_the_provider_had_time_to_act_on_it() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    line.connection.data_received(AT_ONCE)
    line.send(receiver, sent_seconds_ago=STALE_SECONDS + 0.1)
    line.end(None)
    assert (line.sent_anew, receiver.told[-1]) == (0, "lost Unreachable")


async def test_a_request_that_was_closed_is_not_repeated() -> None:
    receiver = TellingReceiver()
    line = line_to(receiver)
    receiver.errand.close()
    line.end(None)
    assert (line.sent_anew, receiver.told) == (0, [])


@pytest.mark.parametrize("blocks", [True, False], ids=["told at once", "told later"])
async def test_a_large_request_waits_with_no_more_than_256_kib_in_the_transport(blocks: bool) -> None:
    line = Line()
    line.connection.data_received(answer(b""))
    line.wire.written.clear()
    if blocks:
        line.wire.when_written = line.connection.pause_writing
    line.send(TellingReceiver(), b"x" * 10_000_000)
    line.connection.pause_writing()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(line.wire.written) < 100 + SLICE_BYTES * SLICES_PER_TURN <= 100 + 256 * 1024
