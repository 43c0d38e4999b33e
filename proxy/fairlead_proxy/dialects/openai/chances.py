"""The probabilities of tokens, as chat answers tell them.

Source: https://platform.openai.com/docs/api-reference/chat/object, "logprobs".
"""

from collections.abc import Iterable

from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.exchange.completion import TokenChance
from fairlead_proxy.exchange.conversation import JsonObject

_LEAST = -1e9
"""Below every logarithm that a server tells; OpenAI's least is -9999."""


def read_chances(choice: Given, kind: str = "content") -> tuple[TokenChance, ...]:
    """Return the chances of the tokens of the content, or of the refusal."""
    told = choice.inner("logprobs")
    found: list[TokenChance] = []
    for entry in told.objects(kind) if told is not None else ():
        chance = _chance_of(entry)
        if chance is not None:
            top = (_chance_of(other) for other in entry.objects("top_logprobs"))
            found.append(TokenChance(*chance, tuple(other for other in top if other is not None)))
    return tuple(found)


def write_chances(chances: Iterable[TokenChance], kind: str = "content") -> JsonObject | None:
    written = [
        _entry(chance.token, chance.logprob)
        | {"top_logprobs": [_entry(token, logprob) for token, logprob in chance.top]}
        for chance in chances
    ]
    other = "refusal" if kind == "content" else "content"
    return {kind: written, other: None} if written else None


def _chance_of(entry: Given) -> tuple[str, float] | None:
    token, logprob = entry.text("token"), entry.number("logprob", _LEAST, 0)
    return None if token is None or logprob is None else (token, logprob)


def _entry(token: str, logprob: float) -> JsonObject:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
