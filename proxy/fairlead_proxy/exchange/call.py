"""One call as the core sees it, free of any server's types, and the sink that its answer goes into."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from fairlead_proxy.contract.names import Operation


class ClientCall(Struct, frozen=True):
    """A call as it came in. `headers` holds lower-case names; `body` is whole and within its limit.

    `id` is ours (decision id = log field `call` = `x-fairlead-decision`); `request_id` is the client's, if it sent one.
    """

    id: str
    tenant: str
    operation: Operation
    headers: Mapping[str, str]
    body: bytes
    request_id: str = ""
    key_name: str = ""


class Sink(Protocol):
    """Where an answer goes. Order: `head` once, `write` any number of times, `end` once.

    Nothing here waits: each raises ClientGone when the caller has left. Whoever writes much looks at `full` and then
    stops until there is room.
    """

    @property
    def started(self) -> bool:
        """Say whether the head has been sent: after that there is no other answer."""
        ...

    @property
    def full(self) -> bool:
        """Say whether the caller does not take what was written as fast as it comes."""
        ...

    def head(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Begin the answer; the head goes out together with the first bytes written, or with the end."""
        ...

    def write(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...

    def abort(self) -> None:
        """Close the connection without a proper end: what was sent must not look complete."""
        ...

    async def room(self) -> None:
        """Return once the caller has taken most of what was written; raise ClientGone if it has left."""
        ...

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this, once, when a full sink has room again, or its caller has left."""
        ...

    def when_lost(self, call: Callable[[], None] | None) -> None:
        """Call this when the caller leaves (at once, if it has left already); None: nobody wants to know any more."""
        ...
