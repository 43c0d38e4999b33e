"""What a chat model answers, in no vendor's words: whole, or piece by piece."""

from enum import StrEnum

from msgspec import Struct

from fairlead_proxy.exchange.conversation import Citation, Media, Reasoning, Refusal, Seal, Text, ToolCall
from fairlead_proxy.exchange.usage import Usage

AnswerPart = Text | Reasoning | ToolCall | Refusal | Media


class Stop(StrEnum):
    """Why an answer ends. PAUSED: the vendor broke off a long turn, which the caller may have continued."""

    END = "end"
    LENGTH = "length"
    SEQUENCE = "sequence"
    TOOL_CALLS = "tool_calls"
    REFUSED = "refused"
    FILTERED = "filtered"
    PAUSED = "paused"


class TokenChance(Struct, frozen=True):
    """A token and the logarithm of its probability; `top`: the likeliest instead of it, likewise."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Choice(Struct, frozen=True):
    """One answer. `sequence`: the stop sequence that ended it."""

    parts: tuple[AnswerPart, ...] = ()
    stop: Stop = Stop.END
    sequence: str | None = None
    chances: tuple[TokenChance, ...] = ()


class Completion(Struct, frozen=True):
    """A whole answer. `id` and `model` are the provider's, empty where it names none; `created`: Unix seconds."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created: int | None = None


class Began(Struct, frozen=True, tag=True):
    """The provider has taken the call up. Comes once, before everything else, and is no content."""

    id: str = ""
    model: str = ""
    created: int | None = None


class PartBegan(Struct, frozen=True, tag=True):
    """A part begins. `part` is empty, but for the id and name of a tool call (whose arguments are then ""), the seal of
    reasoning that is hidden, and an image, which is whole. `index` counts the parts of the choice, from 0.
    """

    index: int
    part: AnswerPart
    choice: int = 0


class PartGrew(Struct, frozen=True, tag=True):
    """A part grows by some text: of a tool call, of its arguments' JSON. The rest is given when there is some."""

    index: int
    text: str = ""
    choice: int = 0
    seal: Seal | None = None
    citation: Citation | None = None
    chances: tuple[TokenChance, ...] = ()


class PartEnded(Struct, frozen=True, tag=True):
    """A part is whole. A dialect without such a notion says so when the next part begins, or the choice ends."""

    index: int
    choice: int = 0


class ChoiceEnded(Struct, frozen=True, tag=True):
    stop: Stop
    sequence: str | None = None
    choice: int = 0


class UsageTold(Struct, frozen=True, tag=True):
    """The tokens so far, in all; each one replaces the one before."""

    usage: Usage


class Ended(Struct, frozen=True, tag=True):
    """The protocol's own end. Nothing follows."""


StreamEvent = Began | PartBegan | PartGrew | PartEnded | ChoiceEnded | UsageTold | Ended
"""In this order: Began; for each choice its parts, each begun, grown and ended; ChoiceEnded; Ended. Usage at any time.

Parts of one choice do not overlap, but for tool calls, where the provider lets them.
"""


def is_content(event: StreamEvent) -> bool:
    """Say whether an event brings what the caller asked for: the first one is the commit point (design, section 11)."""
    match event:
        case PartGrew():
            return bool(event.text)
        case PartBegan():
            part = event.part
            return isinstance(part, ToolCall | Media) or (isinstance(part, Reasoning) and part.seal is not None)
        case ChoiceEnded():
            return True
        case _:
            return False
