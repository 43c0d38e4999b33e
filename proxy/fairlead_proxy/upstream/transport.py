"""The one seam towards providers: a request of bytes goes out, a head and chunks of bytes come back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from fairlead_proxy.contract.config import Provider


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
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
    """The answer's head, and its body as chunks. The body raises UpstreamFailure where the connection breaks."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case names."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; ends only where the protocol's framing says that it is whole."""
        ...

    async def close(self) -> None:
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
