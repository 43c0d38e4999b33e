"""What this process used on the present day, in UTC: told to the operator, who shows it in status."""

import asyncio
from collections.abc import Callable, Iterable

from fairlead_proxy.contract.usage_of_day import NOTHING, Spent, UsageOfDay, day_of

SECONDS_OF_DAY = 86_400
LOOK_SECONDS = 1.0
"""A look goes through every series, so that reports which follow each other closely share one."""

Series = tuple[str, ...]
"""Namespace, policy, rule, provider and model, as the metrics name them."""
_POLICY, _PROVIDER = 1, 3


class DayOfUse:
    """Adds up by how much each series has grown since the last look.

    `used_so_far` returns what each series used since the process began, or since the series did: one that ends with a
    revision takes nothing from the day. What was used between the last look before midnight and the first one after it
    counts to the new day: `see_midnights` makes that a second.
    """

    def __init__(self, used_so_far: Callable[[], Iterable[tuple[Series, Spent]]], now: float) -> None:
        self._used_so_far = used_so_far
        self._seen: dict[Series, Spent] = {}
        self._looked_at = float("-inf")
        self._told = UsageOfDay(day=day_of(now))

    def usage(self, now: float) -> UsageOfDay:
        """Return what the day has used so far."""
        day = day_of(now)
        if day != self._told.day:
            self._told = self._with_growth(UsageOfDay(day=day))
        elif not 0 <= now - self._looked_at < LOOK_SECONDS:
            self._told = self._with_growth(self._told)
        else:
            return self._told
        self._looked_at = now
        return self._told

    async def see_midnights(self, clock: Callable[[], float]) -> None:
        """Look right before and right after each midnight, whether anybody asks or not, until cancelled."""
        while True:
            left = SECONDS_OF_DAY - clock() % SECONDS_OF_DAY
            await asyncio.sleep(left - LOOK_SECONDS if left > LOOK_SECONDS else left)
            self.usage(clock())

    def _with_growth(self, before: UsageOfDay) -> UsageOfDay:
        providers, policies = dict(before.providers), dict(before.policies)
        seen: dict[Series, Spent] = {}
        for series, spent in self._used_so_far():
            seen[series] = spent
            known = self._seen.get(series, NOTHING)
            if spent != known:
                grown, policy, provider = spent.since(known), series[_POLICY], series[_PROVIDER]
                providers[provider] = providers.get(provider, NOTHING).plus(grown)
                if policy:  # a probe has none
                    policies[policy] = policies.get(policy, NOTHING).plus(grown)
        self._seen = seen
        return UsageOfDay(day=before.day, providers=providers, policies=policies)
