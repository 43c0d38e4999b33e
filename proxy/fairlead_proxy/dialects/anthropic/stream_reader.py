"""A streamed answer of Anthropic's, read frame by frame."""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import structs

from fairlead_proxy.dialects.anthropic.answer import write_arguments
from fairlead_proxy.dialects.anthropic.citations import read_citation
from fairlead_proxy.dialects.anthropic.errors import VendorError, failure_in_success, vendor_error_of
from fairlead_proxy.dialects.anthropic.stops import read_stop
from fairlead_proxy.dialects.anthropic.thoughts import read_redacted, read_thinking
from fairlead_proxy.dialects.anthropic.usage import Counts
from fairlead_proxy.dialects.dialect import MAX_ERROR_BYTES
from fairlead_proxy.dialects.failures import ended_early, malformed
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import count_of, list_of, object_of, text_in, texts_in, told_frame
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Citation, Reasoning, Seal, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure

_GROWTH = re.compile(
    rb'\{"type":"content_block_delta","index":\d+,"delta":\{"type":'
    rb'(?:"text_delta","text"|"thinking_delta","thinking"|"input_json_delta","partial_json")'
    rb':"([^"\\]*+(?:\\.[^"\\]*+)*+)"\} *\} *',
    re.DOTALL,
)
"""A frame as the vendor writes it when a part grows by text alone, padded with spaces at times."""

_GROWTH_NAMES = (b"content_block_delta", b"")


def text_bytes_of(frame: Event) -> int | None:
    """See ProviderDialect.text_bytes_of."""
    if frame.data is None or not frame.whole or frame.name not in _GROWTH_NAMES:
        return None
    found = _GROWTH.fullmatch(frame.data)
    return (found.end(1) - found.start(1) or None) if found else None


class _Block:
    """A content block that has begun: the part that it is, and what is told only when it ends."""

    __slots__ = ("citations", "given", "grew", "index", "part", "said_before", "seal", "text_length")

    def __init__(self, index: int, part: AnswerPart, given: str, said_before: int) -> None:
        self.index = index
        self.part = part
        self.given = given
        """The arguments that came with the beginning of a call: they count where no more come."""
        self.grew = False
        self.seal: Seal | None = None
        self.citations: list[Citation] = []
        self.said_before = said_before
        self.text_length = 0


