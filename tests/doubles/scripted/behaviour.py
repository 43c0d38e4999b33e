"""How the scripted provider is told to behave, and what it notes of each call that it answers so."""

from dataclasses import dataclass, field
from typing import Any

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


@dataclass
class Behaviour:
    """How calls are answered. `kind` is a key of ANY_KINDS, PLAIN_KINDS or STREAM_KINDS; a plain call is answered well
    where the kind is one of streams, and the other way round. `status` and `error` shape the kind `status`: `error` is
    in the words of the dialect that is spoken, and replaces what the vendor would say.

    `times` > 0: only so many calls behave so, later ones are answered well. Durations are in seconds.
    """

    kind: str = "ok"
    status: int = 500
    error: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    tokens: int = 5
    before_tokens: int = 2
    pace: float = 0.0
    delay: float = 0.0
    text: str = ""
    times: int = 0
    only: str = ""
    """`stream` or `plain`: only these calls behave so."""
    answer: str = "text"
    """What a good answer holds: a key of ANSWERS."""
    vendor: str = ""
    """Of the kind `vendor`: a key of VENDOR_FAILURES."""
    input_tokens: int = 0
    """What is counted in the place of the prompt's words, one token for each; 0: these are."""
    cached_tokens: int = 0
    """Input tokens read from the vendor's cache, beside those of the prompt's words."""
    cache_write_tokens: int = 0
    """Input tokens written to the vendor's cache, beside those of the prompt's words."""
    cache_write_long_tokens: int = 0
    """The same, to be kept for an hour; only Anthropic and Amazon tell them apart."""
    reasoning_tokens: int = 0
    """Output tokens of reasoning that is not shown, beside those of the words that are sent."""
    usage: str = "told"
    """`told`, `zero`: every count is told as 0, or `absent`: the answer says nothing of tokens."""

    def well(self, *, pace: float = 0.0) -> "Behaviour":
        """Return how calls are answered that do not behave so."""
        return Behaviour(
            tokens=self.tokens,
            pace=pace,
            answer=self.answer,
            input_tokens=self.input_tokens,
            cached_tokens=self.cached_tokens,
            cache_write_tokens=self.cache_write_tokens,
            cache_write_long_tokens=self.cache_write_long_tokens,
            reasoning_tokens=self.reasoning_tokens,
            usage=self.usage,
        )


@dataclass
class Bill:
    """One call, as it was meant to be answered. `output_tokens` are those whose bytes were sent, reasoning among them;
    `input_tokens` are all of the prompt's, the cached among them; `reported`: usage was sent too.

    `cut_at`: when the client's connection was found closed within the answer, on this machine's monotonic clock; or 0.
    """

    key: str
    model: str
    stream: bool
    kind: str
    input_tokens: int
    output_tokens: int = 0
    reported: bool = False
    whole: bool = False
    at: float = 0.0
    cut_at: float = 0.0
    dialect: str = ""
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0
    reasoning_tokens: int = 0
    media: list[str] = field(default_factory=list)
    """What came besides text, in order: image, image-url, file, file-url, audio, video."""
    refused: str = ""
    """Why the request was answered 400 or 401, for want of what its vendor demands."""
