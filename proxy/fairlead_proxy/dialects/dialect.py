"""The seam of the dialects: what the core asks of a wire format, whichever it is.

Same dialect on both sides: the bytes pass, and a Passage of that dialect looks after them. Else a Translated passage
reads one side into the neutral vocabulary (`exchange/`) and writes the other from it: see `translated.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fairlead_proxy.contract.names import DialectName, Mode, Operation
from fairlead_proxy.dialects.json_members import has_more_objects
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.completion import Completion, StreamEvent
from fairlead_proxy.exchange.conversation import Conversation
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure
from fairlead_proxy.exchange.features import features_of, needs_of
from fairlead_proxy.exchange.usage import Usage

Headers = tuple[tuple[str, str], ...]
"""Names are lower-case; a name may come more than once."""

MAX_ERROR_BYTES = 64 * 1024
"""How much of an error answer is read, and may be relayed (design, section 11)."""

BYTES_PER_TOKEN = 4
"""An estimate for text, where nobody counted (design, section 5.1)."""

MAX_OBJECTS = 20_000
"""How many JSON objects a request may have that is read whole: each message, part, tool and call is one. A default."""
_TOO_MANY_OBJECTS = (
    f"it holds more than {MAX_OBJECTS:,} JSON objects: send fewer messages and parts, or name a model served in "
    "the dialect of this request"
)


class InvalidCall(Exception):
    """A request that cannot be read; raised by `read_request` and `read_conversation`. Nothing was sent anywhere.

    `answer` is a 400 that names the parameter at fault in `param`.
    """

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.answer = Answer(400, code, message, param)


@dataclass(frozen=True, slots=True)
class Written:
    """A request's body for a provider; `lost` names what of the conversation it does not say."""

    body: bytes
    lost: tuple[str, ...] = ()


