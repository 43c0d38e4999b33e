"""Ten thousand calls, a hundred at once, to a provider with whims: each gets its own answer or its own failure."""

import asyncio
import os
from dataclasses import dataclass

import pytest
from doubles.eventually import eventually
from doubles.http_calls import LOOPBACK, Bowl, request_to, send
from doubles.loops import LOOPS
from doubles.raw_server import RawServer
from doubles.whims import WHIMS, WhimsicalProvider, body_for, request_body
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.upstream.connection_slots import Slots
from fairlead_proxy.upstream.http_transport import HttpTransport

CALLS = 100
EXAMPLES = 50
MANNERS = ("read", "read", "late", "paused", "stop", "close", "cancel")
"""How a caller goes about it; most just read."""


@dataclass
class Caller:
    """One call: begun after some turns of the loop, in some manner. `ended` says how, once it has."""

    number: int
    wish: str
    manner: str
    turns: int
    ended: str = ""

    @property
    def name(self) -> bytes:
        return b"call-%d" % self.number

    async def run(self, transport: HttpTransport, url: str) -> None:
        await turns(self.turns)
        work = asyncio.ensure_future(self._call(transport, url))
        if self.manner == "cancel":
            await turns(self.turns * 7 % 40)
            work.cancel()
        await asyncio.wait([work])
        self.ended = "cancelled" if work.cancelled() else work.result()

    async def _call(self, transport: HttpTransport, url: str) -> str:
        bowl = Bowl(most=1 if self.manner == "stop" else 10**9)
        try:
            response = await send(transport, request_to(url, request_body(self.name, self.wish)))
        except UpstreamFailure as failed:
            return str(failed.failure)
        try:
            if self.manner == "close":
                return "closed"
            if self.manner == "late":
                await turns(self.turns)

            def take(piece: bytes) -> bool:
                if self.manner == "paused":
                    response.pause()
                    asyncio.get_running_loop().call_soon(response.resume)
                return bowl.take(piece)

            whole = await response.pour(take)
        except UpstreamFailure as failed:
            return str(failed.failure)
        finally:
            assert body_for(self.name).startswith(bowl.content)
            if self.manner == "stop":
                response.release()
            else:
                response.close()
        if not whole:
            return "stopped"
        assert bowl.content == body_for(self.name)
        return "whole"

    def check(self) -> None:
        ends = WHIMS[self.wish].ends | {"stop": {"stopped"}, "close": {"closed"}, "cancel": {"cancelled"}}.get(
            self.manner, set()
        )
        assert self.ended in ends, self


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def play(callers: list[Caller]) -> None:
    slots = Slots(per_origin=16)
    transport = HttpTransport(lambda: LOOPBACK, slots=slots)
    provider = WhimsicalProvider()
    async with RawServer(provider) as server, asyncio.timeout(60):
        await asyncio.gather(*(caller.run(transport, server.url) for caller in callers))
        await transport.close()
        await eventually(lambda: server.open_connections == 0)
    for caller in callers:
        caller.check()
    assert max(provider.asked.values(), default=0) <= 2
    assert slots.held == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


def callers_of(drawn: list[tuple[str, str, int]]) -> list[Caller]:
    return [Caller(number, *each) for number, each in enumerate(drawn)]


SCRIPTS = st.lists(
    st.tuples(st.sampled_from(sorted(WHIMS)), st.sampled_from(MANNERS), st.integers(0, 12)),
    min_size=CALLS,
    max_size=CALLS,
)


@pytest.mark.parametrize("loop", LOOPS)
def test_each_of_ten_thousand_calls_gets_its_own_answer_and_leaves_nothing_behind(loop: str) -> None:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(play([]))  # a loop keeps some descriptors of its own for the process's whole life
    before = len(os.listdir("/proc/self/fd"))

    # Whoever has a failure to look at adds Phase.shrink: it takes minutes.
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(SCRIPTS)
    def run(drawn: list[tuple[str, str, int]]) -> None:
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            runner.run(play(callers_of(drawn)))

    run()
    assert len(os.listdir("/proc/self/fd")) <= before
