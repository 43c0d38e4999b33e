"""What a scripted provider charges: one line for each request that it took up, read off the bytes that it really sent.

Nothing of the product is imported here, nor by what is imported here.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from doubles.sent_answers import Said, read_answer
from doubles.vendor_counts import COUNTS, Tokens

WHOLE, PARTIAL, NOTHING = "whole", "partial", "nothing"
"""The usage was told, to its last byte; it was not, but content was sent, or a whole plain answer was made; neither."""

_TAG = re.compile(rb"\bcall-[0-9a-z]+\b")


@dataclass
class Line:
    """One request. `tag`: the word of its body that begins with `call-`, by which a caller finds its own line again.

    `at` and `ended_at`: Unix seconds. `asked` is what the vendor counts of the prompt. `hidden`: reasoning that is not
    shown, made before the first word; `made`: output of a plain answer, all of which the vendor has made before it
    sends any of it. `told`: the usage as the answer told it last.
    """

    number: int
    at: float
    dialect: str
    vendor: str
    key: str
    model: str
    stream: bool
    tag: str = ""
    request_id: str = ""
    counts: bool = False
    asked: Tokens = field(default_factory=Tokens)
    hidden: int = 0
    made: int = 0
    made_reasoning: int = 0
    status: int = 0
    charge: str = NOTHING
    told: dict[str, Any] | None = None
    tokens: Tokens = field(default_factory=Tokens)
    ended_at: float = 0.0

    @property
    def answered(self) -> bool:
        """Nothing more comes of it."""
        return self.ended_at > 0

    def settle(self, sent: bytes, now: float) -> None:
        """Read off these bytes what is charged."""
        said = read_answer(self.dialect, sent)
        self.status, self.ended_at = said.status, now
        if said.usage is not None:
            self.told = dict(said.usage)
        if self.counts:
            return
        if said.final and self.told is not None:
            self.charge, self.tokens = WHOLE, COUNTS[self.dialect](self.told)
        elif said.tokens or (self.made and said.status == 200):
            self.charge, self.tokens = PARTIAL, self._so_far(said)

    def _so_far(self, said: Said) -> Tokens:
        """Return the prompt, and the output that came of a stream, or that was made of a plain answer."""
        asked = self.asked
        output, thoughts = (said.tokens, said.thoughts) if self.stream else (self.made, self.made_reasoning)
        hidden = self.hidden if self.stream else 0
        return Tokens(asked.plain, asked.cached, asked.written, asked.written_long, output + hidden, thoughts + hidden)


class Invoice:
    """The lines of one provider, in the order in which it took their requests up."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def open(
        self, at: float, dialect: str, vendor: str, *, key: str, body: bytes, model: str, stream: bool, request_id: str
    ) -> Line:
        """Begin a line; `at`: Unix seconds."""
        found = _TAG.search(body)
        tag = found[0].decode() if found else ""
        line = Line(len(self.lines) + 1, at, dialect, vendor, key, model, stream, tag, request_id)
        self.lines.append(line)
        return line
