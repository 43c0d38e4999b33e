"""One call as the core sees it, free of any server's types, and the sink that its answer goes into."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fairlead_proxy.contract.names import Operation


@dataclass(frozen=True, slots=True)
class ClientCall:
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

    Each raises ClientGone when the caller has left. `write` returns once the caller's buffer has room.
    """

    @property
    def started(self) -> bool:
        """Say whether the head has been sent: after that there is no other answer."""
        ...

    async def head(self, status: int, headers: list[tuple[str, str]]) -> None: ...

    async def write(self, chunk: bytes) -> None: ...

    async def end(self) -> None: ...

    def abort(self) -> None:
        """Close the connection without a proper end: what was sent must not look complete."""
        ...

    async def gone(self) -> None:
        """Return once the caller has closed its connection; wait for ever otherwise."""
        ...
