"""The one seam towards providers: bytes go out along a lane, and whoever sent them is told what comes back."""

from typing import Protocol

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.exchange.errors import UpstreamFailure

Headers = tuple[tuple[str, str], ...]
"""Lower-case names."""


class Lane:
    """What is the same for every request of one kind: where it goes, and the head it goes with. Made once, compared by
    identity, so that a transport can keep what it has prepared for it.

    `path` is appended to the provider's url. `connect_seconds` bounds DNS, connect and TLS together.
    """

    __slots__ = ("connect_seconds", "headers", "method", "path", "provider")

    def __init__(
        self, provider: Provider, method: str, path: str, headers: Headers, connect_seconds: float = 10.0
    ) -> None:
        self.provider = provider
        self.method = method
        self.path = path
        self.headers = headers
        self.connect_seconds = connect_seconds


class Receiver(Protocol):
    """Is told of an answer as it comes: `head` once, `chunk` for each piece of the body, `end` once; or, at any moment
    before the end, `lost`, after which nothing comes.

    All are called from the event loop, never from within `send`. They may call any method of the errand. What they
    raise ends the errand, and comes back as `lost`: an UpstreamFailure as it is, all else as InvalidRequest, which
    blames no provider.
    """

    def head(self, status: int, headers: Headers) -> None: ...

    def chunk(self, data: bytes) -> None:
        """Take a piece of the body, never an empty one. A compressed body comes inflated, within bounds."""
        ...

    def end(self) -> None:
        """The body is whole, as its framing says; its connection may serve somebody else already."""
        ...

    def lost(self, failure: UpstreamFailure) -> None:
        """The answer will not come, or not any further: Unreachable before its head, StreamBroken in its body,
        MalformedResponse where it is not HTTP that we accept. What came before has been handed out.
        """
        ...


class Errand(Protocol):
    """A request under way. After `end`, `lost` or `close` all of its methods do nothing."""

    def pause(self) -> None:
        """Hand out nothing more until `resume`: whoever takes the body has no room. May be repeated."""
        ...

    def resume(self) -> None: ...

    def release(self) -> None:
        """Nobody needs the rest: give the connection back if the body's end comes soon, else close it. The receiver is
        told nothing more.
        """
        ...

    def close(self) -> None:
        """End it at once, closing its socket; the receiver is told nothing more. May be repeated."""
        ...


class Transport(Protocol):
    def send(self, lane: Lane, body: bytes, receiver: Receiver, more: Headers = ()) -> Errand:
        """Send a request. `more` are headers of this request alone, beside the lane's.

        Never raises; has no deadline of its own but the lane's `connect_seconds`.
        """
        ...

    async def close(self) -> None:
        """Close every connection; whoever waits for an answer is told that it is lost."""
        ...
