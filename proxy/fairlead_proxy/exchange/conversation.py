"""What a caller asks of a chat model, in no vendor's words.

Every dialect reads its requests into this, and writes its requests from it; none knows another.
"""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from fairlead_proxy.contract.names import DialectName

JsonObject = dict[str, Any]
"""A JSON object that is handed on as it is, such as a schema."""


class Role(StrEnum):
    """Who speaks. SYSTEM and DEVELOPER are instructions; what tools return is spoken by the user."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"


class MediaKind(StrEnum):
    IMAGE = "image"
    FILE = "file"
    AUDIO = "audio"
    VIDEO = "video"


class CacheHint(Struct, frozen=True):
    """Everything up to the part that holds it is worth keeping in the provider's cache; `ttl` as written: 5m, 1h."""

    ttl: str | None = None


class Seal(Struct, frozen=True):
    """What a provider wants back unchanged with its own reasoning or tool call: a signature, or encrypted reasoning.

    Only the dialect that it comes from may be given it. See `exchange/seals.py` for how it survives in another one.
    """

    origin: DialectName
    value: str


class Citation(Struct, frozen=True):
    """Where a piece of text comes from. `start` and `end`: characters of the answer's text that it stands for."""

    url: str | None = None
    title: str | None = None
    quoted: str | None = None
    start: int | None = None
    end: int | None = None


class Text(Struct, frozen=True, tag=True):
    text: str
    cache: CacheHint | None = None
    citations: tuple[Citation, ...] = ()


class Media(Struct, frozen=True, tag=True):
    """An image, a document or a sound: exactly one of `data` (base64), `url` and `file_id` (the vendor's own) is given.

    `media_type` may be empty for a url. `detail`: low, high, auto. `origin`: the dialect whose `file_id` it is.
    """

    kind: MediaKind
    media_type: str = ""
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    origin: DialectName | None = None
    name: str | None = None
    detail: str | None = None
    cache: CacheHint | None = None


class Reasoning(Struct, frozen=True, tag=True):
    """What the model thought. `text` is what of it may be shown; with a seal alone it is hidden. `id`: the vendor's."""

    text: str = ""
    seal: Seal | None = None
    id: str | None = None
    cache: CacheHint | None = None


class ToolCall(Struct, frozen=True, tag=True):
    """The model calls a tool. `arguments` is JSON text, `{}` where there are none; `id` is never empty."""

    id: str
    name: str
    arguments: str = "{}"
    seal: Seal | None = None
    cache: CacheHint | None = None


class ToolResult(Struct, frozen=True, tag=True):
    """What a tool returned. `name` is empty where the dialect does not repeat it, and no call of that id was found."""

    call_id: str
    name: str = ""
    parts: tuple[Text | Media, ...] = ()
    is_error: bool = False
    cache: CacheHint | None = None


class Refusal(Struct, frozen=True, tag=True):
    """The model declines, in a part of its own."""

    text: str


Part = Text | Media | Reasoning | ToolCall | ToolResult | Refusal


class Turn(Struct, frozen=True):
    """One message. Turns of the same role may follow each other; a dialect that wants them to alternate joins them."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


class Tool(Struct, frozen=True):
    """A function that the caller offers. `parameters` is a JSON schema of an object."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    cache: CacheHint | None = None


class ToolChoiceMode(StrEnum):
    AUTO = "auto"
    NONE = "none"
    ANY = "any"
    NAMED = "named"


class ToolChoice(Struct, frozen=True):
    """Which tools the model may or must call. `names`: for NAMED the one; else those allowed, none given: all."""

    mode: ToolChoiceMode
    names: tuple[str, ...] = ()


class AnswerForm(Struct, frozen=True):
    """The answer is to be JSON: any, or, with a schema, such as that describes."""

    schema: JsonObject | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Thinking(Struct, frozen=True):
    """How much the model is to reason first: by `effort` (none, minimal, low, medium, high, xhigh) or `budget_tokens`.

    `adaptive`: the model decides. `shown`: whether the caller wants to see it; None: it did not say.
    """

    effort: str | None = None
    budget_tokens: int | None = None
    adaptive: bool = False
    shown: bool | None = None

    @property
    def off(self) -> bool:
        return self.effort == "none" or self.budget_tokens == 0


class Sampling(Struct, frozen=True):
    """How tokens are drawn; None: the provider's default. `logprobs`: how many alternatives of each token, 0: none."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: int | None = None


class Conversation(Struct, frozen=True):
    """One request, whole.

    `choices`: how many answers are wanted. `left_out`: members of the request, by their path in its own dialect, that
    this vocabulary has no word for and that change no answer's meaning; they are named in the decision record where
    they are lost. `bound_to`: words for what no other dialect can express, such as a tool that the vendor itself runs;
    a target of another dialect is skipped for such a call.
    """

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    choices: int = 1
    form: AnswerForm | None = None
    thinking: Thinking | None = None
    user: str | None = None
    service_tier: str | None = None
    stream: bool = False
    left_out: tuple[str, ...] = ()
    bound_to: tuple[str, ...] = ()
