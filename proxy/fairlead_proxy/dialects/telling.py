"""What a caller has been told of a streamed answer, so that another target can go on where one broke off."""

from dataclasses import dataclass
from typing import Protocol

import msgspec

from fairlead_proxy.dialects.dialect import FrameParser, ProviderDialect, Relay, StreamReader, StreamWriter
from fairlead_proxy.exchange.completion import (
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Conversation, Reasoning, Role, Text, Turn
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

GO_ON = (
    "Your answer above was cut off. Continue it exactly where it ends, in the middle of a word if need be: repeat "
    "nothing, and write no introduction."
)
"""Said to the next target, for the caller. A last assistant turn alone is not gone on with by every model."""


class Told(Protocol):
    """Takes what a provider says, and returns what the caller is told of it."""

    def tell(self, event: StreamEvent) -> bytes: ...


class Telling:
    """Tells a caller an answer in its dialect, and remembers what another target needs to go on with it."""

    def __init__(self, writer: StreamWriter) -> None:
        self._writer = writer
        self._said: list[str] = []
        self._open_part = -1
        self._last_part = -1
        self._text_only = True
        self._ended = False

    @property
    def can_go_on(self) -> bool:
        """Say whether another target can: one answer, of text, some of it said, and not at its end."""
        return self._text_only and not self._ended and any(self._said)

    def tell(self, event: StreamEvent) -> bytes:
        match event:
            case PartBegan():
                self._text_only &= isinstance(event.part, Text | Reasoning) and event.choice == 0
                self._last_part = max(self._last_part, event.index)
                if isinstance(event.part, Text):
                    self._open_part = event.index
            case PartGrew():
                if event.index == self._open_part:
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

    def abandon(self) -> None:
        """Nobody knows any more what was said."""
        self._text_only = False

    def sequel(self, conversation: Conversation, spent: Usage) -> "Sequel":
        """Return what the next target is asked, and what tells the rest as it gives it. `spent`: what was used so far.

        It is asked the conversation, what was said, and to go on.
        """
        said = Turn(Role.ASSISTANT, (Text("".join(self._said)),))
        go_on = Turn(Role.USER, (Text(GO_ON),))
        asked = msgspec.structs.replace(conversation, turns=(*conversation.turns, said, go_on))
        return Sequel(self, asked, spent, self._open_part, self._last_part)


@dataclass(frozen=True, slots=True)
class Sequel:
    """The rest of an answer that broke off."""

    telling: Telling
    conversation: Conversation
    spent: Usage
    open_part: int
    last_part: int

    def told(self) -> "GoingOn":
        return GoingOn(self.telling, self.open_part, self.last_part, self.spent)


class GoingOn:
    """Fits the answer of a further target into the one that is under way: one stream, one end, one usage."""

    def __init__(self, telling: Telling, open_part: int, last_part: int, spent: Usage) -> None:
        self.telling = telling
        self._open_part = open_part
        self._spent = spent
        self._places: dict[int, int] = {}
        self._next = last_part + 1

    def tell(self, event: StreamEvent) -> bytes:
        match event:
            case Began():
                return b""
            case PartBegan():
                return self._begin(event)
            case PartGrew() | PartEnded():
                place = self._places.get(event.index)
                return b"" if place is None else self.telling.tell(msgspec.structs.replace(event, index=place))
            case UsageTold():
                return self.telling.tell(UsageTold(sum_of(self._spent, event.usage)))
            case ChoiceEnded() | Ended():
                return self.telling.tell(event)

    def _begin(self, event: PartBegan) -> bytes:
        """The first text goes on in the part that is open; what the further target thinks is not told."""
        if isinstance(event.part, Reasoning):
            return b""
        open_part, self._open_part = self._open_part, -1
        if isinstance(event.part, Text) and open_part >= 0:
            self._places[event.index] = open_part
            return b""
        ended = self.telling.tell(PartEnded(open_part)) if open_part >= 0 else b""
        place = self._places[event.index] = self._next
        self._next += 1
        return ended + self.telling.tell(msgspec.structs.replace(event, index=place))


class FollowedRelay:
    """See Relay. The bytes pass as they are; beside them goes a Telling of the same dialect, in case they break off."""

    def __init__(self, relay: Relay, provider: ProviderDialect, telling: Telling) -> None:
        self._relay = relay
        self._parser: FrameParser = provider.open_parser()
        self._reader: StreamReader = provider.open_reader()
        self.telling = telling
        self._lost = False

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
        sent = self._relay.feed(chunk)
        if self._lost and not self._relay.ended:
            self.telling.abandon()
        return sent

    def finish(self) -> bytes:
        return self._relay.finish()

    def _follow(self, chunk: bytes) -> None:
        """Note what the chunk says. The relay itself judges it: what cannot be read here is its to refuse."""
        if self._lost:
            return
        try:
            for frame in self._parser.feed(chunk):
                if frame.data is not None and not self._reader.ended:
                    for event in self._reader.take(frame):
                        self.telling.tell(event)
        except UpstreamFailure:
            self._lost = True


def sum_of(one: Usage, other: Usage) -> Usage:
    """Return what two attempts used together."""
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cached_input_tokens + other.cached_input_tokens,
        one.cache_write_tokens + other.cache_write_tokens,
        one.reasoning_tokens + other.reasoning_tokens,
        one.estimated or other.estimated,
    )
