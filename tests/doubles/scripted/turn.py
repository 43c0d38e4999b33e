"""One call to the scripted provider: what was asked, what is said to it, and the face that every dialect shows."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from doubles.invoice import Line
from doubles.scripted.behaviour import Behaviour, Bill


class Unfit(Exception):
    """A request that its vendor would refuse. `error`: members of the error, in the words of its dialect."""

    def __init__(self, message: str, http_status: int = 400, **error: Any) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.error = {"message": message} | error


@dataclass(frozen=True)
class Place:
    """What a request's path says. `stream` None: the body says it."""

    dialect: str
    vendor: str
    model: str = ""
    stream: bool | None = None
    counts: bool = False
    sse: bool = True
    """Of Gemini's streams: frames are server-sent events, not the items of a JSON array."""


@dataclass
class Question:
    """What a request says, as far as an answer depends on it."""

    asked: dict[str, Any]
    model: str
    stream: bool = False
    prompt_tokens: int = 0
    tools: list[str] = field(default_factory=list)
    """The names of the tools that may be called."""
    results: list[str] = field(default_factory=list)
    """The texts of the tool results in the last turn."""
    calls_before: int = 0
    """How many tool calls the conversation holds."""
    media: list[str] = field(default_factory=list)
    thinks: bool = False
    """Reasoning was asked for."""
    choices: int = 1
    counts: bool = False
    """Nothing but the count of its tokens is asked for."""
    sse: bool = True


@dataclass(frozen=True)
class Counts:
    """What is told of tokens: `input` is the whole prompt, with what a cache had to do with; reasoning is output."""

    input: int = 0
    cached: int = 0
    written: int = 0
    written_long: int = 0
    output: int = 0
    reasoning: int = 0


class Stop(StrEnum):
    END = "end"
    CALLS = "calls"
    LENGTH = "length"
    REFUSED = "refused"


class Form(StrEnum):
    TEXT = "text"
    THOUGHT = "thought"
    REFUSAL = "refusal"
    CALL = "call"


@dataclass(frozen=True)
class Part:
    """A part of an answer, in the pieces in which it is streamed. `name` and `number` are those of a tool call."""

    form: Form
    pieces: tuple[str, ...]
    name: str = ""
    number: int = 0

    @property
    def whole(self) -> str:
        return "".join(self.pieces).strip()

    @property
    def tokens(self) -> int:
        """One for each piece, and one for the name of a tool."""
        return len(self.pieces) + (self.form is Form.CALL)


@dataclass(frozen=True)
class Frame:
    """Bytes of a stream, and how many tokens they bring."""

    data: bytes
    tokens: int = 0
    thought: bool = False


@dataclass
class Turn:
    """A question, and all that its answer is made of."""

    behaviour: Behaviour
    question: Question
    bill: Bill
    line: Line
    parts: tuple[Part, ...]
    stop: Stop

    def counts_after(self, tokens: int, *, thought: bool = False) -> tuple[int, int]:
        """Return the output and the reasoning tokens once so many more are sent; hidden ones come before the first."""
        hidden = self.behaviour.reasoning_tokens if tokens and not self.bill.output_tokens else 0
        output = self.bill.output_tokens + tokens + hidden
        return output, self.bill.reasoning_tokens + hidden + (tokens if thought else 0)

    def book(self, tokens: int, *, thought: bool = False) -> None:
        self.bill.output_tokens, self.bill.reasoning_tokens = self.counts_after(tokens, thought=thought)

    def book_all(self) -> None:
        """Book a whole answer, usage and all."""
        for _ in range(self.question.choices):
            for part in self.parts:
                self.book(part.tokens, thought=part.form is Form.THOUGHT)
        self.line.made, self.line.made_reasoning = self.bill.output_tokens, self.bill.reasoning_tokens
        self.bill.reported = self.tells_usage

    @property
    def tells_usage(self) -> bool:
        return self.behaviour.usage != "absent"

    def counts(self, output: int | None = None, reasoning: int | None = None) -> Counts:
        """Return what is told now, or once so much output is sent."""
        bill = self.bill
        if self.behaviour.usage == "zero":
            return Counts()
        return Counts(
            bill.input_tokens,
            bill.cached_tokens,
            bill.cache_write_tokens,
            bill.cache_write_long_tokens,
            bill.output_tokens if output is None else output,
            bill.reasoning_tokens if reasoning is None else reasoning,
        )


class Speaker(ABC):
    """How a dialect words the answer to one call, and its errors."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn

    @property
    def stream_type(self) -> str:
        """The content type of streams."""
        return "text/event-stream"

    @property
    def bill(self) -> Bill:
        return self.turn.bill

    @staticmethod
    @abstractmethod
    def error(status: int, error: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Return the headers and the body of an error answer; `error` replaces what the vendor would say."""

    @staticmethod
    @abstractmethod
    def count(tokens: int) -> bytes:
        """Return the answer to a question for a count of tokens."""

    def plain(self) -> bytes:
        """Return the body of a plain answer, or of the answer to a question for a count, and book it."""
        if self.turn.question.counts:
            self.bill.reported = True
            return self.count(self.bill.input_tokens)
        self.turn.book_all()
        return self.whole()

    @abstractmethod
    def whole(self) -> bytes:
        """Return a plain answer; it has been booked."""

    @abstractmethod
    def frames(self) -> Iterator[Frame]:
        """Yield a stream up to its last content; each frame has been booked when the next is asked for."""

    @abstractmethod
    def end(self, *, done: bool = True) -> Iterator[bytes]:
        """Yield what ends a stream; without the protocol's last mark if not `done`."""

    @abstractmethod
    def error_frame(self, status: int, error: dict[str, Any]) -> bytes:
        """Return the frame that tells of an error within a stream."""

    def garbage_frame(self) -> bytes:
        """Return a frame of the right framing whose content is not of the protocol."""
        return b'data: {"torn": [\n\n'

    def endless_frame(self) -> bytes:
        """Return the beginning of a frame that is longer than any reader should hold."""
        return b"data: " + b"x" * (2**20 + 1)
