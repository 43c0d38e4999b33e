"""The passage of a dialect's calls to targets of the same dialect: the bytes pass, and are only looked at."""

from collections.abc import Callable, Mapping

import msgspec

from fairlead_proxy.contract.names import DialectName, FailureClass, Operation, ProviderType
from fairlead_proxy.dialects.dialect import (
    BYTES_PER_TOKEN,
    MAX_ERROR_BYTES,
    Answered,
    Headers,
    ProviderDialect,
    ReadRequest,
    content_type_of,
)
from fairlead_proxy.dialects.framing import FRAMINGS
from fairlead_proxy.dialects.json_members import members_of
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.watching import MAX_HELD_BYTES, HoldingRelay
from fairlead_proxy.exchange.completion import AnswerPart, Completion, Ended
from fairlead_proxy.exchange.conversation import Media, Reasoning, Refusal, Text, ToolCall
from fairlead_proxy.exchange.errors import Relayed, UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

_JSON = "application/json"
Clean = Callable[[bytes], bytes]
"""Takes the body of a request that has been read, and returns what of it its own dialect's providers understand."""


class Untouched:
    """See Passage. `passed`: the client's headers that go to the provider; `always`: those that go if it sent none.

    `clean` takes out of a body what only providers of other dialects can use; nearly every body it returns as it is.
    `name_model` puts the model's upstream name where a dialect may name it besides.
    """

    def __init__(
        self,
        dialect: ProviderDialect,
        type_: ProviderType,
        passed: tuple[str, ...],
        always: Headers = (),
        clean: Clean | None = None,
        name_model: Callable[[bytes, str], bytes] | None = None,
    ) -> None:
        self._dialect = dialect
        self._framing = FRAMINGS[type_]
        self._passed = passed
        self._always = always
        self._clean = clean
        self._name_model = name_model
        self._counts = dialect.operation is Operation.COUNT_TOKENS
        self._wants_framing = type_ is ProviderType.VERTEX_AI and dialect.name is DialectName.ANTHROPIC
        self.classify = dialect.classify
        self.is_stream = dialect.is_stream

    def rewrite_request(self, request: ReadRequest, *, model: str, include_usage: bool) -> bytes:
        body, start, end = request.body, request.model_start, request.model_end
        cleaned = body if self._clean is None else self._clean(body)
        if cleaned is not body and end:
            found = next(member for key, member in members_of(cleaned) if key == "model")
            start, end = found.value_start, found.value_end
        body = cleaned
        if end:
            view = memoryview(body)
            body = b"".join((view[:start], msgspec.json.encode(model), view[end:]))
        if self._name_model is not None:
            body = self._name_model(body, model)
        if self._wants_framing:
            return self._framing.frame_body(body, self._dialect.name, model, counts=self._counts)
        return body

    def losses(self, request: ReadRequest, *, model: str) -> tuple[str, ...]:
        return ()

    def passed_headers(self, client_headers: Mapping[str, str]) -> Headers:
        given = tuple((name, client_headers[name]) for name in self._passed if name in client_headers)
        return given + tuple(header for header in self._always if header[0] not in client_headers)

    def refuses_usage(self, status: int, body: bytes) -> bool:
        return False

    def read_answer(self, status: int, headers: Headers, body: bytes, *, request: ReadRequest, now: float) -> Answered:
        if not 200 <= status < 300:
            raise self.classify(status, headers, body[:MAX_ERROR_BYTES], now)
        content_type = content_type_of(headers)
        if "json" not in content_type.lower():
            content_type = _JSON
        try:
            completion = self._dialect.read_completion(body)
        except UpstreamFailure as failure:
            if failure.failure is FailureClass.CONTENT_FILTERED and failure.relayed is None:
                failure.relayed = Relayed(status, content_type, body)
            raise
        return Answered(body, content_type, usage_of(completion, request))

    def open_relay(self, request: ReadRequest, *, include_usage: bool, now: float) -> "UntouchedRelay":
        return UntouchedRelay(self._dialect)


_PIECE = b"delta"
"""How the names of frames end that bring a piece of a text; others may bring all of it, at its end."""


class UntouchedRelay(HoldingRelay):
    """See Relay. A frame goes out as it came, once what stands in it, or before it, was content.

    Content is also what we have no word for: its caller may have. Responses repeats the whole request in each of its
    first two frames: as much is held back as a frame may have.
    """

    __slots__ = ("_dialect", "_parser", "_reader", "_skimmed")

    content_type: str | None = None

    def __init__(self, dialect: ProviderDialect) -> None:
        self._parser = dialect.open_parser()
        self._skimmed = False
        """Some text was counted by its looks, so that the reader takes it for new where the provider says it again."""
        super().__init__(max(MAX_HELD_BYTES, self._parser.max_frame_bytes))
        self._dialect = dialect
        self._reader = dialect.open_reader()

    def feed(self, chunk: bytes) -> bytes:
        if self.ended:
            return b""
        self._take(self._parser.feed(chunk))
        if not self.committed:
            self._unfinished_bytes = self._parser.unfinished_bytes
        return self._let_through()

    def finish(self) -> bytes:
        if self.ended:
            return b""
        self._take(self._parser.finish())
        if not self.ended:
            for event in self._reader.finish():
                self._watching.note(event)
            self.ended = True
        return self._let_through()

    def _take(self, frames: list[Event]) -> None:
        dialect, watching, reader = self._dialect, self._watching, self._reader
        for frame in frames:
            if self.ended:
                return
            text_bytes = dialect.text_bytes_of(frame) if self.committed else None
            if text_bytes is not None:
                watching.content_bytes += text_bytes
                self._skimmed = True
            elif frame.data is not None:
                counted = watching.content_bytes
                for event in reader.take(frame):
                    watching.note(event)
                    self.ended = self.ended or isinstance(event, Ended)
                if self._skimmed and frame.name and not frame.name.endswith(_PIECE):
                    watching.content_bytes = counted
                watching.has_content = watching.has_content or reader.passed_over
            self._held += frame.raw
            if not frame.whole:
                self._held += b"\n\n"


def usage_of(completion: Completion, request: ReadRequest) -> Usage:
    """Return the provider's count; without one an estimate, from what it says."""
    if completion.usage is not None:
        return completion.usage
    output_bytes = sum(_length_of(part) for choice in completion.choices for part in choice.parts)
    return Usage(request.prompt_tokens, -(-output_bytes // BYTES_PER_TOKEN), estimated=True)


def _length_of(part: AnswerPart) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return len(part.text.encode(errors="replace"))
        case ToolCall():
            return len(part.name) + len(part.arguments)
        case Media():
            return 0
