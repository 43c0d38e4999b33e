"""How much a model of Anthropic's is to think, in the form that it takes, whoever serves it."""

from msgspec import Struct

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.dialects.claude_models import Abilities, ThinkingForm
from fairlead_proxy.dialects.losses import Loss
from fairlead_proxy.dialects.reasoning_effort import budget_of, effort_in
from fairlead_proxy.exchange.conversation import JsonObject, Thinking

LEAST_BUDGET = 1024
"""https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking, "Max tokens and context window size"."""

_WORD_OF_EFFORT = {"minimal": "low"}
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_USUAL_EFFORT = "high"
"""What the vendor takes an adaptive model to be asked for, where nothing is said."""
_USUAL_EFFORT_BY_BUDGET = "medium"


class AskedToThink(Struct, frozen=True):
    """`member`: the request's `thinking`; `effort`: what stands beside it. `thinks`: the model is asked to.

    `budget_tokens`: how many of the answer's limit go to thinking, for a model that is asked by budget.
    """

    member: JsonObject | None = None
    effort: str | None = None
    budget_tokens: int = 0
    thinks: bool = False


def ask_to_think(
    thinking: Thinking,
    abilities: Abilities,
    *,
    forced: bool,
    lacks_thinking: bool,
    shown_by_budget: bool,
    lost: set[str],
) -> AskedToThink:
    """Return the members, and add to `lost` what is not taken.

    `forced`: a tool must be called, which goes with no thinking. `lacks_thinking`: tools have been called, and the
    reasoning before the calls is not there; a model that thinks by a budget refuses to go on then
    (…/build-with-claude/extended-thinking, "Preserving thinking blocks"). `shown_by_budget`: whoever serves the model
    takes `display` beside a budget too.
    """
    if abilities.thinking is ThinkingForm.NONE:  # it cannot, and is not told not to
        if not thinking.off:
            lost.add(Feature.REASONING)
        return AskedToThink()
    if thinking.off:
        return _SWITCHED_OFF
    if forced:
        lost.add(Loss.REASONING_WHEN_FORCED)
        return _SWITCHED_OFF
    by_budget = thinking.budget_tokens is not None or abilities.thinking is ThinkingForm.BUDGET
    if by_budget and abilities.thinking is not ThinkingForm.ADAPTIVE:
        if lacks_thinking:
            lost.add(Loss.REASONING_BETWEEN_CALLS)
            return _SWITCHED_OFF
        budget = _budget(thinking)
        member: JsonObject = {"type": "enabled", "budget_tokens": budget}
        if shown_by_budget:
            member |= _display(thinking)
        return AskedToThink(member, None, budget, thinks=True)
    if by_budget:
        lost.add(Loss.REASONING_BUDGET)
    return AskedToThink({"type": "adaptive"} | _display(thinking), _effort(thinking, abilities, lost), thinks=True)


def room_of(effort: str | None) -> int:
    """Return how many tokens thinking may take, by its effort; a default."""
    return budget_of(effort or _USUAL_EFFORT)


def _budget(thinking: Thinking) -> int:
    budget = thinking.budget_tokens
    if budget is None or budget < 0:
        budget = budget_of(thinking.effort or _USUAL_EFFORT_BY_BUDGET)
    return max(LEAST_BUDGET, budget)


def _effort(thinking: Thinking, abilities: Abilities, lost: set[str]) -> str | None:
    effort = effort_in(thinking)
    effort = None if effort is None else _WORD_OF_EFFORT.get(effort, effort)
    if effort is not None and effort not in _EFFORTS:
        lost.add(Loss.REASONING_EFFORT)
        return None
    if effort == "xhigh" and not abilities.highest:
        lost.add(Loss.EFFORT_ABOVE_HIGH)
        return "high"
    return effort


def _display(thinking: Thinking) -> JsonObject:
    return {} if thinking.shown is None else {"display": "summarized" if thinking.shown else "omitted"}


_SWITCHED_OFF = AskedToThink({"type": "disabled"})
