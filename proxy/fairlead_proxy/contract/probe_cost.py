"""What probes that are real calls have cost a fleet on one day: it goes from proxy to proxy by way of the operator."""

from collections.abc import Iterable

from msgspec import Struct


class ProbeCost(Struct, frozen=True, array_like=True):
    """What one life of one proxy spent on probes of one provider, in nano-units of one currency.

    `life` names a process for good, so that sums of the same one are never added up: the greater is the newer.
    """

    provider: str
    life: str
    currency: str
    nano: int


class ProbeCosts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Those of one day, such as 2026-11-27, in UTC; no day: none."""

    day: str = ""
    costs: tuple[ProbeCost, ...] = ()


NOTHING_PROBED = ProbeCosts()


def merge_costs(told: Iterable[ProbeCosts]) -> ProbeCosts:
    """Return all that is known together of the newest day that any of these is about."""
    known = list(told)
    day = max((each.day for each in known), default="")
    newest: dict[tuple[str, str, str], int] = {}
    for each in known:
        if each.day == day:
            for cost in each.costs:
                key = (cost.provider, cost.life, cost.currency)
                newest[key] = max(newest.get(key, 0), cost.nano)
    return ProbeCosts(day=day, costs=tuple(ProbeCost(*key, nano) for key, nano in sorted(newest.items())))
