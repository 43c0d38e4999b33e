"""What is wrong with a file or a document, and where: one line for whoever wrote it."""

from dataclasses import dataclass

from fairlead_operator.resources.documents import Document


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, or of stdin; line 0 is the file as a whole."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not in force, and why, in one line; `ignored` where that is as it should be.

    `unset` marks a Secret that only lacks a variable of this environment: elsewhere it may well exist.
    """

    place: Place
    message: str
    ignored: bool = False
    unset: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def place_of(document: Document) -> Place:
    return Place(document.source, document.line)
