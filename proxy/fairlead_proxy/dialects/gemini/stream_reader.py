"""Reading a provider's streamed answer, chunk by chunk.

Source: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. There is no last frame: a
stream is whole when its body ends cleanly and every candidate has told why it ended.
"""

from collections.abc import Iterator

from fairlead_proxy.dialects.failures import ended_early, no_frame
from fairlead_proxy.dialects.gemini.annotations import read_chances, read_citations
from fairlead_proxy.dialects.gemini.answer_parts import PartReader
from fairlead_proxy.dialects.gemini.answer_reader import broken_off, is_blocked, seconds_of
from fairlead_proxy.dialects.gemini.errors import failure_in_success, read_vendor_error
from fairlead_proxy.dialects.gemini.finish import is_broken, stop_of
from fairlead_proxy.dialects.gemini.usage import read_usage
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import decode_told, object_of, objects_of, place_of, text_of
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Citation, JsonObject, Reasoning, Text, ToolCall
from fairlead_proxy.exchange.usage import Usage

_READ = frozenset({"text", "thought", "thoughtSignature", "functionCall", "inlineData", "partMetadata"})
"""The members of a part that are read, or bring nothing by themselves."""


class GeminiStreamReader:
    """See StreamReader. Why a candidate ended is told at the end: some models tell it with every chunk.

    Passed over are parts: what stands beside them in a chunk is about the answer.
    """

    __slots__ = ("_began", "_blocked", "_candidates", "_parts", "_usage", "ended", "passed_over")

    def __init__(self) -> None:
        self.ended = False
        self.passed_over = False
        self._began = False
        self._blocked = False
        self._candidates: dict[int, _Candidate] = {}
        self._parts = PartReader()
        self._usage: Usage | None = None

    def take(self, frame: Event) -> list[StreamEvent]:
        if self.ended or frame.data is None:
            return []
        chunk = _decoded(frame)
        events: list[StreamEvent] = []
        if not self._began:
            self._began = True
            answer_id = text_of(chunk.get("responseId"))
            self._parts.know_answer(answer_id)
            events.append(Began(answer_id, text_of(chunk.get("modelVersion")), seconds_of(chunk.get("createTime"))))
        for told in objects_of(chunk.get("candidates")):
            index = place_of(told.get("index")) or 0
            candidate = self._candidates.get(index)
            if candidate is None:
                candidate = self._candidates[index] = _Candidate(index)
            events += candidate.take(told, self._parts)
            self.passed_over = self.passed_over or candidate.passed_over
        self._blocked = self._blocked or is_blocked(chunk)
        usage = read_usage(chunk.get("usageMetadata"))
        if usage is not None:
            self._usage = usage
            events.append(UsageTold(usage))  # the same as before, too: it counts what has come since
        return events

    def finish(self) -> list[StreamEvent]:
        if self.ended:
            return []
        candidates = self._candidates.values()
        if self._blocked:
            # The prompt was refused, at once or when some of the answer had come.
            for candidate in candidates or [self._candidates.setdefault(0, _Candidate(0))]:
                candidate.reason = candidate.reason or "SAFETY"
        if not candidates or not all(candidate.reason for candidate in candidates):
            raise ended_early()
        if all(is_broken(candidate.reason) and not candidate.count for candidate in candidates):
            raise broken_off(self._usage)
        self.ended = True
        events: list[StreamEvent] = [] if self._began else [Began()]
        return [*events, *(event for candidate in candidates for event in candidate.end()), Ended()]


class _Candidate:
    """One answer of the stream. At most one of its parts is open: a text, or a thought; all others come whole."""

    __slots__ = ("_cited", "_has_calls", "_index", "_open", "_said", "count", "passed_over", "reason")

    def __init__(self, index: int) -> None:
        self.reason = ""
        self.count = 0
        self.passed_over = False
        self._index = index
        self._open: type[Text] | type[Reasoning] | None = None
        self._has_calls = False
        self._said: list[str] = []
        self._cited: set[Citation] = set()

    def take(self, told: JsonObject, reader: PartReader) -> Iterator[StreamEvent]:
        for part in objects_of(object_of(told.get("content")).get("parts")):
            pieces = reader.pieces_of(part)
            self.passed_over = self.passed_over or _has_more(part, pieces)
            for piece in pieces:
                yield from self._add(piece)
        yield from self._annotate(told)
        self.reason = text_of(told.get("finishReason")) or self.reason

    def end(self) -> Iterator[StreamEvent]:
        yield from self._close()
        yield ChoiceEnded(self.stop, choice=self._index)

    @property
    def stop(self) -> Stop:
        return stop_of(self.reason, has_calls=self._has_calls)

    def _add(self, piece: AnswerPart) -> Iterator[StreamEvent]:
        match piece:
            case Text():
                yield from self._grow(piece)
                self._said.append(piece.text)
                yield PartGrew(self.count - 1, piece.text, self._index)
            case Reasoning() if piece.text or self._open is Reasoning:
                yield from self._grow(piece)
                yield PartGrew(self.count - 1, piece.text, self._index, seal=piece.seal)
                if piece.seal is not None:
                    yield from self._close()
            case ToolCall():
                self._has_calls = True
                yield from self._begin(ToolCall(piece.id, piece.name, ""))
                yield PartGrew(self.count - 1, piece.arguments, self._index, seal=piece.seal)
                yield PartEnded(self.count - 1, self._index)
            case _:
                yield from self._begin(piece)
                yield PartEnded(self.count - 1, self._index)

    def _grow(self, piece: Text | Reasoning) -> Iterator[StreamEvent]:
        """Begin a part of the piece's kind, unless one is open."""
        if self._open is not type(piece):
            yield from self._begin(type(piece)(""))
            self._open = type(piece)

    def _begin(self, part: AnswerPart) -> Iterator[StreamEvent]:
        yield from self._close()
        yield PartBegan(self.count, part, self._index)
        self.count += 1

    def _close(self) -> Iterator[StreamEvent]:
        if self._open is not None:
            self._open = None
            yield PartEnded(self.count - 1, self._index)

    def _annotate(self, told: JsonObject) -> Iterator[StreamEvent]:
        """What stands beside a text belongs to it while it is open. Citations come again in later chunks."""
        if self._open is not Text:
            return
        chances = read_chances(told)
        if chances:
            yield PartGrew(self.count - 1, choice=self._index, chances=chances)
        if "citationMetadata" in told or "groundingMetadata" in told:
            for citation in read_citations(told, ["".join(self._said)]):
                if citation not in self._cited:
                    self._cited.add(citation)
                    yield PartGrew(self.count - 1, choice=self._index, citation=citation)


def _has_more(part: JsonObject, pieces: list[AnswerPart]) -> bool:
    """Say whether a part brings something beside what was read of it, such as code that the vendor ran."""
    if not pieces and (part.get("functionCall") or part.get("inlineData")):
        return True
    return any(value for name, value in part.items() if name not in _READ)


def _decoded(frame: Event) -> JsonObject:
    """Return a chunk; raise the failure that an error in its place means."""
    data = frame.data or b""
    try:
        chunk = decode_told(data)
    except ValueError:
        raise no_frame(whole=frame.whole) from None
    error = read_vendor_error(chunk)
    if error is not None:
        raise failure_in_success(error, data, "stream")
    if not isinstance(chunk, dict):
        raise no_frame(whole=True)
    return chunk
