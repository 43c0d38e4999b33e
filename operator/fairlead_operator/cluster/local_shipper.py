"""The ledger of a standalone run: one child process carries what the workers have spooled into the stores."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from fairlead_operator.cluster.local_state import StateDirectory, write_private
from fairlead_operator.cluster.local_workers import LocalWorkers
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.ledger import LedgerSpec
from fairlead_operator.resources.ledger_options import ship_options

log = logging.getLogger(__name__)

NAME = "ledger"
END_SECONDS = 10.0
"""A shipper that is told to end ships what is there for a few seconds; what is left then waits for the next run."""


class LocalShipper:
    """Keeps the child running, with what the gateway says now: for other stores there is another child.

    Of a spool there is one shipper at a time, so the next one starts when the old one has ended; nobody waits for that.
    `command` is what starts it; its options are added to that.
    """

    def __init__(
        self, state: StateDirectory, command: Sequence[str], *, log_format: str, clock: Callable[[], float]
    ) -> None:
        self._state = state
        self._command = [*command, "--sqlite", str(state.ledger), "--log-format", log_format, "--die-with-parent"]
        self._clock = clock
        self._wanted: list[str] = []
        self._child: LocalWorkers | None = None
        self._handover: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    async def follow(self, gateway: str, inventory: Inventory) -> None:
        """See to it that a child runs with what the gateway says, or will once the one before it has ended.

        A gateway that is not valid says nothing new. Raises OSError where the address of a database cannot be written.
        """
        found = inventory.gateways[gateway]
        if found.spec is None and self._child is not None:
            return
        ledger = ledger_of(gateway, inventory)
        address = _address_of(ledger, found.ref.namespace, inventory)
        await asyncio.to_thread(_write_address, self._state.postgres_file, address)
        options = ship_options(
            ledger,
            str(self._state.spool),
            postgres_file=str(self._state.postgres_file),
            json_lines=str(self._state.json_lines),
        )
        command = [*self._command, *options]
        if command == self._wanted:
            return
        self._wanted = command
        if self._child is None:
            self._child = self._start()
        elif self._handover is None or self._handover.done():
            self._handover = asyncio.create_task(self._hand_over(self._child), name="another shipper")

    async def stop(self) -> None:
        """Have the child ship what is there, and end; `kill` cuts that short. One that is ending already gets no
        successor: what comes too late for it waits in the spool for the next run.
        """
        child, self._child, self._wanted = self._child, None, []
        if self._handover is not None and not self._handover.done():
            await self._handover
        elif child is not None:
            await self._end(child)

    def kill(self) -> None:
        """Give it no time to ship what is there."""
        self._hurry.set()

    async def _hand_over(self, old: LocalWorkers) -> None:
        """End a child, then start one with what is wanted by then, if anything is."""
        await self._end(old)
        if self._wanted and not self._hurry.is_set():
            self._child = self._start()

    def _start(self) -> LocalWorkers:
        child = LocalWorkers(on_change=lambda: None, clock=self._clock)
        child.start({NAME: self._wanted})
        return child

    async def _end(self, child: LocalWorkers) -> None:
        """Have a child ship what is there for a while."""
        ending = asyncio.create_task(child.stop(), name="end the shipper")
        hurrying = asyncio.create_task(self._hurry.wait(), name="end the shipper soon")
        await asyncio.wait((ending, hurrying), timeout=END_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not ending.done():
            log.warning("the shipper is ended before all is shipped; what is left waits in the spool for the next one")
            child.kill()
        await ending


def ledger_of(gateway: str, inventory: Inventory) -> LedgerSpec:
    """Return what a gateway says of its ledger; the defaults where it says nothing, or nothing that is valid."""
    spec = inventory.gateways[gateway].spec
    return spec.ledger if spec is not None and spec.ledger is not None else LedgerSpec()


def _address_of(ledger: LedgerSpec, namespace: str, inventory: Inventory) -> bytes:
    """Return the address of the database; empty where none is wanted, or its Secret is not there."""
    if ledger.postgres is None:
        return b""
    secret = inventory.secrets.get((namespace, ledger.postgres.secret_ref.name))
    return b"" if secret is None else secret.data.get(ledger.postgres.secret_ref.key, b"")


def _write_address(path: Path, address: bytes) -> None:
    """Have the file hold this address, for its owner only; without one there is no file."""
    if not address:
        path.unlink(missing_ok=True)
    elif not path.exists() or path.read_bytes() != address:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, address)
