"""How much a model of Anthropic's is to think, in the form that it takes, and the room that it gets for it."""

from msgspec import Struct

from fairlead_proxy.dialects.anthropic.abilities import Abilities, ThinkingForm
from fairlead_proxy.exchange.conversation import Conversation, JsonObject, Thinking

DEFAULT_MAX_TOKENS = 4096
"""The vendor demands a limit; this one, for what is said after thinking, where the caller gave none. A default."""

LEAST_BUDGET = 1024
"""https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, "Max tokens and context window size"."""

_BUDGET_OF_EFFORT = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 32768}
"""For models that are not asked by effort, and as the room that thinking gets. Defaults."""

_LOW_BELOW, _MEDIUM_BELOW = 4096, 16384
_WORD_OF_EFFORT = {"minimal": "low"}
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_USUAL_EFFORT = "high"
"""What the vendor takes an adaptive model to be asked for, where nothing is said."""


class Asked(Struct, frozen=True):
    """The members that ask for it. `off`: the model is told not to think; `thinks`: it is asked to."""

    max_tokens: int
    thinking: JsonObject | None = None
    effort: str | None = None
    off: bool = False
    thinks: bool = False


def write_thinking(
    conversation: Conversation, abilities: Abilities, *, forced: bool, lacks_thinking: bool, lost: set[str]
) -> Asked:
    """Return the members, and add to `lost` what is not taken.

    `forced`: a tool must be called, which goes with no thinking. `lacks_thinking`: see Messages.
    """
    limit = conversation.max_tokens
    answer_tokens = DEFAULT_MAX_TOKENS if limit is None else limit
    thinking = conversation.thinking
    if thinking is None:
        return Asked(answer_tokens)
    if thinking.off:
        return Asked(answer_tokens, _switched_off(abilities), off=True)
    if abilities.thinking is ThinkingForm.NONE:
        lost.add("reasoning")
        return Asked(answer_tokens, off=True)
    if forced:
        lost.add("reasoning together with a forced tool")
        return Asked(answer_tokens, _switched_off(abilities), off=True)
    by_budget = thinking.budget_tokens is not None or abilities.thinking is ThinkingForm.BUDGET
    if by_budget and abilities.thinking is not ThinkingForm.ADAPTIVE:
        if lacks_thinking:
            lost.add("reasoning between the calls of another provider's tools")
            return Asked(answer_tokens, _switched_off(abilities), off=True)
        return _by_budget(thinking, answer_tokens)
    if by_budget:
        lost.add("thinking budget")
    effort = _effort(thinking, abilities, lost)
    if limit is None:
        answer_tokens += _BUDGET_OF_EFFORT[effort or _USUAL_EFFORT]
    return Asked(answer_tokens, _with_display({"type": "adaptive"}, thinking), effort, thinks=True)


def _by_budget(thinking: Thinking, answer_tokens: int) -> Asked:
    """Return the members for a budget, which counts towards the limit: that grows by it, or nothing could be said."""
    budget = thinking.budget_tokens
    if budget is None or budget < 0:
        budget = _BUDGET_OF_EFFORT.get(thinking.effort or _USUAL_EFFORT, _BUDGET_OF_EFFORT[_USUAL_EFFORT])
    budget = max(LEAST_BUDGET, budget)
    if answer_tokens <= budget:
        answer_tokens += budget
    return Asked(answer_tokens, _with_display({"type": "enabled", "budget_tokens": budget}, thinking), thinks=True)


def _effort(thinking: Thinking, abilities: Abilities, lost: set[str]) -> str | None:
    effort = thinking.effort
    if effort is None and thinking.budget_tokens is not None and thinking.budget_tokens >= 0:
        budget = thinking.budget_tokens
        return "low" if budget < _LOW_BELOW else "medium" if budget < _MEDIUM_BELOW else _USUAL_EFFORT
    if effort is None:
        return None
    effort = _WORD_OF_EFFORT.get(effort, effort)
    if effort not in _EFFORTS:
        lost.add("reasoning effort")
        return None
    if effort == "xhigh" and not abilities.highest:
        lost.add("reasoning effort above high")
        return "high"
    return effort


def _switched_off(abilities: Abilities) -> JsonObject | None:
    """Return how a model is told not to think; one that cannot is not told."""
    return None if abilities.thinking is ThinkingForm.NONE else {"type": "disabled"}


def _with_display(asked: JsonObject, thinking: Thinking) -> JsonObject:
    if thinking.shown is not None:
        asked["display"] = "summarized" if thinking.shown else "omitted"
    return asked