class ReadRequest:
    """What a request says, without its content. `model` is the virtual model that the caller named.

    `wants_usage`: the caller itself asked for token counts (streams). `needs` None: it is found out from the
    conversation when somebody asks. `may_hold_seals` False: there is no place in it for those of another provider.
    `written` is how it was last written for a model of another dialect, `written_for`: for which; both are the
    Translated passage's. What is left is the dialect's own: where the model stands in `body` (0, 0: not there), whether
    it has stream options, how the text in its messages and tools is counted, and how the whole is read.
    """

    __slots__ = (
        "_conversation", "_needs", "_prompt_tokens", "body", "count_text_bytes", "has_stream_options", "max_tokens",
        "may_hold_seals", "mode", "model", "model_end", "model_start", "read_conversation", "wants_usage", "written",
        "written_for",
    )  # fmt: skip

    def __init__(
        self,
        model: str,
        mode: Mode,
        body: bytes,
        wants_usage: bool = False,
        needs: frozenset[str] | None = None,
        max_tokens: int | None = None,
        model_start: int = 0,
        model_end: int = 0,
        has_stream_options: bool = False,
        count_text_bytes: Callable[[bytes], int] = len,
        read_conversation: "Callable[[ReadRequest], Conversation] | None" = None,
        may_hold_seals: bool = True,
    ) -> None:
        self.model = model
        self.mode = mode
        self.body = body
        self.wants_usage = wants_usage
        self._needs = needs
        self.max_tokens = max_tokens
        self.model_start = model_start
        self.model_end = model_end
        self.has_stream_options = has_stream_options
        self.count_text_bytes = count_text_bytes
        self.read_conversation = read_conversation
        self.may_hold_seals = may_hold_seals
        self._prompt_tokens = -1
        self._conversation: Conversation | InvalidCall | None = None
        self.written: Written | None = None
        self.written_for: object = None

    @property
    def prompt_tokens(self) -> int:
        """An estimate, rounded up. Counted when first asked for: it takes as long as all the rest of reading."""
        if self._prompt_tokens < 0:
            self._prompt_tokens = -(-self.count_text_bytes(self.body) // BYTES_PER_TOKEN)
        return self._prompt_tokens

    @property
    def conversation(self) -> Conversation:
        """The whole request in neutral words, read when first asked for. Raises InvalidCall.

        Nothing else is done in the process meanwhile: hence MAX_OBJECTS. So many of the smallest took, on one machine,
        100 ms in OpenAI's chat, 130 in Anthropic's dialect, 105 in Gemini's, 180 in Responses; to write them for a
        provider took 5 to 150 ms more, 275 for Bedrock.
        """
        found = self._conversation
        if found is None:
            try:
                if self.read_conversation is None:
                    raise InvalidCall("requests of this kind are not translated")
                if has_more_objects(self.body, MAX_OBJECTS):
                    raise InvalidCall(_TOO_MANY_OBJECTS)
                found = self.read_conversation(self)
            except InvalidCall as invalid:
                found = invalid
            self._conversation = found
        if isinstance(found, InvalidCall):
            raise found
        return found

    @property
    def features(self) -> frozenset[str]:
        """What a target of another dialect must have words for; see `exchange/features.py`.

        A request that cannot be read whole can still be served in its own dialect, by whoever knows better.
        """
        try:
            return features_of(self.conversation)
        except InvalidCall as invalid:
            return frozenset({f"what cannot be translated ({invalid})"})

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities that a model needs to serve it."""
        if self._needs is None:
            self._needs = needs_of(self.features)
        return self._needs


def content_type_of(headers: Headers) -> str:
    """Return the content type, or an empty text; of two, the last counts."""
    for name, value in reversed(headers):
        if name == "content-type":
            return value
    return ""


def media_type_of(headers: Headers) -> str:
    """Return the content type without its parameters, in lower case."""
    return content_type_of(headers).partition(";")[0].strip().lower()


def opens_events(status: int, headers: Headers) -> bool:
    """Say whether a head opens a stream of events. A missing content type is taken on trust: its reader finds out."""
    return status == 200 and media_type_of(headers) in ("", "text/event-stream")


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
    def content_type(self) -> str | None:
        """What the client is told of the stream's form; None: what the provider said."""
        ...

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
        """Return `usage` where it counts all that came; else an estimate, by the length of what it lacks."""
        ...


class Passage(Protocol):
    """The way of calls of one caller's dialect to targets of one dialect, and of their answers back. All of it is pure.

    Where both are the same dialect, the bytes pass.
    """

    def rewrite_request(self, request: ReadRequest, *, model: str, include_usage: bool) -> bytes:
        """Return the body for a target; `model` is its upstream name.

        Streams only: `include_usage` asks for token counts; False (the target refuses to be asked, see
        `refuses_usage`) takes the question out, the client's own too.
        """
        ...

    def losses(self, request: ReadRequest, *, model: str) -> tuple[str, ...]:
        """Return what of the request such a target is not told, for want of words; nothing where the bytes pass."""
        ...

    def passed_headers(self, client_headers: Mapping[str, str]) -> Headers:
        """Return what one call carries besides: those of its client's headers that are the provider's business."""
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
        """Say whether this head opens a stream of the target's dialect."""
        ...

    def read_answer(self, status: int, headers: Headers, body: bytes, *, request: ReadRequest, now: float) -> Answered:
        """Read a whole plain answer; raise the UpstreamFailure that it means if it is not a good one."""
        ...

    def open_relay(self, request: ReadRequest, *, include_usage: bool, now: float) -> Relay:
        """Return the relay of a streamed answer; `include_usage` as it was given to `rewrite_request`."""
        ...


class StreamReader(Protocol):
    """Reads one streamed answer of a provider, frame by frame; frames are what the dialect's parser hands out."""

    @property
    def ended(self) -> bool:
        """Say whether `Ended` has been returned; whatever follows is ignored."""
        ...

    passed_over: bool
    """Whether anything came that has no neutral word; not meant is what is known to bring nothing yet, as a ping is."""

    def take(self, frame: Event) -> list[StreamEvent]:
        """Return what a frame says, in the order of `exchange/completion.py`; raise the UpstreamFailure that it means.

        A vendor's frame or member that is not known says nothing.
        """
        ...

    def finish(self) -> list[StreamEvent]:
        """The body has ended cleanly: return what is left to say, up to Ended; raise StreamBroken if it was cut."""
        ...


class StreamWriter(Protocol):
    """Writes one streamed answer to a caller, event by event, in the order of `exchange/completion.py`."""

    def write(self, event: StreamEvent) -> bytes:
        """Return the frames that say it, which may be none yet; with Ended, all that is left."""
        ...

    def adopt(self, frame: Event) -> bool:
        """Take over the names and places in a frame of this dialect that the caller got from its provider; what it says
        has been written here, and thrown away. Return whether, behind it, this writer can go on.
        """
        ...


class FrameParser(Protocol):
    """Cuts a body into frames: SseParser, or another framing with the same face."""

    max_frame_bytes: int

    @property
    def unfinished_bytes(self) -> int: ...

    def feed(self, chunk: bytes) -> list[Event]: ...

    def finish(self) -> list[Event]: ...


class CallerDialect(Protocol):
    """A wire format as callers speak it, for one operation. All of it is pure: bytes in, bytes out."""

    name: DialectName
    operation: Operation

    def read_request(self, body: bytes, named: Named | None = None) -> ReadRequest:
        """Read a client's request; raise InvalidCall. `named`: what its path says, for dialects that name there."""
        ...

    def write_completion(self, completion: Completion, *, request: ReadRequest, now: float) -> bytes:
        """Return a whole answer. `now`: Unix seconds, for want of a date of the provider's."""
        ...

    def open_writer(self, request: ReadRequest, *, now: float) -> StreamWriter: ...

    def render_error(self, answer: Answer) -> bytes:
        """Return the body of an error answer of ours."""
        ...

    def render_stream_error(self, answer: Answer) -> bytes:
        """Return the event that ends a stream which had begun: after it, no proper end is sent."""
        ...

    def render_models(self, names: Iterable[str]) -> bytes:
        """Return the list of virtual models as the dialect's list of models."""
        ...

    def render_model(self, name: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Said:
    """What a provider says of a call that it refuses: its words, and the member at fault, where it names one."""

    message: str
    param: str | None = None


class ProviderDialect(Protocol):
    """A wire format as providers speak it, for one operation. All of it is pure: bytes in, bytes out."""

    name: DialectName
    operation: Operation

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        """Return the body for a model of this upstream name.

        The conversation uses no feature that `decision/expression.py` does not list for this dialect.
        """
        ...

    def read_completion(self, body: bytes) -> Completion:
        """Read the body of a 200; raise UpstreamFailure for what is no answer: ErrorInStream, MalformedResponse, or by
        the vendor's code. Filtered before any content: ContentFiltered with `relayed` None.
        """
        ...

    def open_parser(self) -> FrameParser: ...

    def open_reader(self) -> StreamReader: ...

    def text_bytes_of(self, frame: Event) -> int | None:
        """Return about how many bytes of text a frame brings, where its looks alone say that it brings nothing but text
        to a part that has begun; None: it must be read. So a stream that passes untouched costs little.
        """
        ...

    def is_stream(self, status: int, headers: Headers) -> bool: ...

    def classify(self, status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
        """See Passage."""
        ...

    def read_refusal(self, body: bytes) -> Said:
        """Return what an error answer's body says to its caller; an empty message where it says nothing readable."""
        ...
