"""What this process is doing: whether it is ready, leaving, and how many calls it serves."""

import asyncio

from fairlead_proxy.config_source import Loaded


class Serving:
    """Shared by the tenants' port, the admin port and the report. `listening`: the tenants' port takes connections;
    `lacking`: its listeners that have no certificate to show.
    """

    def __init__(self) -> None:
        self.draining = False
        self.listening = True
        self.lacking: tuple[str, ...] = ()
        self.in_flight = 0
        self._idle: asyncio.Event | None = None  # made once somebody waits, which is when the process ends

    def unready(self, loaded: Loaded | None) -> str:
        """Return why no calls should be sent here; empty when they should."""
        if self.draining:
            return "draining"
        if loaded is None:
            return "no configuration has been loaded yet"
        if not loaded.complete:
            return "no key ring has been loaded yet"
        if not self.listening:
            return "not listening yet"
        if self.lacking:
            return f"no certificate for the listener {', '.join(self.lacking)}"
        return ""

    def call_began(self) -> None:
        self.in_flight += 1

    def call_ended(self) -> None:
        self.in_flight -= 1
        if self._idle is not None and self.in_flight == 0:
            self._idle.set()

    async def idle(self) -> None:
        """Return once no call is being served."""
        if self._idle is None:
            self._idle = asyncio.Event()
        while self.in_flight:
            self._idle.clear()
            await self._idle.wait()
