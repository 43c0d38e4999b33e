"""What probes that are real calls may still cost today, after what those of the whole fleet have cost."""

from collections import Counter

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.price import Price
from fairlead_proxy.contract.probe_cost import NOTHING_PROBED, ProbeCost, ProbeCosts, merge_costs
from fairlead_proxy.contract.usage_of_day import day_of

EXPECTED_INPUT_TOKENS = 32
"""More than any vendor counts for the fixed text, and what it adds to it. A default."""

EXPECTED_OUTPUT_TOKENS = 16
"""One is asked for; OpenAI's Responses API makes sixteen at least.

Source: https://platform.openai.com/docs/api-reference/responses/create
"""

_Sum = tuple[str, str]
"""Id of a provider and a currency."""


def expected_cost(price: Price | None) -> int | None:
    """Return what a probe of a model costs at most, as far as one can know before; in nano-units; None: unknown."""
    if price is None or price.rates.input is None or price.rates.output is None:
        return None
    return price.cost(EXPECTED_INPUT_TOKENS, 0, 0, 0, EXPECTED_OUTPUT_TOKENS)


class ProbeBudget:
    """Counts by provider, currency and day, in UTC. `life` names this process for good. Instants are Unix seconds.

    What is known of others comes by `learn`, and goes on by `known`: so the sum outlives each single proxy.
    """

    def __init__(self, life: str) -> None:
        self._life = life
        self._costs: ProbeCosts = NOTHING_PROBED
        self._reserved: Counter[_Sum] = Counter()

    def known(self, now: float) -> ProbeCosts:
        """Return all that is known of today's costs, the fleet's other proxies included."""
        self._begin_day(now)
        return self._costs

    def learn(self, told: ProbeCosts, now: float) -> None:
        """Take over what others know; of another day it says nothing."""
        self._begin_day(now)
        if told.day == self._costs.day:
            self._costs = merge_costs((self._costs, told))

    def reserve(self, provider: Provider, currency: str, nano: int, now: float) -> bool:
        """Set so much aside for a probe that begins now, or say that it is not left. Each ends in one `settle`."""
        self._begin_day(now)
        spent = sum(
            cost.nano for cost in self._costs.costs if (cost.provider, cost.currency) == (provider.id, currency)
        )
        if spent + self._reserved[provider.id, currency] + nano > provider.active.max_cost_nano:
            return False
        self._reserved[provider.id, currency] += nano
        return True

    def settle(self, provider: Provider, currency: str, reserved: int, cost: int, now: float) -> None:
        """A probe has ended, for which so much was set aside: book what it cost."""
        self._begin_day(now)
        key = (provider.id, currency)
        self._reserved[key] -= reserved
        if not self._reserved[key]:
            del self._reserved[key]
        if cost:
            mine = ProbeCost(provider.id, self._life, currency, self._own(key) + cost)
            self._costs = merge_costs((self._costs, ProbeCosts(day=self._costs.day, costs=(mine,))))

    def _own(self, key: _Sum) -> int:
        return sum(
            cost.nano for cost in self._costs.costs if (cost.provider, cost.currency) == key and cost.life == self._life
        )

    def _begin_day(self, now: float) -> None:
        day = day_of(now)
        if day != self._costs.day:
            self._costs = ProbeCosts(day=day)
