"""The texts of an answer as the one text that a chat message has."""

from collections.abc import Iterable

from fairlead_proxy.exchange.conversation import Part, Text

PARAGRAPH = "\n\n"


class JoinedText:
    """Takes text by text: those that follow each other directly stay as they are, others become paragraphs.

    `length`: of all that was taken, in characters.
    """

    __slots__ = ("_apart", "length")

    def __init__(self) -> None:
        self.length = 0
        self._apart = False

    def interrupt(self) -> None:
        """Something else than text stands here."""
        self._apart = True

    def add(self, text: str) -> str:
        """Return what the text adds to those before it."""
        if not text:
            return ""
        added = PARAGRAPH + text if self._apart and self.length else text
        self._apart = False
        self.length += len(added)
        return added


def join_texts(parts: Iterable[Part]) -> str:
    joined = JoinedText()
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, Text):
            pieces.append(joined.add(part.text))
        else:
            joined.interrupt()
    return "".join(pieces)
