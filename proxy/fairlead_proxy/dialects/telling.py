"""What a caller has been told of a streamed answer, so that another target can go on where one broke off."""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from fairlead_proxy.dialects.dialect import (
    BYTES_PER_TOKEN,
    FrameParser,
    ProviderDialect,
    Relay,
    StreamReader,
    StreamWriter,
)
from fairlead_proxy.dialects.failures import malformed
from fairlead_proxy.dialects.speakers import GO_ON
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.watching import Watching
from fairlead_proxy.exchange.completion import (
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    StreamEvent,
    UsageTold,
    is_content,
)
from fairlead_proxy.exchange.conversation import Conversation, Reasoning, Role, Text, Turn
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

MAX_UNTOLD_EVENTS = 1000
"""How much a further target may say before its first content. A default."""


class Teller(Protocol):
    """Takes what a provider says, and returns what the caller is told of it."""

    @property
    def by_now(self) -> "Telling | None":
        """All that the caller has been told, where this had a part in it; None: it had none."""
        ...

    def tell(self, event: StreamEvent) -> bytes: ...

    def settle(self) -> bytes:
        """What was told since is sent now, without a fault in it: return what had waited for that."""
        ...


class Telling:
    """Tells a caller an answer in its dialect, and remembers what another target needs to go on with it."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self._said: list[str] = []
        self._open_part = -1
        self._open_is_text = False
        self._last_part = -1
        self._text_only = True
        self._ended = False
        self._in_place = True

    @property
    def by_now(self) -> "Telling":
        return self

    @property
    def can_go_on(self) -> bool:
        """Say whether another target can: one answer, of text, some of it said, and not at its end."""
        return self._text_only and self._in_place and not self._ended and any(self._said)

    def tell(self, event: StreamEvent) -> bytes:
        match event:
            case PartBegan():
                self._text_only &= isinstance(event.part, Text | Reasoning) and event.choice == 0
                self._last_part = max(self._last_part, event.index)
                self._open_part, self._open_is_text = event.index, isinstance(event.part, Text)
            case PartGrew():
                if event.index == self._open_part and self._open_is_text:
                    self._said.append(event.text)
            case PartEnded():
                # The text of a part that is over stays said; what comes next is a part of its own.
                if event.index == self._open_part:
                    self._open_part = -1
            case ChoiceEnded() | Ended():
                self._ended = True
            case _:
                pass
        return self._writer.write(event)

    def settle(self) -> bytes:
        return b""

    def pass_by(self, frame: Event, events: list[StreamEvent]) -> None:
        """The caller gets a frame of its own dialect as it is; `events`: what that says."""
        for event in events:
            self.tell(event)
        self._in_place = self._writer.adopt(frame)

    def abandon(self) -> None:
        """Nobody knows any more what was said: no other target can go on."""
        self._text_only = False

    def sequel(self, conversation: Conversation, spent: Usage, prompt_tokens: int) -> "Sequel":
        """Return what the next target is asked, and what tells the rest as it gives it. `spent`: what was used so far;
        `prompt_tokens`: an estimate of what the prompt takes, should the next one not count.

        It is asked the conversation, what was said, and to go on, within what is left of the caller's limit.
        """
        text = "".join(self._said)
        limit = conversation.max_tokens
        if limit is not None:
            limit = max(1, limit - -(-len(text.encode(errors="replace")) // BYTES_PER_TOKEN))
        turns = (*conversation.turns, Turn(Role.ASSISTANT, (Text(text),)), Turn(Role.USER, (Text(GO_ON),)))
        asked = msgspec.structs.replace(conversation, turns=turns, max_tokens=limit)
        return Sequel(self, asked, spent, prompt_tokens, self._open_part, self._open_is_text, self._last_part)


@dataclass(frozen=True, slots=True)
class Sequel:
    """The rest of an answer that broke off. Whoever is asked for it begins from here, until one has said some of it."""

    telling: Telling
    conversation: Conversation
    spent: Usage
    prompt_tokens: int
    open_part: int
    open_is_text: bool
    last_part: int

    def teller(self) -> "GoingOn":
        return GoingOn(self)


class GoingOn:
    """Fits the answer of a further target into the one that is under way: one stream, one end, one usage.

    Until its first content is sent nothing of it is told: who fails before has left no trace.
    """

    def __init__(self, sequel: Sequel) -> None:
        self._telling = sequel.telling
        self._sequel = sequel
        self._open_part = sequel.open_part
        self._places: dict[int, int] = {}
        self._next = sequel.last_part + 1
        self._watching = Watching()
        self._untold: list[StreamEvent] = []
        self._has_content = False
        self._has_begun = False

    @property
    def by_now(self) -> Telling | None:
        return self._telling if self._has_begun else None

    def tell(self, event: StreamEvent) -> bytes:
        self._watching.note(event)
        fitting = self._fit(event)
        if self._has_begun:
            return b"".join(self._telling.tell(each) for each in fitting)
        self._untold += fitting
        self._has_content = self._has_content or any(is_content(each) for each in fitting)
        if not self._has_content and len(self._untold) > MAX_UNTOLD_EVENTS:
            raise malformed("too much came before any content")
        return b""

    def settle(self) -> bytes:
        if self._has_begun or not self._has_content:
            return b""
        self._has_begun = True
        untold, self._untold = self._untold, []
        return b"".join(self._telling.tell(each) for each in untold)

    def _fit(self, event: StreamEvent) -> list[StreamEvent]:
        """Return what is to be told instead. Of several answers, which nobody asked for, the first is told."""
        match event:
            case PartBegan() | PartGrew() | PartEnded() | ChoiceEnded() if event.choice:
                return []
            case Began():
                return []
            case PartBegan():
                return self._begin(event)
            case PartGrew() | PartEnded():
                place = self._places.get(event.index)
                return [] if place is None else [msgspec.structs.replace(event, index=place)]
            case UsageTold():
                return [UsageTold(sum_of(self._sequel.spent, event.usage))]
            case ChoiceEnded():
                return [*self._end_open(), event]
            case Ended():
                if self._watching.usage is not None:
                    return [event]
                estimate = self._watching.usage_so_far(self._sequel.prompt_tokens)
                return [UsageTold(sum_of(self._sequel.spent, estimate)), event]

    def _begin(self, event: PartBegan) -> list[StreamEvent]:
        """The first text goes on in the part that is open; what the further target thinks is not told."""
        if isinstance(event.part, Reasoning):
            return []
        if isinstance(event.part, Text) and self._open_part >= 0 and self._sequel.open_is_text:
            self._places[event.index], self._open_part = self._open_part, -1
            return []
        place = self._places[event.index] = self._next
        self._next += 1
        return [*self._end_open(), msgspec.structs.replace(event, index=place)]

    def _end_open(self) -> list[StreamEvent]:
        """End the part that was open when the answer broke off, unless it has been gone on with."""
        open_part, self._open_part = self._open_part, -1
        return [PartEnded(open_part)] if open_part >= 0 else []


class FollowedRelay:
    """See Relay. The bytes pass as they are; beside them goes a Telling of the same dialect, in case they break off."""

    def __init__(self, relay: Relay, provider: ProviderDialect, telling: Telling) -> None:
        self._relay = relay
        self._parser: FrameParser = provider.open_parser()
        self._reader: StreamReader = provider.open_reader()
        self.teller = telling
        self._lost_track = False
        """Something came that the relay passes and that could not be read here."""

    @property
    def content_type(self) -> str | None:
        return self._relay.content_type

    @property
    def committed(self) -> bool:
        return self._relay.committed

    @property
    def ended(self) -> bool:
        return self._relay.ended

    @property
    def usage(self) -> Usage | None:
        return self._relay.usage

    def usage_so_far(self, prompt_tokens: int) -> Usage:
        return self._relay.usage_so_far(prompt_tokens)

    def take_rest(self) -> bytes:
        return self._relay.take_rest()

    def feed(self, chunk: bytes) -> bytes:
        self._follow(chunk)
        try:
            sent = self._relay.feed(chunk)
        except UpstreamFailure:
            if not self._lost_track:
                self.teller.abandon()  # more was followed than is sent
            raise
        if self._lost_track and not self._relay.ended:
            self.teller.abandon()
        return sent

    def finish(self) -> bytes:
        return self._relay.finish()

    def _follow(self, chunk: bytes) -> None:
        """Note what the chunk says. The relay itself judges it: what cannot be read here is its to refuse."""
        if self._lost_track:
            return
        try:
            for frame in self._parser.feed(chunk):
                if frame.data is not None and not self._reader.ended:
                    self.teller.pass_by(frame, self._reader.take(frame))
        except UpstreamFailure:
            self._lost_track = True


def sum_of(one: Usage, other: Usage) -> Usage:
    """Return what two attempts used together."""
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cached_input_tokens + other.cached_input_tokens,
        one.cache_write_tokens + other.cache_write_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
        one.estimated or other.estimated,
        one.cache_write_long_tokens + other.cache_write_long_tokens,
    )
