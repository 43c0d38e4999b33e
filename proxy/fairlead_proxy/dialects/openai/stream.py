"""A streamed chat answer of OpenAI's form on its way to the client: held until its first content, then untouched."""

import msgspec

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.openai.answer_forms import FILTERED
from fairlead_proxy.dialects.openai.chunk import (
    TEXT,
    TOKEN,
    Choice,
    content_length,
    failure_in_stream,
    read_chunk,
)
from fairlead_proxy.dialects.openai.errors import read_vendor_error
from fairlead_proxy.dialects.raw_values import is_given
from fairlead_proxy.dialects.sse import MAX_LINE_BYTES, Event, SseParser
from fairlead_proxy.dialects.watching import so_far
from fairlead_proxy.exchange.errors import Relayed, UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

MAX_HELD_BYTES = 64 * 1024
"""How much may come before the first content (design, section 11)."""

DONE = b"[DONE]"
_DONE_EVENT = b"data: [DONE]\n\n"

_DATA, _EVENT_END = b"data: ", b"\n\n"
_NEXT_EVENT = _EVENT_END + _DATA
_CONTENT_NAME, _CONTENT_KEY = b'"content"', b'"content":'

_LESSONS = 8
"""How often a stream's usual event is learnt anew; who writes each of them differently is not learnt for ever."""


