"""A streamed answer of Converse, frame by frame, in neutral words.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html, "Response Elements"
"""

from fairlead_proxy.dialects.bedrock.errors import failure_in_stream
from fairlead_proxy.dialects.bedrock.event_stream import DAMAGED, EXCEPTION, damaged
from fairlead_proxy.dialects.bedrock.open_block import OpenBlock, open_block
from fairlead_proxy.dialects.bedrock.stops import read_stop
from fairlead_proxy.dialects.bedrock.usage import read_usage
from fairlead_proxy.dialects.failures import ended_early, no_frame
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import count_of, object_of, told_frame
from fairlead_proxy.exchange.completion import Began, ChoiceEnded, Ended, StreamEvent, UsageTold
from fairlead_proxy.exchange.conversation import JsonObject


class ConverseReader:
    """See StreamReader. The token counts come last, behind the message's own end."""

    __slots__ = ("_began", "_block", "_block_index", "_parts", "_stopped", "ended")

    passed_over: bool = False
    """It is not asked: no caller speaks this dialect, so that its bytes never pass."""

    def __init__(self) -> None:
        self.ended = False
        self._began = False
        self._stopped = False
        self._parts = 0
        self._block: OpenBlock | None = None
        self._block_index = 0

    def take(self, frame: Event) -> list[StreamEvent]:
        if self.ended:
            return []
        if not frame.whole:
            raise no_frame(whole=False)
        if frame.name == DAMAGED:
            raise damaged()
        if frame.name.startswith(EXCEPTION):
            raise failure_in_stream(frame.name.removeprefix(EXCEPTION), frame.data or b"")
        said = told_frame(frame)
        events: list[StreamEvent] = []
        if not self._began:
            self._began = True
            events.append(Began())
        match frame.name:
            case b"contentBlockStart" if not self._stopped:
                events += self._turn_to(said, object_of(said.get("start")))
            case b"contentBlockDelta" if not self._stopped:
                delta = object_of(said.get("delta"))
                events += self._turn_to(said, delta)
                if self._block is not None and self._block.takes(delta):
                    events += self._block.grow(delta)
            case b"contentBlockStop":
                events += self._end_block()
            case b"messageStop" if not self._stopped:
                stop, sequence = read_stop(said.get("stopReason"), said.get("additionalModelResponseFields"))
                events += self._end_block()
                events.append(ChoiceEnded(stop, sequence))
                self._stopped = True
            case b"metadata":
                usage = read_usage(said.get("usage"))
                events += [UsageTold(usage)] if usage is not None else []
                if self._stopped:
                    events.append(self._end())
            case _:
                pass
        return events

    def finish(self) -> list[StreamEvent]:
        if self.ended:
            return []
        if not self._stopped:
            raise ended_early()
        return [self._end()]

    def _end(self) -> Ended:
        self.ended = True
        return Ended()

    def _turn_to(self, said: JsonObject, content: JsonObject) -> list[StreamEvent]:
        """Make the block that this content belongs to the open one. A block of text begins without saying so."""
        index = count_of(said.get("contentBlockIndex"))
        if self._block is not None and self._block_index == index and self._block.takes(content):
            return []
        if not _opens(content):
            return []
        events = self._end_block()
        block = open_block(content, self._parts)
        if block is None:
            return events
        self._block, self._block_index = block, index
        return [*events, *block.begin()]

    def _end_block(self) -> list[StreamEvent]:
        block, self._block = self._block, None
        if block is None:
            return []
        events = block.end()
        self._parts += block.has_begun
        return events


def _opens(content: JsonObject) -> bool:
    """Say whether this begins a block: what says nothing leaves the open one as it is."""
    return any(content.get(kind) for kind in ("text", "citation", "toolUse", "reasoningContent", "image"))
