"""What nearly every call adds to: sums of one step, added to the series only when these are read."""

from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.usage_of_day import Spent
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.usage import Usage
from fairlead_proxy.telemetry.series import Latencies


class Count:
    """How many there were, of calls or of attempts."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Used:
    """What the attempts at one target used, for one rule. `cost_nano`: in nano-units, by currency."""

    __slots__ = (
        "cache_write", "cache_write_long", "cached_input", "cost_nano", "estimated", "input", "output", "unpriced",
    )  # fmt: skip

    def __init__(self) -> None:
        self.input = self.cached_input = self.cache_write = self.cache_write_long = self.output = 0
        self.unpriced = self.estimated = 0
        self.cost_nano: dict[str, int] = {}

    def add(self, usage: Usage, cost: int | None, currency: str) -> None:
        """Add what one attempt used."""
        self.input += max(usage.plain_input_tokens, 0)
        self.cached_input += usage.cached_input_tokens
        self.cache_write += usage.cache_write_tokens
        self.cache_write_long += usage.cache_write_long_tokens
        self.output += usage.output_tokens
        self.estimated += usage.estimated
        if cost is None:
            self.unpriced += 1
        else:
            self.add_cost(currency, cost)

    def add_cost(self, currency: str, nano: int) -> None:
        self.cost_nano[currency] = self.cost_nano.get(currency, 0) + nano

    def spent(self) -> Spent:
        """Return what the operator is told of it."""
        return Spent(
            input_tokens=self.input + self.cached_input + self.cache_write + self.cache_write_long,
            output_tokens=self.output,
            cost_nano=dict(self.cost_nano),
            unpriced=self.unpriced,
            estimated=self.estimated,
        )


class Tally:
    """Calls that their first attempt answered, all at one step, since they were last added to the series given.

    `kept_in`: among which others it is posted.
    """

    __slots__ = (
        "_attempts",
        "_cache_write",
        "_cache_write_long",
        "_cached_input",
        "_calls",
        "_cost",
        "_durations",
        "_estimated",
        "_input",
        "_output",
        "_price",
        "_requests",
        "_unpriced",
        "_used",
        "kept_in",
        "namespace",
    )

    def __init__(
        self,
        kept_in: "list[Tally]",
        step: Step,
        namespace: str,
        requests: Count,
        attempts: Count,
        used: Used,
        durations: Latencies,
    ) -> None:
        self.kept_in = kept_in
        self.namespace = namespace
        self._price = step.model.price
        self._requests, self._attempts, self._used, self._durations = requests, attempts, used, durations
        self._begin()

    def add(self, outcome: Outcome, usage: Usage, seconds: float) -> None:
        """Add a call that took so long; `usage` is that of its attempt."""
        self._calls += 1
        cost = outcome.cost
        if outcome.cached:
            self._cached_input += usage.cached_input_tokens
            self._cache_write += usage.cache_write_tokens
            self._cache_write_long += usage.cache_write_long_tokens
            self._input += max(usage.plain_input_tokens, 0)
        else:
            self._input += usage.input_tokens
        self._output += usage.output_tokens
        if usage.estimated:
            self._estimated += 1
        if cost is None:
            self._unpriced += 1
        else:
            self._cost += cost
        self._durations.observe(seconds)

    def post(self) -> None:
        """Add the sums to the series, and begin anew."""
        if not self._calls:
            return
        self._requests.number += self._calls
        self._attempts.number += self._calls
        used = self._used
        used.input += self._input
        used.cached_input += self._cached_input
        used.cache_write += self._cache_write
        used.cache_write_long += self._cache_write_long
        used.output += self._output
        used.estimated += self._estimated
        used.unpriced += self._unpriced
        if self._price is not None and self._unpriced < self._calls:
            used.add_cost(self._price.currency, self._cost)
        self._begin()

    def _begin(self) -> None:
        self._calls = self._input = self._cached_input = self._cache_write = self._cache_write_long = self._output = 0
        self._cost = self._unpriced = self._estimated = 0
