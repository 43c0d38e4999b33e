"""The body of a request that is too large for one write: it goes out piece by piece, as the provider takes it."""

import asyncio
import select

SLICE_BYTES = 128 * 1024
SLICES_PER_TURN = 2
"""How much is written before other calls get their turn. Defaults."""


class Upload:
    """`whole`: everything has been written; it may wait in the transport yet."""

    __slots__ = ("_answered", "_blocked", "_loop", "_rest", "_stopped", "_transport", "whole")

    def __init__(self, body: bytes, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._rest = memoryview(body)
        self._transport = transport
        self._loop = loop
        self._blocked = False
        self._answered = False
        self._stopped = False
        self.whole = False

    def block(self) -> None:
        """The transport has enough for now."""
        self._blocked = True

    def unblock(self) -> None:
        self._blocked = False
        self.write_on()

    def note_answer(self) -> None:
        """An answer has begun: there is no need any more to look out for one."""
        self._answered = True

    def stop(self) -> None:
        """Write nothing more: what was begun never ends."""
        self._stopped = True

    def write_on(self) -> None:
        """Write on, as far as the transport takes it."""
        for _ in range(SLICES_PER_TURN):
            if self.whole or self._stopped or self._blocked:
                return
            if not self._answered and _has_word(self._transport):
                break  # an early answer, most likely: a write that fails would close the socket before it is read
            self._transport.write(self._rest[:SLICE_BYTES])
            self._rest = self._rest[SLICE_BYTES:]
            self.whole = not self._rest
        if not self.whole:
            self._loop.call_soon(self.write_on)


def _has_word(transport: asyncio.Transport) -> bool:
    """Say whether the other end has sent something, or has closed."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return False
    look = select.poll()
    look.register(sock.fileno(), select.POLLIN)
    return bool(look.poll(0))
