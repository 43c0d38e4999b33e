"""The seam of the dialects: what the core asks of a wire format, whichever it is."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from fairlead_proxy.contract.names import Mode, ProviderType
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

Headers = tuple[tuple[str, str], ...]
"""Names are lower-case; a name may come more than once."""

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error answer is read, and may be relayed (design, section 11)."""

_NO_NEEDS: frozenset[str] = frozenset()

BYTES_PER_TOKEN = 4
"""An estimate for text, where nobody counted (design, section 5.1)."""


class InvalidCall(Exception):
    """A request that cannot be read; raised by `read_request`. Nothing was sent anywhere.

    `answer` is a 400 that names the parameter at fault in `param`.
    """

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.answer = Answer(400, code, message, param)


class ReadRequest:
    """What a request says, without its content. `model` is the virtual model that the caller named.

    `wants_usage`: the caller itself asked for token counts (streams). What is left is the dialect's own: where the
    model stands in `body`, whether it has stream options, and how the text in its messages and tools is counted.
    """

    __slots__ = (
        "_prompt_tokens", "body", "count_text_bytes", "has_stream_options", "max_tokens", "mode", "model", "model_end",
        "model_start", "needs", "wants_usage",
    )  # fmt: skip

    def __init__(
        self,
        model: str,
        mode: Mode,
        body: bytes,
        wants_usage: bool = False,
        needs: frozenset[str] = _NO_NEEDS,
        max_tokens: int | None = None,
        model_start: int = 0,
        model_end: int = 0,
        has_stream_options: bool = False,
        count_text_bytes: Callable[[bytes], int] = len,
    ) -> None:
        self.model = model
        self.mode = mode
        self.body = body
        self.wants_usage = wants_usage
        self.needs = needs
        self.max_tokens = max_tokens
        self.model_start = model_start
        self.model_end = model_end
        self.has_stream_options = has_stream_options
        self.count_text_bytes = count_text_bytes
        self._prompt_tokens = -1

    @property
    def prompt_tokens(self) -> int:
        """An estimate, rounded up. Counted when first asked for: it takes as long as all the rest of reading."""
        if self._prompt_tokens < 0:
            self._prompt_tokens = -(-self.count_text_bytes(self.body) // BYTES_PER_TOKEN)
        return self._prompt_tokens


def content_type_of(headers: Headers) -> str:
    """Return the content type, or an empty text; of two, the last counts."""
    for name, value in reversed(headers):
        if name == "content-type":
            return value
    return ""


class Answered:
    """A whole plain answer, to be sent as it is. `usage` is the provider's count, or our estimate of the output."""

    __slots__ = ("body", "content_type", "usage")

    def __init__(self, body: bytes, content_type: str, usage: Usage) -> None:
        self.body = body
        self.content_type = content_type
        self.usage = usage


class Relay(Protocol):
    """One streamed answer: upstream chunks go in, what the client may have now comes out.

    Until `committed`, everything is held and nothing comes out. `feed` and `finish` may raise UpstreamFailure: the
    attempt has failed. If `committed` by then, the client is told: `take_rest`, then `render_stream_error`.
    """

    @property
    def committed(self) -> bool:
        """Say whether anything has come out: the commit point (design, section 11)."""
        ...

    @property
    def ended(self) -> bool:
        """Say whether the protocol's own end has come; whatever follows is ignored."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What the provider counted, once it has said so."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk of the upstream's body; return the bytes to send now, which may be none."""
        ...

    def finish(self) -> bytes:
        """The upstream's body has ended cleanly: return the last bytes to send; raise StreamBroken if it was cut."""
        ...

    def take_rest(self) -> bytes:
        """Return what stood before the fault, in the chunk that failed."""
        ...

    def usage_so_far(self, prompt_tokens: int) -> Usage:
        """Return `usage`, or an estimate from the prompt's and the text relayed so far."""
        ...


class Dialect(Protocol):
    """A wire format, for one operation. All of it is pure: bytes in, bytes out."""

    path: str
    """Appended to the provider's url for a call."""
    models_path: str
    """Appended to the provider's url for a ListModels probe (GET)."""

    def read_request(self, body: bytes) -> ReadRequest:
        """Read a client's request; raise InvalidCall."""
        ...

    def rewrite_request(self, request: ReadRequest, *, model: str, include_usage: bool) -> bytes:
        """Return the body for a target: `model` is its upstream name; every other byte stays.

        Streams only: `include_usage` asks for token counts; False (the target refuses to be asked, see
        `refuses_usage`) takes the question out, the client's own too.
        """
        ...

    def upstream_headers(self, provider_type: ProviderType, key: str, *, mode: Mode) -> Headers:
        """Return what every call with this key carries; raise CredentialRejected for a key that no header can carry."""
        ...

    def passed_headers(self, client_headers: Mapping[str, str]) -> Headers:
        """Return what one call carries besides: those of its client's headers that are the provider's business."""
        ...

    def probe_headers(self, provider_type: ProviderType, key: str) -> Headers:
        """Return the headers of a ListModels probe."""
        ...

    def classify(self, status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
        """Return what an answer that is not a good one means; `body`: its first MAX_ERROR_BYTES.

        Also for a 2xx whose body is not what was asked for: `read_answer` and `is_stream` say so.
        """
        ...

    def refuses_usage(self, status: int, body: bytes) -> bool:
        """Say whether this error answer refuses the question for token counts, so that the call is worth repeating."""
        ...

    def is_stream(self, status: int, headers: Headers) -> bool:
        """Say whether this head opens a stream of this dialect."""
        ...

    def read_answer(self, status: int, headers: Headers, body: bytes, *, request: ReadRequest, now: float) -> Answered:
        """Read a whole plain answer; raise the UpstreamFailure that it means if it is not a good one."""
        ...

    def open_relay(self, request: ReadRequest, *, include_usage: bool) -> Relay:
        """Return the relay of a streamed answer; `include_usage` as it was given to `rewrite_request`."""
        ...

    def render_error(self, answer: Answer) -> bytes:
        """Return the body of an error answer of ours."""
        ...

    def render_stream_error(self, answer: Answer) -> bytes:
        """Return the event that ends a stream which had begun: after it, no proper end is sent."""
        ...

    def render_models(self, names: Iterable[str]) -> bytes:
        """Return the list of virtual models as the dialect's ListModels answer."""
        ...

    def render_model(self, name: str) -> bytes: ...
