"""A streamed answer in Anthropic's form, written event by event."""

import msgspec

from fairlead_proxy.dialects.anthropic.answer import message_frame
from fairlead_proxy.dialects.anthropic.answer_blocks import (
    call_block,
    call_seal_block,
    media_text,
    reasoning_block,
    text_block,
)
from fairlead_proxy.dialects.anthropic.citations import write_citation
from fairlead_proxy.dialects.anthropic.stops import REASON_OF_STOP
from fairlead_proxy.dialects.anthropic.thoughts import signature_of
from fairlead_proxy.dialects.anthropic.usage import write_usage
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import object_of, place_of, told_value
from fairlead_proxy.exchange.completion import (
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
from fairlead_proxy.exchange.conversation import JsonObject, Media, Reasoning, Refusal, Seal, Text, ToolCall
from fairlead_proxy.exchange.usage import Usage

_BLOCK_START = b"content_block_start"


class _Part:
    """A part on its way out: `held` are its events while the block of another one is open."""

    __slots__ = ("block", "held", "part", "seal")

    def __init__(self, part: Text | Media | Reasoning | ToolCall | Refusal) -> None:
        self.part = part
        self.seal: Seal | None = getattr(part, "seal", None)
        self.block = -1
        self.held: list[PartGrew | PartEnded] = []


class MessageWriter:
    """See StreamWriter. Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming

    Blocks come one after the other: clients that accumulate by position need no more. A part that begins while another
    one is open waits for that to end. The message begins with its first part, so that its head can tell the prompt's
    tokens, if they are known by then.
    """

    __slots__ = (
        "_began", "_blocks", "_in_step", "_now", "_open", "_parts", "_request", "_sequence", "_stop", "_usage",
        "_waiting",
    )  # fmt: skip

    def __init__(self, request: ReadRequest, *, now: float) -> None:
        self._request = request
        self._now = now
        self._began: Began | None = Began()
        """What the head has to tell; None once it is written."""
        self._usage: Usage | None = None
        self._parts: dict[int, _Part] = {}
        self._open: int | None = None
        self._waiting: list[int] = []
        self._blocks = 0
        self._in_step = True
        self._stop = Stop.END
        self._sequence: str | None = None

    def write(self, event: StreamEvent) -> bytes:
        """See StreamWriter. There is room for one choice: the first."""
        match event:
            case Began():
                self._began = event if self._began is not None else None
                return b""
            case UsageTold():
                self._usage = event.usage
                return b""
            case ChoiceEnded():
                if event.choice == 0:
                    self._stop, self._sequence = event.stop, event.sequence
                return b""
            case PartBegan():
                return self._head() + self._begin(event) if event.choice == 0 else b""
            case PartGrew() | PartEnded():
                return self._go_on(event) if event.choice == 0 else b""
            case Ended():
                return self._head() + self._end()

    def adopt(self, frame: Event) -> bool:
        """See StreamWriter. Blocks are numbered alike here, until one comes that no part is made of."""
        if not self._in_step or _BLOCK_START not in (frame.data or b""):
            return self._in_step
        started = object_of(told_value(frame.data))
        if started.get("type") == "content_block_start":
            self._in_step = place_of(started.get("index")) == self._blocks - 1
        return self._in_step

    def _head(self) -> bytes:
        began = self._began
        if began is None:
            return b""
        self._began = None
        message = message_frame(began.id, began.model or self._request.model, self._request, self._now)
        message["usage"] = write_usage(self._usage)
        return _frame("message_start", message=message)

    def _begin(self, event: PartBegan) -> bytes:
        self._parts[event.index] = _Part(event.part)
        if self._open is not None:
            self._waiting.append(event.index)
            return b""
        return self._open_block(event.index)

    def _go_on(self, event: PartGrew | PartEnded) -> bytes:
        part = self._parts.get(event.index)
        if part is None:
            return b""
        if event.index != self._open:
            part.held.append(event)
            return b""
        if isinstance(event, PartGrew):
            return self._grow(part, event)
        return self._close(event.index)

    def _close(self, index: int) -> bytes:
        """End a block, and write of those that waited as much as there is: up to one that is still under way."""
        frames = [self._close_block(index)]
        while self._open is None and self._waiting:
            waiting = self._waiting.pop(0)
            part = self._parts[waiting]
            frames.append(self._open_block(waiting))
            for event in part.held:
                frames.append(self._grow(part, event) if isinstance(event, PartGrew) else self._close_block(waiting))
        return b"".join(frames)

    def _open_block(self, index: int) -> bytes:
        part = self._parts[index]
        self._open = index
        before = b""
        match part.part:
            case ToolCall():
                if part.seal is not None:
                    before = self._whole_block(call_seal_block(part.part, part.seal))
                    part.seal = None
                block = call_block(part.part)
            case Reasoning():
                block = {**reasoning_block(part.part)}
                if block["type"] == "thinking":
                    block |= {"thinking": "", "signature": ""}
                else:
                    part.seal = None
            case _:
                block = text_block("")
        part.block = self._blocks
        self._blocks += 1
        start = before + _frame("content_block_start", index=part.block, content_block=block)
        whole = media_text(part.part) if isinstance(part.part, Media) else getattr(part.part, "text", "")
        return start + self._grow(part, PartGrew(index, whole)) if whole else start

    def _grow(self, part: _Part, event: PartGrew) -> bytes:
        frames = b""
        if event.seal is not None:
            part.seal = event.seal
        if event.text:
            match part.part:
                case ToolCall():
                    delta = {"type": "input_json_delta", "partial_json": event.text}
                case Reasoning():
                    delta = {"type": "thinking_delta", "thinking": event.text}
                case _:
                    delta = {"type": "text_delta", "text": event.text}
            frames = _frame("content_block_delta", index=part.block, delta=delta)
        citation = write_citation(event.citation) if event.citation is not None else None
        if citation is not None:
            told: JsonObject = {"type": "citations_delta", "citation": citation}
            frames += _frame("content_block_delta", index=part.block, delta=told)
        return frames

    def _close_block(self, index: int) -> bytes:
        part = self._parts.pop(index)
        self._open = None
        frames = b""
        if isinstance(part.part, Reasoning) and reasoning_block(part.part)["type"] == "thinking":
            signed = {"type": "signature_delta", "signature": signature_of(part.seal)}
            frames = _frame("content_block_delta", index=part.block, delta=signed)
        frames += _frame("content_block_stop", index=part.block)
        if isinstance(part.part, ToolCall) and part.seal is not None:
            frames += self._whole_block(call_seal_block(part.part, part.seal))
        return frames

    def _whole_block(self, block: JsonObject) -> bytes:
        number = self._blocks
        self._blocks += 1
        return _frame("content_block_start", index=number, content_block=block) + _frame(
            "content_block_stop", index=number
        )

    def _end(self) -> bytes:
        frames = b""
        while self._open is not None:
            frames += self._close(self._open)
        delta = {"stop_reason": REASON_OF_STOP[self._stop], "stop_sequence": self._sequence}
        frames += _frame("message_delta", delta=delta, usage=write_usage(self._usage))
        return frames + _frame("message_stop")


def _frame(kind: str, **members: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + msgspec.json.encode({"type": kind, **members}) + b"\n\n"
