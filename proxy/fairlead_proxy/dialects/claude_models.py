"""What a model of Anthropic's takes, told by its name: how it is asked to think, its sampling, a prefilled answer.

Sources: https://docs.anthropic.com/en/docs/about-claude/models/overview, …/build-with-claude/adaptive-thinking,
…/build-with-claude/effort and …/about-claude/models/migration-guide. A name that tells no version is taken for a model
of today.
"""

import re
from enum import StrEnum

from msgspec import Struct

_FAMILY_FIRST = re.compile(r"claude-(?:opus|sonnet|haiku)-(\d{1,2})(?:[-.](\d{1,2}))?(?![0-9])")
_VERSION_FIRST = re.compile(r"claude-(\d{1,2})(?:[-.](\d{1,2}))?(?![0-9])")

_ADAPTIVE_SINCE = (4, 6)
_ADAPTIVE_ONLY_SINCE = (4, 7)
_ONE_SAMPLER_SINCE = (4, 1)
_THINKING_SINCE = (3, 7)


class ThinkingForm(StrEnum):
    """How a model is asked to think; EITHER: a budget is taken as well."""

    NONE = "none"
    BUDGET = "budget"
    EITHER = "either"
    ADAPTIVE = "adaptive"


class Abilities(Struct, frozen=True):
    """`one_sampler`: of temperature and top_p only one may be given. `sampling`: they may be given at all.

    `highest`: the effort `xhigh` is known. `prefill`: it goes on with an answer that the caller has begun; the later
    models refuse a last turn of the assistant (…/about-claude/models/migration-guide, "Prefill removal").
    """

    thinking: ThinkingForm = ThinkingForm.EITHER
    sampling: bool = True
    one_sampler: bool = True
    highest: bool = True
    prefill: bool = False


def abilities_of(model: str) -> Abilities:
    """Return what a model takes, by its upstream name."""
    version = _version_of(model.lower())
    if version is None:
        return Abilities()
    if version >= _ADAPTIVE_ONLY_SINCE:
        return Abilities(ThinkingForm.ADAPTIVE, sampling=False)
    if version >= _ADAPTIVE_SINCE:
        return Abilities(highest=False)
    form = ThinkingForm.BUDGET if version >= _THINKING_SINCE else ThinkingForm.NONE
    return Abilities(form, one_sampler=version >= _ONE_SAMPLER_SINCE, highest=False, prefill=True)


def _version_of(model: str) -> tuple[int, int] | None:
    found = _FAMILY_FIRST.search(model) or _VERSION_FIRST.search(model)
    return None if found is None else (int(found[1]), int(found[2] or 0))
