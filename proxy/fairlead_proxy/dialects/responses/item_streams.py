"""The output items of a streamed answer of the Responses API, while they grow."""

from typing import Any

import msgspec

from fairlead_proxy.dialects.responses.output_items import (
    COMPLETED,
    IN_PROGRESS,
    JsonObject,
    annotation_object,
    call_item,
    call_seal_item,
    logprob_objects,
    message_item,
    reasoning_id,
    reasoning_item,
    refusal_content,
    text_content,
)
from fairlead_proxy.dialects.told_json import place_of
from fairlead_proxy.exchange.completion import PartGrew, TokenChance
from fairlead_proxy.exchange.conversation import Citation, Reasoning, Refusal, Seal, Text, ToolCall


class Output:
    """The stream as it is written: its events, numbered, and the items that are whole."""

    def __init__(self) -> None:
        self.suffix = ""
        self._frames = bytearray()
        self._number = 0
        self._opened = 0
        self._items: dict[int, JsonObject] = {}
        self._seen_until = 0
        self._seen: dict[int, JsonObject] = {}
        """Items of the provider's own, which the caller got untouched."""

    def say(self, type: str, **members: Any) -> None:
        event = {"type": type, "sequence_number": self._number, **members}
        self._number += 1
        self._frames += b"event: " + type.encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"

    def item_id(self, kind: str, index: int) -> str:
        return f"{kind}_{self.suffix}_{index}"

    def number_from(self, last: object) -> None:
        """The caller has seen an event of this number, which is none of ours."""
        number = place_of(last)
        self._number = self._number if number is None else number + 1

    def adopt_item(self, index: int, whole: JsonObject | None = None) -> None:
        """The caller has seen an item at this place, perhaps the whole of it: what it has seen is all there is."""
        self._seen_until = self._opened = max(self._seen_until, index + 1)
        if whole:
            self._seen[index] = whole
        self._items = {**self._seen}

    def open_item(self) -> int:
        """Return the place of the next item."""
        self._opened += 1
        return self._opened - 1

    def close_item(self, index: int, item: JsonObject) -> None:
        self._items[index] = item
        self.say("response.output_item.done", output_index=index, item=item)

    def items(self) -> list[JsonObject]:
        return [self._items[index] for index in sorted(self._items)]

    def take_bytes(self) -> bytes:
        """Return what was said since the last time."""
        frames = bytes(self._frames)
        self._frames.clear()
        return frames


class MessageStream:
    """A message, of one content after the other. `begun` and `id`: where it stands, if the caller has seen it begin."""

    def __init__(self, output: Output, begun: int | None = None, id: str = "") -> None:
        self._output = output
        self._index = output.open_item() if begun is None else begun
        self._id = id or output.item_id("msg", self._index)
        self._content: list[JsonObject] = []
        self._part_index = -1
        self._open: Text | Refusal | None = None
        self._texts: list[str] = []
        self._length = 0
        self._chances: list[TokenChance] = []
        self._citations: list[Citation] = []
        if begun is None:
            item = message_item(self._id, [], IN_PROGRESS)
            output.say("response.output_item.added", output_index=self._index, item=item)

    @property
    def is_open(self) -> bool:
        """Say whether one of its contents is under way."""
        return self._open is not None

    def adopt(self, index: int, id: str, content_index: object) -> bool:
        """The caller has seen it under these; return whether the content that is open here is the one it has seen."""
        self._index, self._id = index, id or self._id
        return self._open is not None and (place_of(content_index) or 0) == len(self._content)

    def begin(self, part_index: int, part: Text | Refusal) -> None:
        self._end_open()
        self._part_index, self._open = part_index, part
        self._texts, self._length, self._chances, self._citations = [], 0, [], []
        empty = text_content("") if isinstance(part, Text) else refusal_content("")
        self._say("response.content_part.added", part=empty)

    def grow(self, event: PartGrew) -> None:
        if self._open is None or event.index != self._part_index:
            return
        if event.text:
            self._texts.append(event.text)
            self._length += len(event.text)
        if isinstance(self._open, Refusal):
            if event.text:
                self._say("response.refusal.delta", delta=event.text)
            return
        if event.text or event.chances:
            self._chances += event.chances
            self._say("response.output_text.delta", delta=event.text, logprobs=logprob_objects(event.chances))
        if event.citation is not None and event.citation.url:
            self._say(
                "response.output_text.annotation.added",
                annotation_index=len(self._citations),
                annotation=annotation_object(event.citation, self._length),
            )
            self._citations.append(event.citation)

    def end(self, part_index: int) -> None:
        if part_index == self._part_index:
            self._end_open()

    def close(self, status: str) -> None:
        self._end_open()
        self._output.close_item(self._index, message_item(self._id, self._content, status))

    def _end_open(self) -> None:
        if self._open is None:
            return
        text = "".join(self._texts)
        if isinstance(self._open, Text):
            whole = text_content(text, self._citations, self._chances)
            self._say("response.output_text.done", text=text, logprobs=whole["logprobs"])
        else:
            whole = refusal_content(text)
            self._say("response.refusal.done", refusal=text)
        self._say("response.content_part.done", part=whole)
        self._content.append(whole)
        self._open = None

    def _say(self, type: str, **members: Any) -> None:
        self._output.say(
            type,
            item_id=self._id,
            output_index=self._index,
            content_index=len(self._content),
            **members,
        )


