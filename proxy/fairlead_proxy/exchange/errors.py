"""What can go wrong on the proxy's side, as one tree of exceptions.

ProxyError
├── UpstreamFailure     one attempt failed, by class; the gateway decides what comes next
└── CallRefused         the call gets an answer of our own: status, code, message
"""

from dataclasses import dataclass, field

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.usage import Usage


class ProxyError(Exception):
    """The root of everything that this proxy raises by itself."""


@dataclass(frozen=True, slots=True)
class Relayed:
    """An answer of the provider that may reach the client as it is (design, section 11); at most 64 KiB of body."""

    status: int
    content_type: str
    body: bytes


class UpstreamFailure(ProxyError):
    """An attempt that failed. `detail` is ours, never the vendor's text. `retry_after_seconds`: as the provider said.

    `relayed` is set for the classes whose answer goes to the client: InvalidRequest, ContextLengthExceeded,
    ContentFiltered. `usage`: what the provider counted all the same, and charges.
    """

    def __init__(
        self,
        failure: FailureClass,
        detail: str = "",
        *,
        status: int | None = None,
        retry_after_seconds: float | None = None,
        relayed: Relayed | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(f"{failure}: {detail}" if detail else str(failure))
        self.failure = failure
        self.detail = detail
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.relayed = relayed
        self.usage = usage

    def bare(self) -> "UpstreamFailure":
        """Return itself without the frames that it came through, and without its cause: they hold the whole call."""
        self.__cause__ = self.__context__ = None
        return self.with_traceback(None)


@dataclass(frozen=True, slots=True)
class Answer:
    """An error answer of our own, neutral of any dialect. `code` is one word, such as `model_not_found`."""

    status: int
    code: str
    message: str
    param: str | None = None
    headers: tuple[tuple[str, str], ...] = field(default=())


class CallRefused(ProxyError):
    """The call ends with an answer of our own."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer
