"""How much a model is to think: levels from Gemini 3 on, budgets of tokens before.

Source: https://ai.google.dev/gemini-api/docs/thinking
"""

import re

from fairlead_proxy.dialects.gemini.given import Message
from fairlead_proxy.dialects.losses import Loss, above
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.dialects.reasoning_effort import budget_of, effort_in
from fairlead_proxy.exchange.conversation import JsonObject, Thinking

_GENERATION = re.compile(r"gemini-(\d{1,3})(?:\.(\d{1,3}))?")
_EFFORT_OF_LEVEL = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
_UNSPECIFIED = "THINKING_LEVEL_UNSPECIFIED"
_DYNAMIC = -1

_LEVELS = ("minimal", "low", "medium", "high")
_RANGE_OF_MODEL = (
    ("gemini-2.5-flash-lite", 512, 24576),
    ("gemini-2.5-flash", 1, 24576),
    ("gemini-2.5-pro", 128, 32768),
)
"""The least and the most that a model may be given, but for 0; the first that fits counts."""

_CANNOT_REST = "gemini-2.5-pro"


def generation_of(model: str) -> tuple[int, int]:
    """Return the generation in a model's name, such as (2, 5); (0, 0) for a name that tells none."""
    found = _GENERATION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def thinks_by_level(model: str) -> bool:
    return generation_of(model)[0] >= 3


def read_thinking(config: Message, notes: Notes) -> Thinking | None:
    """Read a caller's `thinkingConfig`; None where it asks for nothing."""
    shown, budget, level = config.flag("includeThoughts"), config.whole("thinkingBudget"), config.text("thinkingLevel")
    config.leave_rest_out(notes)
    effort = None
    if level is not None and level.upper() != _UNSPECIFIED:
        effort = _EFFORT_OF_LEVEL.get(level.upper())
        if effort is None:
            raise config.refuse_choice("thinkingLevel", f"one of {', '.join(_EFFORT_OF_LEVEL)}")
    if effort is None and budget is None and not shown:
        return None
    adaptive = budget is not None and budget < 0
    return Thinking(effort, None if adaptive else budget, adaptive, shown)


def write_thinking(thinking: Thinking, model: str, lost: set[str]) -> JsonObject:
    """Return the `thinkingConfig`; empty where there is nothing to say."""
    made = _by_level(thinking, model, lost) if thinks_by_level(model) else _by_budget(thinking, model, lost)
    if thinking.shown is not None or not thinking.off:
        # Who asks for reasoning without a word on showing it gets it: most other vendors show it then.
        made["includeThoughts"] = thinking.shown is not False and not thinking.off
    return made


def _by_level(thinking: Thinking, model: str, lost: set[str]) -> JsonObject:
    """The vendor discourages budgets from Gemini 3 on, and takes no 0: the least that there is stands for it."""
    effort = effort_in(thinking)
    if thinking.budget_tokens:
        lost.add(Loss.REASONING_BUDGET)
    if effort is None:
        return {}
    if effort == "none":
        lost.add(Loss.REASONING_OFF)
    level = {"none": "minimal"}.get(effort, effort)
    if level not in _LEVELS:
        lost.add(Loss.EFFORT_ABOVE_HIGH)
        level = "high"
    # https://ai.google.dev/gemini-api/docs/gemini-3#thinking_level: which levels Pro and the image models lack.
    if level == "minimal" and "flash" not in model:
        level = "low"
    if level == "medium" and "gemini-3-pro" in model:
        level = "high"
    return {"thinkingLevel": level.upper()}


def _by_budget(thinking: Thinking, model: str, lost: set[str]) -> JsonObject:
    budget = thinking.budget_tokens
    if budget is None and thinking.effort is not None:
        if thinking.effort not in ("none", *_LEVELS):
            lost.add(Loss.EFFORT_ABOVE_HIGH)
        budget = budget_of(thinking.effort)
    if budget is None:
        return {"thinkingBudget": _DYNAMIC} if thinking.adaptive else {}
    for name, least, most in _RANGE_OF_MODEL:
        if name in model:
            if budget > most:
                lost.add(above(Loss.REASONING_BUDGET, most))
            if budget == 0 and name == _CANNOT_REST:
                lost.add(Loss.REASONING_OFF)
            at_rest = budget == 0 and name != _CANNOT_REST
            return {"thinkingBudget": 0 if at_rest else min(max(budget, least), most)}
    return {"thinkingBudget": budget}
