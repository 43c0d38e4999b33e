"""How much a model is to reason, by effort and by a budget of tokens: the one as the other, for who knows only one."""

from fairlead_proxy.exchange.conversation import Thinking

_BUDGET_OF_EFFORT = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
"""As Google reads OpenAI's `reasoning_effort`: https://ai.google.dev/gemini-api/docs/openai#thinking. No other vendor
says how its efforts compare with budgets, so it serves for all of them.
"""
_MOST = _BUDGET_OF_EFFORT["high"]
"""For every effort above high as well: the answers of some models end at 32,000 tokens."""


def budget_of(effort: str) -> int:
    """Return the tokens that an effort stands for; 0 for none."""
    return 0 if effort == "none" else _BUDGET_OF_EFFORT.get(effort, _MOST)


def effort_in(thinking: Thinking) -> str | None:
    """Return the effort that is asked for, made of the budget where only that is given; None: the model decides."""
    budget = thinking.budget_tokens
    if thinking.effort is not None:
        return thinking.effort
    if budget is None or budget < 0 or thinking.adaptive:
        return None
    if budget == 0:
        return "none"
    return next(effort for effort in ("low", "medium", "high") if budget <= budget_of(effort) or effort == "high")
