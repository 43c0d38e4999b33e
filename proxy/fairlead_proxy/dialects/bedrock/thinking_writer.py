"""How much a model is to think: Converse has no word for it but the effort, so each family is told in its own.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
"""

from msgspec import Struct

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.abilities import Abilities, ThinkingForm
from fairlead_proxy.dialects.bedrock.models import Traits
from fairlead_proxy.exchange.conversation import Conversation, JsonObject, Reasoning, Role, Thinking, ToolCall

LEAST_BUDGET = 1024
_BUDGET_OF_EFFORT = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 24576, "xhigh": 24576}
"""For Claude's models that are not asked by effort. Defaults: the answers of some of them end at 32,000 tokens."""
_USUAL_EFFORT = "medium"
_LOW_UP_TO, _MEDIUM_UP_TO = 2048, 8192
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})
_OPENAI_EFFORTS = frozenset({"low", "medium", "high"})


class Asked(Struct, frozen=True):
    """The members that ask for it. `fields`: of additionalModelRequestFields; `effort`: of outputConfig.

    `budget_tokens`: count towards the limit of the answer. `thinks`: Claude is asked to.
    """

    fields: JsonObject = {}
    effort: str | None = None
    budget_tokens: int = 0
    thinks: bool = False


def write_thinking(
    conversation: Conversation, traits: Traits, abilities: Abilities, *, forced: bool, lost: set[str]
) -> Asked:
    """Return the members, and add to `lost` what is not taken. `forced`: a tool must be called."""
    thinking = conversation.thinking
    if thinking is None:
        return Asked()
    if traits.claude:
        return _of_claude(conversation, thinking, abilities, forced, lost)
    if traits.openai:
        return _of_openai(thinking, lost)
    if not thinking.off:
        lost.add("reasoning effort")
    return Asked()


def _of_openai(thinking: Thinking, lost: set[str]) -> Asked:
    if thinking.off:
        lost.add("reasoning off")
    if thinking.budget_tokens:
        lost.add("thinking budget")
    effort = _effort_of(thinking) or _USUAL_EFFORT
    if thinking.off:
        effort = "low"
    elif effort not in _OPENAI_EFFORTS:
        lost.add("reasoning effort above high")
        effort = "high"
    return Asked({"reasoning_effort": effort})


def _of_claude(
    conversation: Conversation, thinking: Thinking, abilities: Abilities, forced: bool, lost: set[str]
) -> Asked:
    form = abilities.thinking
    if thinking.off:
        return Asked({} if form is ThinkingForm.NONE else {"thinking": {"type": "disabled"}})
    if form is ThinkingForm.NONE:
        lost.add("reasoning")
        return Asked()
    if forced:
        lost.add("reasoning together with a forced tool")
        return Asked({"thinking": {"type": "disabled"}})
    by_budget = thinking.budget_tokens is not None
    if form is ThinkingForm.BUDGET or (by_budget and form is ThinkingForm.EITHER):
        if _lacks_thinking(conversation):
            lost.add("reasoning between the calls of another provider's tools")
            return Asked({"thinking": {"type": "disabled"}})
        budget = thinking.budget_tokens if by_budget else _BUDGET_OF_EFFORT.get(thinking.effort or _USUAL_EFFORT)
        budget = max(LEAST_BUDGET, budget or _BUDGET_OF_EFFORT[_USUAL_EFFORT])
        return Asked({"thinking": {"type": "enabled", "budget_tokens": budget}}, None, budget, thinks=True)
    if by_budget:
        lost.add("thinking budget")
    asked = {"type": "adaptive"}
    if thinking.shown is not None:
        asked["display"] = "summarized" if thinking.shown else "omitted"
    effort = _effort_of(thinking)
    if effort is not None and effort not in _EFFORTS:
        lost.add("reasoning effort")
        effort = None
    if effort == "xhigh" and not abilities.highest:
        lost.add("reasoning effort above high")
        effort = "high"
    return Asked({"thinking": asked}, effort, thinks=True)


def _effort_of(thinking: Thinking) -> str | None:
    if thinking.effort is not None:
        return "low" if thinking.effort == "minimal" else thinking.effort
    budget = thinking.budget_tokens
    if budget is None or budget < 0:
        return None
    return "low" if budget <= _LOW_UP_TO else "medium" if budget <= _MEDIUM_UP_TO else "high"


def _lacks_thinking(conversation: Conversation) -> bool:
    """Say whether the last turn of the assistant calls tools, and begins with no reasoning that Bedrock takes back.

    Claude refuses that while it thinks by a budget: "Preserving thinking blocks" of the vendor's page on tool use.
    """
    parts = [part for turn in _last_of_assistant(conversation) for part in turn]
    calls = any(isinstance(part, ToolCall) for part in parts)
    first = next(iter(parts), None)
    sealed = isinstance(first, Reasoning) and first.seal is not None and first.seal.origin is DialectName.BEDROCK
    return calls and not sealed


def _last_of_assistant(conversation: Conversation) -> list[tuple[object, ...]]:
    """Return the parts of the assistant's last turns in a row."""
    found: list[tuple[object, ...]] = []
    for turn in reversed(conversation.turns):
        if turn.role is Role.ASSISTANT:
            found.insert(0, turn.parts)
        elif found:
            break
    return found
