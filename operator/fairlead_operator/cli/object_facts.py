"""What the commands read off an object of ours: its names, its conditions, the time since, and today's usage."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from fairlead_operator.cli.columns import human_age
from fairlead_operator.status.conditions import conditions_of
from fairlead_operator.status.spending import read_usage
from fairlead_proxy.contract.price import write_amount
from fairlead_proxy.contract.usage_of_day import NOTHING, Spent, day_of

Content = Mapping[str, Any]

CONFIGURED = ("Accepted", "ResolvedRefs", "Programmed")
"""What Ready is made of, in the order in which the first failing one says why."""

NOT_LOOKED_AT = "no status yet: no operator has looked at it"


def namespace_of(content: Content) -> str:
    return str(content["metadata"]["namespace"])


def name_of(content: Content) -> str:
    return str(content["metadata"]["name"])


def id_of(content: Content) -> str:
    return f"{namespace_of(content)}/{name_of(content)}"


def spec_of(content: Content) -> Content:
    return content.get("spec") or {}


def status_in(content: Content) -> Content:
    return content.get("status") or {}


def condition_status(content: Content, condition: str) -> str:
    """Return True, False or Unknown; Unknown where the condition was never written."""
    return str(conditions_of(status_in(content)).get(condition, {}).get("status", "Unknown"))


def condition_words(content: Content, condition: str) -> str:
    """Return reason and message of a condition; empty where it was never written."""
    found = conditions_of(status_in(content)).get(condition)
    if found is None:
        return ""
    return ": ".join(part for part in (str(found.get("reason", "")), str(found.get("message", ""))) if part)


def why_not_ready(content: Content) -> str:
    """Return what the first condition that is not true says; empty where Ready is True."""
    if condition_status(content, "Ready") == "True":
        return ""
    for condition in CONFIGURED:
        if condition in conditions_of(status_in(content)) and condition_status(content, condition) != "True":
            return condition_words(content, condition)
    return condition_words(content, "Ready") or NOT_LOOKED_AT


def is_stale(content: Content) -> bool:
    """Say whether the status speaks of an older generation than the spec has."""
    seen = status_in(content).get("observedGeneration")
    return seen is not None and seen != content["metadata"].get("generation", seen)


def age_of(instant: object, now: float) -> str:
    """Return the time since an RFC 3339 instant as kubectl writes it; empty where there is none."""
    moment = seconds_of(instant)
    return "" if moment is None else human_age(now - moment)


def seconds_of(instant: object) -> float | None:
    """Return an RFC 3339 instant in Unix seconds; None where it is none."""
    try:
        moment = datetime.fromisoformat(str(instant).replace("Z", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def usage_today(content: Content, now: float) -> Spent:
    """Return what a status shows as used today, in UTC; nothing where it shows another day."""
    usage = status_in(content).get("usage") or {}
    return read_usage(usage) if usage.get("day") == day_of(now) else NOTHING


def sum_of(usages: Iterable[Spent]) -> Spent:
    total = NOTHING
    for each in usages:
        total = total.plus(each)
    return total


def cost_text(spent: Spent) -> str:
    """Return every currency's amount; `-` where no price was known, and where nothing was used."""
    amounts = [f"{write_amount(nano)} {currency}" for currency, nano in sorted(spent.cost_nano.items())]
    return ", ".join(amounts) or "-"


def usage_values(spent: Spent, now: float) -> dict[str, Any]:
    """Return what was used today as a status writes it."""
    return {
        "day": day_of(now),
        "inputTokens": spent.input_tokens,
        "outputTokens": spent.output_tokens,
        "cost": [
            {"currency": currency, "amount": write_amount(nano)} for currency, nano in sorted(spent.cost_nano.items())
        ],
        "unpricedAttempts": spent.unpriced,
        "estimatedAttempts": spent.estimated,
    }
