"""Plays every script on a proxy of its own and prints what it counted, as JSON: a program, for a process of its own.

So no other test, thread or plugin takes part in it. `PYTHONPATH=tests .venv/bin/python -m hot_path.count`
"""

import asyncio
import gc
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from doubles.socketless_proxy import SocketlessLoop, SocketlessProxy
from hot_path.counting import Held, Traced
from hot_path.scripts import SCRIPTS, Script, connect

import fairlead_proxy

FOLDER = Path(str(fairlead_proxy.__file__)).parent

WARM_ROUNDS = 40
ROUNDS = 5
KEPT_ROUNDS = 100
BETWEEN_SECONDS = 10.0
"""From one round to the next: timers that stand go off, every slice of the windows is filled when it is warm, and no
connection has been idle for too long."""


class Player:
    """Plays one script, over and over."""

    def __init__(self, proxy: SocketlessProxy, script: Script) -> None:
        self._proxy = proxy
        self._script = script

    async def play(self, rounds: int) -> None:
        for _ in range(rounds):
            await self._proxy.pass_time(BETWEEN_SECONDS)
            for _ in self._script(self._proxy):
                pass

    async def trace(self) -> Traced:
        await self._proxy.pass_time(BETWEEN_SECONDS)
        traced, playing = Traced(FOLDER), self._script(self._proxy)
        next(playing)
        with traced.on():
            next(playing)
        next(playing, None)
        return traced

    async def hold(self) -> Held:
        """Count what is held when the last piece of an answer, or of a log, is written."""
        await self._proxy.pass_time(BETWEEN_SECONDS)
        held, playing = Held(FOLDER), self._script(self._proxy)
        next(playing)
        with held.on(), self._proxy.telling_of_writes(held.note):
            next(playing)
        next(playing, None)
        return held

    async def keep(self) -> dict[str, dict[str, int]]:
        """Count what a round leaves behind, and what in all of them only the collector could have freed.

        A block a round is seen. Less is not: a window of time, a dict or a set has now more, now fewer of them.
        """
        gc.collect()
        gc.disable()
        before = _blocks()
        await self.play(KEPT_ROUNDS)
        cycles = gc.collect()
        kept = round((_blocks() - before) / KEPT_ROUNDS)
        gc.enable()
        return {"kept": {"a round": kept}, "cycles": {"all rounds": cycles}}


def _blocks() -> int:
    """Count the blocks in use, but for what the interpreter keeps for itself: free lists, and names of methods."""
    gc.collect()
    sys._clear_type_cache()
    return sys.getallocatedblocks()


async def count(script: Script) -> dict[str, dict[str, int]]:
    """Return what the script does: by what is counted, and by where. Of the rounds the one that comes to least, since
    a dict or a set that is filled and emptied over and over makes itself room now and then.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SocketlessLoop)
    with tempfile.TemporaryDirectory() as directory:
        proxy = SocketlessProxy(Path(directory), loop)
        await proxy.start()
        await connect(proxy)
        player = Player(proxy, script)
        await player.play(WARM_ROUNDS)
        traced = [await player.trace() for _ in range(ROUNDS)]
        held = [await player.hold() for _ in range(ROUNDS)]
        kept = await player.keep()
    return {
        "entered": _least(each.entered for each in traced),
        "called": _least(each.called for each in traced),
        "taken": _least(each.taken for each in traced),
        "held": _least(each.blocks for each in held),
        "held_bytes": _least(each.size for each in held),
        **kept,
    }


def _least(rounds: Iterable[Counter[str]]) -> Counter[str]:
    return min(rounds, key=Counter.total)


def main() -> None:
    counts = {}
    for name, script in SCRIPTS.items():
        with asyncio.Runner(loop_factory=SocketlessLoop) as runner:
            counts[name] = runner.run(count(script))
    sys.stdout.write(json.dumps(counts))


if __name__ == "__main__":
    main()