class MessageReader:
    """See StreamReader. Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming

    Blocks of types that are not known, such as those of tools that the vendor itself ran, are passed over, and do not
    count among the parts.
    """

    __slots__ = (
        "_began", "_blocks", "_counts", "_only_calls", "_parts", "_said", "_skipped", "_stopped", "ended",
        "passed_over",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ended = False
        self.passed_over = False
        self._began = False
        self._stopped = False
        self._counts = Counts()
        self._parts: list[AnswerPart] = []
        self._blocks: dict[int, _Block] = {}
        """Those under way, by the vendor's index."""
        self._only_calls = False
        """Whether those under way are calls, which may be many; else there is one at most."""
        self._skipped: set[int] = set()
        """The indices of blocks that have begun and are passed over."""
        self._said = 0

    def take(self, frame: Event) -> list[StreamEvent]:
        """See StreamReader."""
        if self.ended or frame.data is None:
            return []
        try:
            said = told_frame(frame)
        except UpstreamFailure:
            if frame.name == b"error":
                raise failure_in_success(VendorError(), b"", "stream") from None
            raise
        kind = said.get("type")
        if kind == "error" or frame.name == b"error":
            error = vendor_error_of(said) or VendorError()
            raise failure_in_success(error, frame.data[:MAX_ERROR_BYTES], "stream")
        return list(self._read(kind, said))

    def finish(self) -> list[StreamEvent]:
        """See StreamReader. Without `message_stop` a clean end counts once the reason to stop has come."""
        if self.ended:
            return []
        if not self._stopped:
            raise ended_early()
        self.ended = True
        return [Ended()]

    def _read(self, kind: object, said: dict[str, Any]) -> Iterator[StreamEvent]:
        match kind:
            case "message_start":
                yield from self._begin(said.get("message"))
            case "content_block_start":
                yield from self._begin({})
                yield from self._begin_block(count_of(said.get("index")), said.get("content_block"))
            case "content_block_delta":
                yield from self._grow(self._block_of(said), said.get("delta"))
            case "content_block_stop":
                yield from self._end_block(count_of(said.get("index")))
            case "message_delta":
                yield from self._begin({})
                yield from self._take_delta(said)
            case "message_stop":
                yield from self._end()
            case str() if kind != "ping":
                self.passed_over = True  # what the vendor has added since
            case _:
                pass

    def _begin(self, message: Any) -> Iterator[StreamEvent]:
        if self._began:
            return
        self._began = True
        members = object_of(message)
        yield Began(text_in(members, "id"), text_in(members, "model"))
        if self._counts.take(members.get("usage")):
            yield UsageTold(self._counts.to_usage())

    def _begin_block(self, number: int, block: Any) -> Iterator[StreamEvent]:
        if number in self._blocks:
            yield from self._end_block(number)
        members = object_of(block)
        part = _read_beginning(members)
        self.passed_over = self.passed_over or part is None
        if part is None or self._stopped:
            self._skipped.add(number)
            return
        self._skipped.discard(number)
        yield from self._end_overlapped(part)
        given = members.get("input")
        arguments = write_arguments(given) if isinstance(part, ToolCall) else ""
        begun = _Block(len(self._parts), part, arguments, self._said)
        self._parts.append(part)
        self._blocks[number] = begun
        yield PartBegan(begun.index, part)
        match part:
            case Text():
                yield from self._grow(begun, {"type": "text_delta", "text": members.get("text")})
                for citation in list_of(members.get("citations")):
                    yield from self._grow(begun, {"type": "citations_delta", "citation": citation})
            case Reasoning() if part.seal is None:
                yield from self._grow(begun, {"type": "thinking_delta", "thinking": members.get("thinking")})
                yield from self._grow(begun, {"type": "signature_delta", "signature": members.get("signature")})
            case _:
                pass

    def _end_overlapped(self, part: AnswerPart) -> Iterator[StreamEvent]:
        """End what some servers leave open: but for calls beside calls, a part ends where the next one begins."""
        is_call = isinstance(part, ToolCall)
        if not (is_call and self._only_calls):
            for number in list(self._blocks):
                yield from self._end_block(number)
        self._only_calls = is_call

    def _block_of(self, said: dict[str, Any]) -> _Block | None:
        number = count_of(said.get("index"))
        if self._stopped:
            return None
        block = self._blocks.get(number)
        if block is None and number not in self._skipped:
            raise malformed("a delta belongs to no block that has begun")
        return block

    def _grow(self, block: _Block | None, delta: Any) -> Iterator[StreamEvent]:
        if block is None or not isinstance(delta, dict):
            return
        text = ""
        match delta.get("type"), block.part:
            case "text_delta", Text():
                text = text_in(delta, "text")
                self._said += len(text)
                block.text_length += len(text)
            case "thinking_delta", Reasoning():
                text = text_in(delta, "thinking")
            case "input_json_delta", ToolCall():
                text = text_in(delta, "partial_json")
            case "signature_delta", Reasoning():
                block.seal = read_thinking("", text_in(delta, "signature")).seal or block.seal
            case "citations_delta", Text():
                citation = delta.get("citation")
                read = read_citation(texts_in(citation)) if isinstance(citation, dict) else None
                if read is not None:
                    block.citations.append(read)
            case _:
                self.passed_over = True
        if text:
            block.grew = True
            yield PartGrew(block.index, text)

    def _end_block(self, number: int) -> Iterator[StreamEvent]:
        self._skipped.discard(number)
        block = self._blocks.pop(number, None)
        if block is None:
            return
        if isinstance(block.part, ToolCall) and not block.grew:
            yield PartGrew(block.index, block.given)
        if block.seal is not None:
            yield PartGrew(block.index, seal=block.seal)
        end = block.said_before + block.text_length
        for citation in block.citations:
            yield PartGrew(block.index, citation=structs.replace(citation, start=block.said_before, end=end))
        yield PartEnded(block.index)

    def _take_delta(self, said: dict[str, Any]) -> Iterator[StreamEvent]:
        if self._counts.take(said.get("usage")):
            yield UsageTold(self._counts.to_usage())
        delta = said.get("delta")
        members: dict[str, Any] = delta if isinstance(delta, dict) else {}
        if members.get("stop_reason") is not None:
            yield from self._stop(members)

    def _stop(self, members: dict[str, Any]) -> Iterator[StreamEvent]:
        for number in list(self._blocks):
            yield from self._end_block(number)
        if not self._stopped:
            self._stopped = True
            stop = read_stop(members.get("stop_reason"), self._parts)
            yield ChoiceEnded(stop, text_in(members, "stop_sequence") or None)

    def _end(self) -> Iterator[StreamEvent]:
        if not self._stopped and not self._parts:
            raise malformed("the stream ended without content")
        yield from self._stop({})
        self.ended = True
        yield Ended()


class NoStream:
    """The reader and the writer of an operation whose answer never comes as a stream."""

    ended = False
    passed_over = False

    def take(self, frame: Event) -> list[StreamEvent]:
        raise malformed("a count does not come as a stream")

    def finish(self) -> list[StreamEvent]:
        raise malformed("a count does not come as a stream")

    def write(self, event: StreamEvent) -> bytes:
        return b""

    def adopt(self, frame: Event) -> bool:
        return False


def _read_beginning(block: dict[str, Any]) -> AnswerPart | None:
    """Return the part that a block begins, empty; None for a block that is passed over."""
    match block.get("type"):
        case "text":
            return Text("")
        case "thinking":
            return Reasoning()
        case "redacted_thinking":
            return read_redacted(text_in(block, "data"))
        case "tool_use":
            id_, name = text_in(block, "id"), text_in(block, "name")
            if not id_ or not name:
                raise malformed("a tool call has no id or no name")
            return ToolCall(id_, name, "")
        case _:
            return None
