"""What the fleets used on the present day, summed over every life of every proxy, also of those that are gone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead_operator.heard import HeardProxy
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.status.conditions import Status
from fairlead_operator.status.figures import count_of, nano_of, steady_amount, steady_count
from fairlead_proxy.contract.usage_of_day import NOTHING, Spent, UsageOfDay, day_of

Sums = Mapping[str, Spent]
"""By `Kind/namespace/name`."""

CURRENCIES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class FleetUsage:
    """What one fleet used on a day.

    `found`: what the proxies that were there before us had used when we first heard them. A status that was written
    before us may hold it already. `since`: all that we saw come to it.
    """

    day: str = ""
    found: Sums = field(default_factory=dict)
    since: Sums = field(default_factory=dict)


class UsageLog:
    """Adds up what the proxies of one fleet report; kept from pass to pass."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._day = ""
        self._lives: dict[tuple[str, float], UsageOfDay] = {}
        self._found: dict[str, Spent] = {}
        self._since: dict[str, Spent] = {}

    def view(self, proxies: Iterable[HeardProxy], now: float) -> FleetUsage:
        """Return the sums with these reports in them. A report about another day than ours says nothing yet."""
        if self._began is None:
            self._began = now
        day = day_of(now)
        if day != self._day:
            self._day, self._lives, self._found, self._since = day, {}, {}, {}
        for proxy in proxies:
            if proxy.report is not None and proxy.report.usage is not None and proxy.report.usage.day == day:
                self._add(proxy, proxy.report.started_at, proxy.report.usage)
        return FleetUsage(day, self._found, self._since)

    def _add(self, proxy: HeardProxy, started_at: float, usage: UsageOfDay) -> None:
        life = proxy.name, started_at
        before = self._lives.get(life)
        if before is usage:
            return
        self._lives[life] = usage
        assert self._began is not None
        known = before is not None or started_at - proxy.ahead_seconds >= self._began
        into = self._since if known else self._found
        _add_growth(into, Kind.MODEL_PROVIDER, before.providers if before else {}, usage.providers)
        _add_growth(into, Kind.ROUTE_POLICY, before.policies if before else {}, usage.policies)


def _add_growth(sums: dict[str, Spent], kind: Kind, before: Sums, now: Sums) -> None:
    for name, spent in now.items():
        known = before.get(name, NOTHING)
        if spent != known:
            key = f"{kind}/{name}"
            sums[key] = sums.get(key, NOTHING).plus(spent.since(known))


class DaysUsage:
    """Says what the status of each object is to show; kept from pass to pass.

    A status that an operator before us wrote holds also what proxies used that are gone since. What those that are
    still there had used when we first heard them is a part of it, so the greater of both counts, and what came since.
    """

    def __init__(self) -> None:
        self._now, self._today = 0.0, day_of(0.0)
        self._day = ""
        self._inherited: dict[tuple[ObjectRef, str], Spent] = {}

    def shown(
        self, ref: ObjectRef, uid: str, previous: Status, fleets: Iterable[FleetUsage], now: float
    ) -> dict[str, Any] | None:
        """Return `status.usage` of a provider or policy; None where nothing was used today.

        Within a day no figure falls, and each stays as it is shown until it differs by more than a tenth.
        """
        if now != self._now:
            self._now, self._today = now, day_of(now)
        day = self._today
        if day != self._day:
            self._day, self._inherited = day, {}
        before = previous.get("usage") or {}
        before = before if before.get("day") == day else {}
        inherited = self._inherited.get((ref, uid))
        if inherited is None:
            inherited = self._inherited[ref, uid] = read_usage(before) if before else NOTHING
        key = f"{ref.kind}/{ref.id}"
        found, since = NOTHING, NOTHING
        for fleet in fleets:
            if fleet.day == day:
                found = found.plus(fleet.found[key]) if key in fleet.found else found
                since = since.plus(fleet.since[key]) if key in fleet.since else since
        if inherited is NOTHING and found is NOTHING and since is NOTHING and not before:
            return None
        spent = inherited.at_least(found).plus(since)
        return write_usage(day, spent.at_least(read_usage(before)), before) if spent != NOTHING else None


def read_usage(shown: Status) -> Spent:
    """Return what a status shows; figures that cannot be read count as none."""
    amounts = {each.get("currency"): nano_of(each.get("amount")) for each in shown.get("cost") or ()}
    return Spent(
        input_tokens=count_of(shown.get("inputTokens")) or 0,
        output_tokens=count_of(shown.get("outputTokens")) or 0,
        cost_nano={currency: nano for currency, nano in amounts.items() if currency and nano is not None},
        unpriced=count_of(shown.get("unpricedAttempts")) or 0,
        estimated=count_of(shown.get("estimatedAttempts")) or 0,
    )


def write_usage(day: str, spent: Spent, before: Status) -> dict[str, Any]:
    """Return the figures as JSON, rounded; each as it stands in `before` where that is near enough."""
    amounts = {each.get("currency"): each.get("amount") for each in before.get("cost") or ()}
    return {
        "day": day,
        "inputTokens": steady_count(spent.input_tokens, before.get("inputTokens")),
        "outputTokens": steady_count(spent.output_tokens, before.get("outputTokens")),
        "cost": [
            {"currency": currency, "amount": steady_amount(nano, amounts.get(currency))}
            for currency, nano in sorted(spent.cost_nano.items())[:CURRENCIES_SHOWN]
        ],
        "unpricedAttempts": steady_count(spent.unpriced, before.get("unpricedAttempts")),
        "estimatedAttempts": steady_count(spent.estimated, before.get("estimatedAttempts")),
    }