class OpenAIChatRelay:
    """See Relay. `hide_usage`: take out the chunk that only carries the token counts; the client did not ask for it.

    Events are read in three ways, each the shorter for what the one before it has found out: any event with care; one
    that is an ordinary token by its types; and one that is, but for its text, the same bytes as the token before.
    """

    __slots__ = (
        "_after",
        "_before",
        "_between",
        "_choice",
        "_content_bytes",
        "_counted_bytes",
        "_filtered",
        "_finished_choices",
        "_has_content",
        "_held",
        "_hide_usage",
        "_lessons",
        "_open_choices",
        "_parser",
        "_skims",
        "_text_end",
        "_text_start",
        "_under_way",
        "committed",
        "ended",
        "usage",
    )

    content_type: str | None = None

    def __init__(self, *, hide_usage: bool) -> None:
        self.committed = False
        self.ended = False
        self.usage: Usage | None = None
        self._hide_usage = hide_usage
        self._parser = SseParser()
        self._held = bytearray()
        self._open_choices: set[int] = set()
        self._finished_choices: set[int] = set()
        self._content_bytes = self._counted_bytes = 0
        self._has_content = False
        self._filtered = False
        """Whether the answer was filtered before any content."""
        self._under_way = False
        """Whether an ordinary token may come next: the answer has begun, and the next byte begins an event."""
        self._skims = False
        """Whether, moreover, there is an event that was learnt, and its choice has not finished."""
        self._lessons = _LESSONS
        self._choice: int | None = None
        """The choice of the learnt event; none yet."""

    def usage_so_far(self, prompt_tokens: int) -> Usage:
        whole = self.ended or (bool(self._finished_choices) and not self._open_choices)
        return so_far(self.usage, prompt_tokens, self._content_bytes - self._counted_bytes, whole=whole)

    def take_rest(self) -> bytes:
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def feed(self, chunk: bytes) -> bytes:
        if self._skims and chunk.startswith(self._before) and chunk.endswith(self._after) and self._skim(chunk):
            return chunk
        if self.ended:
            return b""
        if self._under_way and _CONTENT_NAME in chunk and self._takes_tokens(chunk):
            return chunk
        self._skims = self._under_way = False
        return self._relay(self._parser.feed(chunk))

    def finish(self) -> bytes:
        """See Relay. Without `[DONE]` a clean end counts if every choice seen has told its finish reason; we add it."""
        if self.ended:
            return b""
        sent = self._relay(self._parser.finish())
        self._skims = self._under_way = False
        if self.ended:
            return sent
        if not self._finished_choices or self._open_choices:
            raise UpstreamFailure(FailureClass.STREAM_BROKEN, "the stream ended before its end", status=200)
        if self._filtered and not self._has_content:
            raise self._filtered_whole()
        self.ended = True
        return sent + _DONE_EVENT

    def _skim(self, chunk: bytes) -> bool:
        """Take events that are the learnt one with other texts; for anything else return False, with nothing noted."""
        if len(chunk) > MAX_LINE_BYTES:
            return False
        texts, others = chunk[self._text_start : self._text_end], 0
        if b"\n" in texts:
            parts = texts.split(self._between)
            others = len(parts) - 1
            # A space, since no escape and no character goes on behind it: so each text is whole by itself.
            texts = b" ".join(parts)
        try:
            content = TEXT.decode(texts)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        self._content_bytes += (len(content) if content.isascii() else len(content.encode())) - others
        return True

    def _takes_tokens(self, chunk: bytes) -> bool:
        """Take events that are ordinary tokens, each one line; for anything else return False, with nothing noted."""
        if not (chunk.startswith(_DATA) and chunk.endswith(_EVENT_END)):
            return False
        events = chunk[len(_DATA) : -len(_EVENT_END)].split(_NEXT_EVENT)
        if b"\r" in chunk or chunk.count(b"\n") != 2 * len(events) or len(chunk) > MAX_LINE_BYTES:
            return False
        content_bytes = index = 0
        try:
            for event in events:
                choice = TOKEN.decode(event).choices[0]
                index = choice.index
                if index not in self._open_choices:
                    return False
                content = choice.delta.content
                content_bytes += len(content) if content.isascii() else len(content.encode())
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return False
        self._content_bytes += content_bytes
        if self._lessons:
            self._learn(events[-1], index)
        return True

    def _learn(self, token: bytes, choice: int) -> None:
        """Remember what stands around the text of an ordinary token.

        Without a backslash in it every quote begins or ends a string: the only `"content"` is the key that was read.
        """
        self._lessons -= 1
        if b"\\" in token or token.count(_CONTENT_NAME) != 1:
            return
        start = token.find(_CONTENT_KEY) + len(_CONTENT_KEY)
        start += token.startswith(b" ", start)
        if not token.startswith(b'"', start):
            return
        end = token.index(b'"', start + 1)
        self._before, self._after = _DATA + token[: start + 1], token[end:] + _EVENT_END
        self._between = self._after + self._before
        # With the quotes around it the text is a piece of JSON by itself.
        self._text_start, self._text_end = len(self._before) - 1, 1 - len(self._after)
        self._choice, self._skims = choice, True

    def _relay(self, events: list[Event]) -> bytes:
        for event in events:
            self._take(event)
            if self.ended:
                break
        if self._has_content:
            self.committed = True
            self._under_way = self._parser.between_events and not self.ended
            self._skims = self._under_way and self._choice in self._open_choices
            return self.take_rest()
        if len(self._held) > MAX_HELD_BYTES:
            raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "too much came before any content", status=200)
        return b""

    def _take(self, event: Event) -> None:
        """Note what an event says, and hold it for sending."""
        if event.data is not None:
            if event.data.strip() == DONE:
                self._take_done()
            elif not self._take_chunk(event):
                return
        self._held += event.raw
        if event.data is not None and not event.whole:
            self._held += b"\n\n"

    def _take_done(self) -> None:
        if self._filtered and not self._has_content:
            raise self._filtered_whole()
        if not self._has_content:
            raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "the stream ended without content", status=200)
        self.ended = True

    def _filtered_whole(self) -> UpstreamFailure:
        """Nothing but a filter's word came: its caller may have it as it is."""
        relayed = Relayed(200, "text/event-stream", self.take_rest() + _DONE_EVENT)
        detail = "the answer was filtered before its first content"
        return UpstreamFailure(FailureClass.CONTENT_FILTERED, detail, status=200, relayed=relayed)

    def _take_chunk(self, event: Event) -> bool:
        """Read a chunk; return whether it goes to the client. Raises the failure that an error in it means."""
        data = event.data or b""
        if event.name == b"error":
            raise failure_in_stream(data)
        try:
            chunk = read_chunk(data)
        except ValueError:
            if event.whole:
                raise UpstreamFailure(FailureClass.MALFORMED_RESPONSE, "a chunk is not JSON", status=200) from None
            raise UpstreamFailure(FailureClass.STREAM_BROKEN, "the stream was cut in a chunk", status=200) from None
        if is_given(chunk.error):
            raise failure_in_stream(bytes(chunk.error))
        if chunk.choices is None and chunk.usage is None and read_vendor_error(data) is not None:
            raise failure_in_stream(data)
        for choice in chunk.choices or ():
            self._take_choice(choice)
        if chunk.usage is not None:
            counted = chunk.usage.to_usage()
            if counted is not None:
                self.usage, self._counted_bytes = counted, self._content_bytes
        return not (self._hide_usage and chunk.usage is not None and not chunk.choices)

    def _take_choice(self, choice: Choice) -> None:
        if is_given(choice.error):
            raise failure_in_stream(bytes(choice.error))
        content = content_length(choice.delta) if choice.delta else 0
        self._content_bytes += content
        if is_given(choice.finish_reason):
            self._finished_choices.add(choice.index)
            self._open_choices.discard(choice.index)
            if bytes(choice.finish_reason) == FILTERED and not (content or self._has_content):
                self._filtered = True
            else:
                self._has_content = True
        elif choice.index not in self._finished_choices:
            self._open_choices.add(choice.index)
        if content:
            self._has_content = True
