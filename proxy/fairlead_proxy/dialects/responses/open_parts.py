"""The parts of a streamed answer that have begun: how they grow and end, each event once and in order."""

from msgspec import Struct

from fairlead_proxy.exchange.completion import (
    AnswerPart,
    PartBegan,
    PartEnded,
    PartGrew,
    StreamEvent,
    TokenChance,
)
from fairlead_proxy.exchange.conversation import Citation, Reasoning, ToolCall

PartKey = tuple[int, int]
"""Where a part stands: the index of its item, and of its content there; -1: it is the item itself."""


class _Open(Struct):
    index: int
    part: AnswerPart
    length: int = 0
    ended: bool = False
    cut: bool = False
    """Ended because another one began, not by itself."""


class OpenParts:
    """What is found is appended to the list that each method is given.

    Parts do not overlap, but for calls among each other: when one begins that may not, those before it end; what still
    comes of them then is a part of its own.
    """

    def __init__(self) -> None:
        self.seen: list[AnswerPart] = []
        """Every part that has begun, as it began."""
        self._parts: dict[PartKey, _Open] = {}

    def begin(self, key: PartKey, part: AnswerPart, found: list[StreamEvent]) -> None:
        """Begin a part, unless it has begun."""
        if key not in self._parts:
            self._parts[key] = self._opened(part, found)

    def grow(
        self,
        key: PartKey,
        empty: AnswerPart,
        text: str,
        found: list[StreamEvent],
        chances: tuple[TokenChance, ...] = (),
    ) -> None:
        """Let a part grow, which begins as `empty` if it has not begun."""
        self.begin(key, empty, found)
        self.grow_begun(key, text, found, chances)

    def grow_begun(
        self, key: PartKey, text: str, found: list[StreamEvent], chances: tuple[TokenChance, ...] = ()
    ) -> None:
        """Let a part grow; nothing comes of it if there is no such part, or it has ended."""
        open_ = self._parts.get(key)
        if open_ is None or not (text or chances) or (open_.ended and not open_.cut):
            return
        if open_.cut:
            again = self._opened(open_.part, found)
            again.length, open_ = open_.length, again
            self._parts[key] = open_
        open_.length += len(text)
        found.append(PartGrew(open_.index, text, chances=chances))

    def complete(self, key: PartKey, empty: AnswerPart, whole: str, found: list[StreamEvent]) -> None:
        """Let a part grow to what it is in whole, if it is shorter."""
        self.begin(key, empty, found)
        self.complete_begun(key, whole, found)

    def complete_begun(self, key: PartKey, whole: str, found: list[StreamEvent]) -> None:
        open_ = self._parts.get(key)
        if open_ is not None:
            self.grow_begun(key, whole[open_.length :], found)

    def cite(self, key: PartKey, citation: Citation, found: list[StreamEvent]) -> None:
        open_ = self._parts.get(key)
        if open_ is not None and not open_.ended:
            found.append(PartGrew(open_.index, citation=citation))

    def finish_reasoning(self, key: PartKey, reasoning: Reasoning, found: list[StreamEvent]) -> None:
        """End reasoning, given whole: hidden if it had no text, else with the seal as the last of it."""
        open_ = self._parts.get(key)
        if open_ is None and not reasoning.text:
            self.begin(key, reasoning, found)
        elif open_ is None:
            self.grow(key, Reasoning(id=reasoning.id), reasoning.text, found)
            open_ = self._parts[key]
        if open_ is not None and not open_.ended and reasoning.seal is not None:
            found.append(PartGrew(open_.index, seal=reasoning.seal))
        self.end(key, found)

    def end(self, key: PartKey, found: list[StreamEvent]) -> None:
        """End a part, unless it has ended."""
        open_ = self._parts.get(key)
        if open_ is None:
            return
        open_.cut = False
        if not open_.ended:
            open_.ended = True
            found.append(PartEnded(open_.index))

    def end_all(self, found: list[StreamEvent]) -> None:
        for key in self._parts:
            self.end(key, found)

    def _opened(self, part: AnswerPart, found: list[StreamEvent]) -> _Open:
        is_call = isinstance(part, ToolCall)
        for other, open_ in self._parts.items():
            if not open_.ended and not (is_call and isinstance(open_.part, ToolCall)):
                self.end(other, found)
                open_.cut = True
        opened = _Open(len(self.seen), part)
        self.seen.append(part)
        found.append(PartBegan(opened.index, part))
        return opened
