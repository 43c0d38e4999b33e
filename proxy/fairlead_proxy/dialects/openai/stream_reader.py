"""Reading a streamed chat answer of OpenAI's form, chunk by chunk."""

import msgspec
from msgspec import Struct

from fairlead_proxy.dialects.failures import ended_early, malformed
from fairlead_proxy.dialects.json_text import UNREADABLE
from fairlead_proxy.dialects.openai.chunk import failure_in_stream
from fairlead_proxy.dialects.openai.counts import read_counts
from fairlead_proxy.dialects.openai.errors import read_vendor_error
from fairlead_proxy.dialects.openai.stream import DONE
from fairlead_proxy.dialects.openai.streamed_choice import StreamedChoice
from fairlead_proxy.dialects.raw_values import utf8_length
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import Told, told_frame
from fairlead_proxy.exchange.completion import Began, Ended, StreamEvent, UsageTold


class _TextDelta(Struct):
    content: str
    reasoning_content: None = None
    reasoning: None = None
    reasoning_details: None = None
    refusal: None = None
    tool_calls: None = None
    function_call: None = None
    audio: None = None
    images: None = None
    annotations: None = None


class _TextChoice(Struct):
    delta: _TextDelta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None
    error: None = None


class _TextChunk(Struct):
    """A chunk that brings some text for one choice and nothing else that is read: nearly every chunk there is."""

    choices: tuple[_TextChoice]
    usage: None = None
    error: None = None


_TEXT_CHUNK = msgspec.json.Decoder(_TextChunk)


class ChatStreamReader:
    """See StreamReader. Source: https://platform.openai.com/docs/api-reference/chat-streaming

    The end is `[DONE]`, or a clean end of the body once every choice seen has told its finish reason (design, section
    11).
    """

    __slots__ = ("_choices", "_has_begun", "_usage", "ended")

    passed_over: bool = False
    """What counts as content in this dialect is a closed list (design, section 11)."""

    def __init__(self) -> None:
        self.ended = False
        self._has_begun = False
        self._choices: dict[int, StreamedChoice] = {}
        self._usage: UsageTold | None = None

    def take(self, frame: Event) -> list[StreamEvent]:
        data = frame.data
        if data is None or self.ended:
            return []
        if data.strip() == DONE:
            return self._take_done()
        if frame.name == b"error":
            raise failure_in_stream(data)
        text = _text_in(data)
        known = self._choices.get(text.index) if text is not None else None
        if text is not None and known is not None and text.delta.content:
            grown = known.grow_text(text.delta.content)
            if grown is not None:
                return [grown]
        return self._take_chunk(Told(told_frame(frame)), data)

    def finish(self) -> list[StreamEvent]:
        if self.ended:
            return []
        if not self._choices or not all(choice.finished for choice in self._choices.values()):
            raise ended_early()
        self.ended = True
        return [Ended()]

    def _take_done(self) -> list[StreamEvent]:
        """End the stream; a choice that has not told why it ends, ends here."""
        if not any(choice.has_begun for choice in self._choices.values()):
            raise malformed("the stream ended without content")
        events: list[StreamEvent] = []
        for choice in self._choices.values():
            if not choice.finished:
                events += choice.end()
        self.ended = True
        return [*events, Ended()]

    def _take_chunk(self, chunk: Told, data: bytes) -> list[StreamEvent]:
        if chunk.take("error") not in (None, "", {}):
            raise failure_in_stream(msgspec.json.encode(chunk.take("error")))
        usage = read_counts(chunk)
        if chunk.take("choices") is None and usage is None and read_vendor_error(data) is not None:
            raise failure_in_stream(data)
        choices = chunk.objects("choices")
        events: list[StreamEvent] = self._begin(chunk, says_more=bool(choices) or usage is not None)
        for choice in choices:
            if choice.take("error") not in (None, "", {}):
                raise failure_in_stream(msgspec.json.encode(choice.take("error")))
            index = choice.whole("index", 0) or 0
            if index not in self._choices:
                self._choices[index] = StreamedChoice(index)
            events += self._choices[index].take(choice)
        told = UsageTold(usage) if usage is not None else None
        if told is not None and told != self._usage:
            self._usage = told
            events.append(told)
        return events

    def _begin(self, chunk: Told, *, says_more: bool) -> list[StreamEvent]:
        """Return that the answer begins, once: Azure's first chunk, about the prompt, names neither id nor model yet.

        Source: https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
        """
        id = chunk.text("id") or ""
        if self._has_begun or not (id or says_more):
            return []
        self._has_begun = True
        return [Began(id, chunk.text("model") or "", chunk.whole("created", 0))]


def text_bytes_of(frame: Event) -> int | None:
    """See ProviderDialect.text_bytes_of."""
    text = _text_in(frame.data) if frame.data is not None and frame.name != b"error" else None
    return utf8_length(text.delta.content) or None if text is not None else None


def _text_in(data: bytes) -> _TextChoice | None:
    try:
        return _TEXT_CHUNK.decode(data).choices[0]
    except UNREADABLE:
        return None
