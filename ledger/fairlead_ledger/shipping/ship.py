"""Ships one spool until the process is to end: a loop for each store, and one that looks after the spool."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from fairlead_ledger.shipping.carrier import Carrier
from fairlead_ledger.shipping.cursor import pause_others
from fairlead_ledger.shipping.parent import watch_parent
from fairlead_ledger.shipping.settings import ShipSettings
from fairlead_ledger.shipping.sweeping import Sweeper
from fairlead_ledger.sinks.sink import Sink
from fairlead_ledger.spool.instances import clear_leftovers

SWEEP_SECONDS = 1.0
LAST_SECONDS = 5.0
"""How long the end is put off while there are records and a store that takes them."""
SHIPPER_LOCK = "shipper.lock"
LOCK_SECONDS = 0.2

log = logging.getLogger(__name__)


class ShipRefused(Exception):
    """It cannot ship at all; the message is one line with the remedy."""


async def ship(settings: ShipSettings, sinks: Sequence[Sink]) -> None:
    """Ship into these stores until SIGTERM or SIGINT. Raises ShipRefused."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    parent = asyncio.create_task(watch_parent(stopping), name="parent") if settings.die_with_parent else None
    lock = await _take_spool(settings.spool, stopping)
    if lock is not None:
        await _carry(settings, sinks, stopping)
        os.close(lock)
    if parent is not None:
        parent.cancel()


async def _carry(settings: ShipSettings, sinks: Sequence[Sink], stopping: asyncio.Event) -> None:
    carriers = [Carrier(settings, sink, stopping) for sink in sinks]
    try:
        await asyncio.to_thread(pause_others, settings.spool, {carrier.cursor_path for carrier in carriers})
    except OSError as error:
        raise _refused(settings.spool, error) from error
    sweeper = Sweeper(settings.spool, carriers, settings.spool_limit_mib * 2**20)
    loops = [asyncio.create_task(carrier.run(), name=carrier.name) for carrier in carriers]
    sweeping = asyncio.create_task(_sweep(sweeper), name="sweeper")
    await stopping.wait()
    _, late = await asyncio.wait(loops, timeout=LAST_SECONDS)
    for task in (sweeping, *late):
        task.cancel()
    await asyncio.wait({sweeping, *late}, timeout=1.0)
    if late:
        told = {"sinks": sorted(task.get_name() for task in late)}
        log.warning("ended before all was carried, the next one goes on from there", extra=told)
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            await asyncio.to_thread(sweeper.sweep)
            for carrier in carriers:
                await carrier.close()


async def _sweep(sweeper: Sweeper) -> None:
    while True:
        try:
            await asyncio.to_thread(sweeper.sweep)
        except OSError as error:
            log.warning("the spool cannot be looked after", extra={"error": str(error)})
        await asyncio.sleep(SWEEP_SECONDS)


async def _take_spool(root: Path, stopping: asyncio.Event) -> int | None:
    """Return the lock of the one who ships this spool, once nobody else has it; None where the end comes first."""
    try:
        lock = await asyncio.to_thread(_open_lock, root)
    except OSError as error:
        raise _refused(root, error) from error
    waited = False
    while not stopping.is_set():
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            clear_leftovers(root)
            return lock
        if not waited:
            log.warning("another shipper has this spool, waiting for it to end", extra={"spool": str(root)})
            waited = True
        await asyncio.sleep(LOCK_SECONDS)
    os.close(lock)
    return None


def _refused(root: Path, error: OSError) -> ShipRefused:
    return ShipRefused(
        f"--spool {root}: cannot be written: {error.strerror}; give the directory that the proxies spool to"
    )


def _open_lock(root: Path) -> int:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(root / SHIPPER_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
