"""A connection that remembers a head serves every request as one does that reads it for the first time."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles.edge import Edge, PromptHandler, close, edge, post, read_all, status_of
from doubles.mounted_config import CALLER_KEY, caller, fragments_of, gateway, key_ring, policy, provider
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_proxy.server.limits import Limits

HASTY = Limits(linger_seconds=0.05)
FIRST = post(b"{}", "X-Task: a", "Connection: keep-alive", closing=False)
VARIANTS: dict[str, bytes] = {
    "the same": FIRST,
    "another length": post(b"[1,2,3]", "X-Task: a", "Connection: keep-alive", closing=False),
    "no body": post(b"", "X-Task: a", "Connection: keep-alive", closing=False),
    "a length with a nought before it": FIRST.replace(b"Length: 2", b"Length: 002"),
    "a length of nine digits": FIRST.replace(b"Length: 2", b"Length: 000000002"),
    "a length with a plus": FIRST.replace(b"Length: 2", b"Length: +2"),
    "a length with a blank behind it": FIRST.replace(b"Length: 2", b"Length: 2 "),
    "an empty length": FIRST.replace(b"Length: 2", b"Length: "),
    "a length in other digits": FIRST.replace(b"Length: 2", "Length: ٢".encode()),
    "two lengths": FIRST.replace(b"Length: 2", b"Length: 2\r\nContent-Length: 2"),
    "a length and a coding": FIRST.replace(b"Length: 2", b"Length: 2\r\nTransfer-Encoding: chunked"),
    "a length ended by a line feed": FIRST.replace(b"Length: 2\r\n", b"Length: 2\n"),
    "another value": FIRST.replace(b"X-Task: a", b"X-Task: b"),
    "another case": FIRST.replace(b"X-Task", b"x-task"),
    "a header more": FIRST.replace(b"X-Task: a", b"X-Task: a\r\nX-More: b"),
    "another target": FIRST.replace(b"/v1/chat/completions", b"/v1/chat/completionz"),
    "a blank line before it": b"\r\n" + FIRST,
    "a byte more than its length": FIRST + b"x",
    "a byte less than its length": FIRST[:-1],
    "twice": FIRST + FIRST,
    "with garbage behind it": FIRST + b"\x00\x01\r\n\r\n",
}


def seen(served: Edge) -> list[tuple[bytes, dict[str, str]]]:
    return [(call.body, dict(call.headers)) for call in served.handler.calls]


async def outcome(served: Edge, before: list[bytes], pieces: list[bytes]) -> tuple[object, ...]:
    """Return what calls come of these bytes, and how they are answered, on a connection that has served `before`."""
    reader, writer = await served.connect()
    for request in before:
        writer.write(request)
        await reader.readuntil(b"}")
    served.handler.calls.clear()
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(0.001)
    writer.write_eof()
    statuses = [part[:3] for part in (await read_all(reader)).split(b"HTTP/1.1 ")[1:]]
    await close(writer)
    return seen(served), statuses


@pytest.mark.parametrize("name", VARIANTS)
async def test_a_remembered_head_changes_nothing(tmp_path: Path, name: str) -> None:
    async with edge(tmp_path, handler=PromptHandler(), limits=HASTY) as served:
        fresh = await outcome(served, [], [VARIANTS[name]])
        known = await outcome(served, [FIRST, FIRST], [VARIANTS[name]])
    assert known == fresh


async def test_a_remembered_head_changes_nothing_wherever_it_is_torn(tmp_path: Path) -> None:
    async with edge(tmp_path, handler=PromptHandler()) as served:
        fresh = await outcome(served, [], [FIRST])
        assert fresh[1] == [b"200"]
        for place in range(1, len(FIRST)):
            assert await outcome(served, [FIRST], [FIRST[:place], FIRST[place:]]) == fresh


mutations = st.lists(st.tuples(st.integers(0, len(FIRST) - 1), st.sampled_from(b"\r\n :,0129azZ-\x00\xff")), max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations)
async def test_a_remembered_head_changes_nothing_however_it_is_changed(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[int, int]]
) -> None:
    changed = bytearray(FIRST)
    for place, byte in places:
        changed[place] = byte
    async with edge(tmp_path_factory.mktemp("edge"), handler=PromptHandler(), limits=HASTY) as served:
        fresh = await outcome(served, [], [bytes(changed)])
        known = await outcome(served, [FIRST, FIRST], [bytes(changed)])
    assert known == fresh


async def test_the_second_of_two_equal_heads_is_not_read_again(tmp_path: Path) -> None:
    async with edge(tmp_path) as served:
        await outcome(served, [FIRST, FIRST], [])
        reader, writer = await served.connect()
        for _ in range(2):
            writer.write(FIRST)
            await reader.readuntil(b"}")
        await close(writer)
    headers = [call.headers for call in served.handler.calls]
    assert headers[0] is headers[1]


BEARER = f"Authorization: Bearer {CALLER_KEY}"


async def test_a_key_that_has_expired_since_is_refused_with_the_head_that_it_served_with(tmp_path: Path) -> None:
    now: Iterator[float] = iter([99.0, 99.5, 100.0, 100.0])
    guarded = gateway(api_keys=True)
    async with edge(tmp_path, caller(expires_at=100.0), gateway_now=guarded, clock=lambda: next(now)) as served:
        reader, writer = await served.connect()
        statuses = []
        for _ in range(3):
            writer.write(post(b"{}", BEARER, closing=False))
            statuses.append(status_of(await reader.readuntil(b"}")))
        await close(writer)
    assert statuses == [200, 200, 401]


async def test_a_key_that_was_taken_from_the_ring_is_refused_with_the_head_that_it_served_with(tmp_path: Path) -> None:
    guarded = gateway(api_keys=True)
    request = post(b"{}", BEARER, closing=False)
    async with edge(tmp_path, caller(), gateway_now=guarded) as served:
        reader, writer = await served.connect()
        writer.write(request)
        first = await reader.readuntil(b"}")
        served.directory.publish_keys(key_ring())
        await served.source.refresh()
        writer.write(request)
        second = await reader.readuntil(b"}")
        await close(writer)
    assert (status_of(first), status_of(second)) == (200, 401)


async def test_a_head_that_was_remembered_is_served_by_what_is_in_force_now(tmp_path: Path) -> None:
    request = post(b"{}", closing=False)
    async with edge(tmp_path) as served:
        reader, writer = await served.connect()
        writer.write(request)
        await reader.readuntil(b"}")
        served.directory.publish(fragments_of(gateway(api_keys=True), provider(), policy()))
        await served.source.refresh()
        writer.write(request)
        second = await reader.readuntil(b"}")
        await close(writer)
    assert status_of(second) == 401


async def test_a_remembered_head_is_held_to_every_limit(tmp_path: Path) -> None:
    limits = Limits(body_bytes=100, held_bytes=50, linger_seconds=0.05)
    async with edge(tmp_path, handler=PromptHandler(), limits=limits) as served:
        too_much_held = await outcome(served, [post(b"{}", closing=False)], [post(b"x" * 60, closing=False)])
        too_large = await outcome(served, [post(b"{}", closing=False)], [post(b"x" * 101, closing=False)])
        reader, writer = await served.connect()
        writer.write(post(b"{}", closing=False))
        await reader.readuntil(b"}")
        served.serving.in_flight = limits.max_in_flight
        writer.write(post(b"{}", closing=False))
        too_many = await reader.readuntil(b"}")
        await close(writer)
    assert (too_much_held[1], too_large[1], status_of(too_many)) == ([b"503"], [b"413"], 503)
