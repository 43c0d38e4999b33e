"""One call as the core sees it, free of any server's types, and the sink that its answer goes into."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fairlead_proxy.contract.names import DialectName, Mode, Operation


@dataclass(frozen=True, slots=True)
class Named:
    """What the path of a request says, where a dialect puts it there: the virtual model, and how the answer comes."""

    model: str
    mode: Mode


class ClientCall:
    """A call as it came in; never changed. `headers` holds lower-case names; `body` is whole and within its limit.

    `id` is ours (decision id = log field `call` = `x-fairlead-decision`); `request_id` is the client's, if it sent one.
    """

    __slots__ = ("body", "dialect", "headers", "id", "key_name", "named", "operation", "request_id", "tenant")

    def __init__(
        self,
        id: str,
        tenant: str,
        operation: Operation,
        headers: Mapping[str, str],
        body: bytes,
        request_id: str = "",
        key_name: str = "",
        dialect: DialectName = DialectName.OPENAI_CHAT,
        named: Named | None = None,
    ) -> None:
        self.id = id
        self.tenant = tenant
        self.operation = operation
        self.headers = headers
        self.body = body
        self.request_id = request_id
        self.key_name = key_name
        self.dialect = dialect
        self.named = named


class Sink(Protocol):
    """Where an answer goes: `answer`, whole; or `head` once, `write` any number of times, `end` once; or `abort`.

    `headers` are encoded lines, each with its line end; what concerns the connection, the length and the date is the
    sink's to add. Nothing here waits, and nothing is raised when the caller has left: what is written then goes
    nowhere, and `when_lost` tells. Whoever writes much looks at `full` and then stops until there is room.
    """

    @property
    def started(self) -> bool:
        """Say whether an answer has begun: after that there is no other."""
        ...

    @property
    def full(self) -> bool:
        """Say whether the caller does not take what was written as fast as it comes."""
        ...

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        """Send a whole answer."""
        ...

    def head(self, status: int, headers: bytes) -> None:
        """Begin an answer whose length is not known; the head goes out with the first bytes, or with the end."""
        ...

    def write(self, chunk: bytes) -> None: ...

    def end(self) -> None: ...

    def abort(self) -> None:
        """Close the connection without a proper end: what was sent must not look complete."""
        ...

    def when_room(self, call: Callable[[], None]) -> None:
        """Call this, once, when a full sink has room again, or its caller has left; at once, if that is so already."""
        ...

    def when_lost(self, call: Callable[[], None] | None) -> None:
        """Call this, once, when the caller leaves before its answer has ended (soon, if it has left already), from the
        event loop and never from within a method of the sink; None: nobody wants to know any more.
        """
        ...


class UnderWay(Protocol):
    """A call that is being served. It is over once its sink was given `abort`, or its caller has taken most of what the
    sink was given until `answer` or `end`.
    """

    def cut_off(self) -> None:
        """This process ends: end the call now, with an error that its client understands."""
        ...
