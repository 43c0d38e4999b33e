"""How much a model is to think: Converse has no word for it but the effort, so each family is told in its own.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-openai.html
"""

from msgspec import Struct

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.bedrock.models import Traits
from fairlead_proxy.dialects.claude_models import Abilities
from fairlead_proxy.dialects.claude_thinking import ask_to_think
from fairlead_proxy.dialects.losses import Loss
from fairlead_proxy.dialects.reasoning_effort import effort_in
from fairlead_proxy.exchange.conversation import Conversation, JsonObject, Reasoning, Role, Thinking, ToolCall

_USUAL_EFFORT = "medium"
_OPENAI_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high"}
"""The models have these three; what is less than low is that."""


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
        asked = ask_to_think(
            thinking,
            abilities,
            forced=forced,
            lacks_thinking=_lacks_thinking(conversation),
            shown_by_budget=False,
            lost=lost,
        )
        fields = {} if asked.member is None else {"thinking": asked.member}
        return Asked(fields, asked.effort, asked.budget_tokens, asked.thinks)
    if traits.openai:
        return _of_openai(thinking, lost)
    if not thinking.off:
        lost.add(Loss.REASONING_EFFORT)
    return Asked()


def _of_openai(thinking: Thinking, lost: set[str]) -> Asked:
    if thinking.off:
        lost.add(Loss.REASONING_OFF)
    if thinking.budget_tokens:
        lost.add(Loss.REASONING_BUDGET)
    effort = "none" if thinking.off else effort_in(thinking) or _USUAL_EFFORT
    if effort not in _OPENAI_EFFORTS:
        lost.add(Loss.EFFORT_ABOVE_HIGH)
    return Asked({"reasoning_effort": _OPENAI_EFFORTS.get(effort, "high")})


def _lacks_thinking(conversation: Conversation) -> bool:
    """Say whether the last turn of the assistant calls tools, and begins with no reasoning that Bedrock takes back.

    See `ask_to_think`.
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
