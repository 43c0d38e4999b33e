"""How much a model is to think, in Anthropic's form, and the room that its answer gets beside it."""

from msgspec import Struct

from fairlead_proxy.dialects.claude_models import Abilities
from fairlead_proxy.dialects.claude_thinking import ask_to_think, room_of
from fairlead_proxy.exchange.conversation import Conversation, JsonObject

DEFAULT_MAX_TOKENS = 4096
"""The vendor demands a limit; this one, for what is said after thinking, where the caller gave none. A default."""


class Asked(Struct, frozen=True):
    """The members that ask for it. `off`: the model is not to think; `thinks`: it is asked to."""

    max_tokens: int
    thinking: JsonObject | None = None
    effort: str | None = None
    off: bool = False
    thinks: bool = False


def write_thinking(
    conversation: Conversation, abilities: Abilities, *, forced: bool, lacks_thinking: bool, lost: set[str]
) -> Asked:
    """Return the members, and add to `lost` what is not taken; see `ask_to_think`.

    Thinking counts towards the limit: that grows by it, or nothing could be said.
    """
    limit = conversation.max_tokens
    answer_tokens = DEFAULT_MAX_TOKENS if limit is None else limit
    if conversation.thinking is None:
        return Asked(answer_tokens)
    asked = ask_to_think(
        conversation.thinking,
        abilities,
        forced=forced,
        lacks_thinking=lacks_thinking,
        shown_by_budget=True,
        lost=lost,
    )
    if asked.budget_tokens:
        answer_tokens += asked.budget_tokens if answer_tokens <= asked.budget_tokens else 0
    elif asked.thinks and limit is None:
        answer_tokens += room_of(asked.effort)
    return Asked(answer_tokens, asked.member, asked.effort, off=not asked.thinks, thinks=asked.thinks)
