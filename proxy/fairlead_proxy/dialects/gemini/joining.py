"""The parts of a model's turn, put together from the pieces in which they come."""

from collections.abc import Iterable

from fairlead_proxy.exchange.completion import AnswerPart
from fairlead_proxy.exchange.conversation import Reasoning, Text


class JoinedParts:
    """Joins texts and thoughts that follow each other.

    A streamed answer comes in pieces that mean one text, and its caller sends them back as it got them: google-genai
    keeps each chunk as a content of its own.
    """

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[AnswerPart] = []

    def add(self, pieces: Iterable[AnswerPart]) -> None:
        for piece in pieces:
            last = self.parts[-1] if self.parts else None
            if isinstance(piece, Text) and isinstance(last, Text):
                self.parts[-1] = Text(last.text + piece.text)
            elif isinstance(piece, Reasoning) and isinstance(last, Reasoning) and last.seal is None:
                self.parts[-1] = Reasoning(last.text + piece.text, piece.seal)
            else:
                self.parts.append(piece)
