"""The one seam towards providers: a request of bytes goes out, a head comes back, its body is poured as it comes."""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from fairlead_proxy.contract.config import Provider

Take = Callable[[bytes], bool]
"""Takes a piece of a body, never an empty one; returns whether it wants more."""


class UpstreamRequest(Struct, frozen=True):
    """One HTTP request to a provider. `path` is appended to the provider's url; header names are lower-case.

    `connect_seconds` bounds DNS, connect and TLS together.
    """

    provider: Provider
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    connect_seconds: float = 10.0


class UpstreamResponse(Protocol):
    """The answer's head, and its body to be poured. To be closed, or released, by whoever sent the request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case names."""

    async def pour(self, take: Take) -> bool:
        """Hand the body to `take`, piece by piece as it comes. To be awaited once.

        Return True once the body is whole, as its framing says, and False as soon as `take` wants no more. Raise
        UpstreamFailure where the connection breaks before that, and whatever `take` raises. `take` is called from the
        event loop, not from this coroutine, so that a piece costs no switch of tasks.
        """
        ...

    def pause(self) -> None:
        """Hand out nothing more until `resume`: whoever takes the body has no room. May be repeated."""
        ...

    def resume(self) -> None: ...

    def release(self) -> None:
        """Nobody needs the rest: give the connection back if the body's end is there, or comes soon; else close it."""
        ...

    def close(self) -> None:
        """Give the connection back if the body was read whole, else close it at once. Never raises, may be repeated."""
        ...


class Transport(Protocol):
    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Return once the answer's head is there; raise UpstreamFailure(Unreachable) where it cannot be had.

        Has no deadline of its own but `connect_seconds`; cancelling it closes the socket at once.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
