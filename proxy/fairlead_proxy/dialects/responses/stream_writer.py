"""Writing a streamed answer of the Responses API, in its whole grammar."""

import msgspec

from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.errors import render_openai_error
from fairlead_proxy.dialects.responses.answer_writer import ResponseFrame, incomplete_reason
from fairlead_proxy.dialects.responses.item_streams import CallStream, MessageStream, Output, ReasoningStream
from fairlead_proxy.dialects.responses.output_items import COMPLETED, IN_PROGRESS, INCOMPLETE, image_item
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import object_of, place_of, text_in, told_value
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
from fairlead_proxy.exchange.conversation import Media, MediaKind, Reasoning, Refusal, Text, ToolCall
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.exchange.usage import Usage

_TEXT_GROWS = frozenset({"content_part.added", "output_text.delta", "output_text.annotation.added"})
_TEXT_ENDS = frozenset({"output_text.done", "content_part.done"})


class ResponsesStreamWriter:
    """See StreamWriter. Of several choices the first is written; texts that follow each other are one message.

    Source: https://platform.openai.com/docs/api-reference/responses-streaming
    """

    def __init__(self, request: ReadRequest, *, now: float) -> None:
        self._request = request
        self._now = now
        self._frame: ResponseFrame | None = None
        self._output = Output()
        self._message: MessageStream | None = None
        self._items: dict[int, ReasoningStream | CallStream] = {}
        """What has begun beside messages, by the index of its part."""
        self._usage: Usage | None = None
        self._stop = Stop.END
        self._has_refusal = False
        self._ended = False
        self._at_rest = True
        """Whether what was adopted last leaves room for more text."""

    def write(self, event: StreamEvent) -> bytes:
        if self._ended or (isinstance(event, PartBegan | PartGrew | PartEnded | ChoiceEnded) and event.choice):
            return b""
        match event:
            case Began():
                self._begin(event)
            case PartBegan():
                self._begin(Began())
                self._begin_part(event)
            case PartGrew():
                self._grow(event)
            case PartEnded():
                self._end_part(event.index)
            case ChoiceEnded():
                self._stop = event.stop
                self._close(self._status())
            case UsageTold():
                self._usage = event.usage
            case Ended():
                self._begin(Began())
                self._end()
        return self._output.take_bytes()

    def adopt(self, frame: Event) -> bool:
        """See StreamWriter. It can go on where no item is open, or a message between contents or within a text."""
        event, output, message = object_of(told_value(frame.data)), self._output, self._message
        output.number_from(event.get("sequence_number"))
        name = (text_in(event, "type") or frame.name.decode(errors="replace")).removeprefix("response.")
        index, item = place_of(event.get("output_index")), object_of(event.get("item"))
        between = message is None or not message.is_open
        if name in ("created", "in_progress") and self._frame is not None:
            self._frame.id = text_in(event.get("response"), "id") or self._frame.id
        elif index is None:
            return self._at_rest
        elif name == "output_item.added":
            output.adopt_item(index)
            is_message = item.get("type") == "message"
            self._message = MessageStream(output, index, text_in(item, "id")) if is_message else None
            self._at_rest = is_message and between
        elif name == "output_item.done":
            output.adopt_item(index, item)
            self._at_rest, self._message = between, None
        elif name in _TEXT_GROWS and message is not None:
            output.adopt_item(index)
            self._at_rest = message.adopt(index, text_in(event, "item_id"), event.get("content_index"))
        elif name in _TEXT_ENDS:
            self._at_rest = between
        return self._at_rest

    def _begin(self, began: Began) -> None:
        if self._frame is not None:
            return
        self._frame = ResponseFrame(self._request, id=began.id, model=began.model, created=began.created, now=self._now)
        self._output.suffix = self._frame.id.removeprefix("resp_")
        response = self._frame.response(IN_PROGRESS, [])
        self._output.say("response.created", response=response)
        self._output.say("response.in_progress", response=response)

    def _begin_part(self, event: PartBegan) -> None:
        part = event.part
        if isinstance(part, Text | Refusal):
            self._has_refusal = self._has_refusal or isinstance(part, Refusal)
            if self._message is None:
                self._message = MessageStream(self._output)
            self._message.begin(event.index, part)
            return
        self._close_message(COMPLETED)
        match part:
            case Reasoning():
                self._items[event.index] = ReasoningStream(self._output, part)
            case ToolCall():
                self._items[event.index] = CallStream(self._output, part)
            case Media():
                if part.kind is MediaKind.IMAGE and part.data:
                    self._write_image(part)

    def _grow(self, event: PartGrew) -> None:
        item = self._items.get(event.index)
        if item is not None:
            item.grow(event)
        elif self._message is not None:
            self._message.grow(event)

    def _end_part(self, index: int) -> None:
        item = self._items.pop(index, None)
        if item is not None:
            item.end()
        elif self._message is not None:
            self._message.end(index)

    def _write_image(self, image: Media) -> None:
        index = self._output.open_item()
        item_id = self._output.item_id("ig", index)
        begun = {**image_item(item_id, image, IN_PROGRESS), "result": None}
        self._output.say("response.output_item.added", output_index=index, item=begun)
        self._output.say("response.image_generation_call.completed", output_index=index, item_id=item_id)
        self._output.close_item(index, image_item(item_id, image, COMPLETED))

    def _close_message(self, status: str) -> None:
        if self._message is not None:
            self._message.close(status)
            self._message = None

    def _close(self, status: str) -> None:
        for index in list(self._items):
            self._end_part(index)
        self._close_message(status)

    def _status(self) -> str:
        return COMPLETED if self._reason() is None else INCOMPLETE

    def _reason(self) -> str | None:
        return incomplete_reason(self._stop, has_refusal=self._has_refusal)

    def _end(self) -> None:
        status = self._status()
        self._close(status)
        self._ended = True
        if self._frame is not None:
            response = self._frame.response(status, self._output.items(), self._usage, self._reason())
            self._output.say(f"response.{status}", response=response)


def render_stream_error(answer: Answer) -> bytes:
    """Return the event that ends a stream which had begun.

    The openai SDK raises on data with an `error` (openai/_streaming.py); who reads events by their type finds the
    vendor's `error` event: https://platform.openai.com/docs/api-reference/responses-streaming/error. Its place in the
    sequence is not known here.
    """
    data = (
        b'{"type":"error","code":%b,"message":%b,"param":%b,"sequence_number":0,'
        % (msgspec.json.encode(answer.code), msgspec.json.encode(answer.message), msgspec.json.encode(answer.param))
    ) + render_openai_error(answer).removeprefix(b"{")
    return b"event: error\ndata: " + data + b"\n\n"