class ReasoningStream:
    """Reasoning, as a summary of one part; there is no item before there is anything of it."""

    def __init__(self, output: Output, begun: Reasoning) -> None:
        self._output = output
        self._begun = begun
        self._seal: Seal | None = begun.seal
        self._texts: list[str] = []
        self._index = -1
        self._id = ""
        self._grow(begun.text)

    def grow(self, event: PartGrew) -> None:
        self._seal = event.seal or self._seal
        self._grow(event.text)

    def end(self) -> None:
        if self._index < 0 and self._seal is None:
            return
        self._open()
        text = "".join(self._texts)
        if text:
            self._say("response.reasoning_summary_text.done", text=text)
            self._say("response.reasoning_summary_part.done", part={"type": "summary_text", "text": text})
        self._output.close_item(self._index, reasoning_item(self._id, text, self._seal))

    def _grow(self, text: str) -> None:
        if not text:
            return
        self._open()
        if not self._texts:
            self._say("response.reasoning_summary_part.added", part={"type": "summary_text", "text": ""})
        self._texts.append(text)
        self._say("response.reasoning_summary_text.delta", delta=text)

    def _open(self) -> None:
        if self._index >= 0:
            return
        self._index = self._output.open_item()
        self._id = reasoning_id(self._begun, self._output.item_id("rs", self._index))
        begun = reasoning_item(self._id, "", None)
        self._output.say("response.output_item.added", output_index=self._index, item=begun)

    def _say(self, type: str, **members: Any) -> None:
        self._output.say(type, item_id=self._id, output_index=self._index, summary_index=0, **members)


class CallStream:
    """A call of a function. Its item waits for the first arguments: a seal that comes by then stands before it."""

    def __init__(self, output: Output, begun: ToolCall) -> None:
        self._output = output
        self._begun = begun
        self._seal: Seal | None = begun.seal
        self._texts: list[str] = []
        self._index = -1
        self._id = ""

    def grow(self, event: PartGrew) -> None:
        self._seal = event.seal or self._seal
        if event.text:
            self._open()
            self._texts.append(event.text)
            self._say("response.function_call_arguments.delta", delta=event.text)

    def end(self) -> None:
        self._open()
        if not self._texts:
            self._texts.append("{}")
            self._say("response.function_call_arguments.delta", delta="{}")
        arguments = "".join(self._texts)
        self._say("response.function_call_arguments.done", arguments=arguments, name=self._begun.name)
        whole = ToolCall(self._begun.id, self._begun.name, arguments)
        self._output.close_item(self._index, call_item(self._id, whole, COMPLETED))
        self._write_seal()

    def _open(self) -> None:
        if self._index >= 0:
            return
        self._write_seal()
        self._index = self._output.open_item()
        self._id = self._output.item_id("fc", self._index)
        begun = call_item(self._id, ToolCall(self._begun.id, self._begun.name, ""), IN_PROGRESS)
        self._output.say("response.output_item.added", output_index=self._index, item=begun)

    def _write_seal(self) -> None:
        """Write the item that keeps the seal of this call, once."""
        if self._seal is None:
            return
        index = self._output.open_item()
        item = call_seal_item(self._output.item_id("rs", index), self._begun.id, self._seal)
        self._seal = None
        self._output.say("response.output_item.added", output_index=index, item={**item, "encrypted_content": ""})
        self._output.close_item(index, item)

    def _say(self, type: str, **members: Any) -> None:
        self._output.say(type, item_id=self._id, output_index=self._index, **members)
