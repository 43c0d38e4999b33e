"""What nearly every call adds to: sums of one step, added to the series only when these are read."""

from decimal import Decimal

from fairlead_proxy.contract.config import Price
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.exchange.usage import Usage
from fairlead_proxy.telemetry.series import Latencies


class Count:
    """How many there were, of calls or of attempts."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Used:
    """What the attempts at one target used, for one rule."""

    __slots__ = ("cache_write", "cached_input", "cost_usd", "input", "output", "unpriced")

    def __init__(self) -> None:
        self.input = self.cached_input = self.cache_write = self.output = self.unpriced = 0
        self.cost_usd: Decimal | None = None

    def add(self, usage: Usage, price: Price | None, attempts: int = 1) -> None:
        """Add what so many attempts used together."""
        self.input += max(usage.plain_input_tokens, 0)
        self.cached_input += usage.cached_input_tokens
        self.cache_write += usage.cache_write_tokens
        self.output += usage.output_tokens
        cost = usage.cost(price)
        if cost is None:
            self.unpriced += attempts
        elif price is not None and price.currency == "USD":
            self.cost_usd = (self.cost_usd or Decimal(0)) + cost


class Tally:
    """Calls that their first attempt answered, all at one step, since they were last added to the series given.

    Their cost is reckoned then too, from all tokens at once. `adds_up`: that gives what reckoning each call by itself
    would; it does not where a price is known in part, since then some calls have a cost and some have none.
    `kept_in`: among which others it is posted.
    """

    __slots__ = (
        "_attempts",
        "_cache_write",
        "_cached_input",
        "_calls",
        "_durations",
        "_input",
        "_output",
        "_requests",
        "_step",
        "_used",
        "adds_up",
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
        price = step.model.price
        self.adds_up = price is None or (price.input is not None and price.output is not None)
        self.namespace = namespace
        self._step = step
        self._requests, self._attempts, self._used, self._durations = requests, attempts, used, durations
        self._calls = self._input = self._cached_input = self._cache_write = self._output = 0

    def add(self, usage: Usage, seconds: float) -> None:
        """Add a call that took so long."""
        self._calls += 1
        self._output += usage.output_tokens
        cached, written = usage.cached_input_tokens, usage.cache_write_tokens
        if cached or written:
            self._cached_input += cached
            self._cache_write += written
            self._input += max(usage.plain_input_tokens, 0)
        else:
            self._input += usage.input_tokens
        self._durations.observe(seconds)

    def post(self) -> None:
        """Add the sums to the series, and begin anew."""
        if not self._calls:
            return
        self._requests.number += self._calls
        self._attempts.number += self._calls
        usage = Usage(
            input_tokens=self._input + self._cached_input + self._cache_write,
            output_tokens=self._output,
            cached_input_tokens=self._cached_input,
            cache_write_tokens=self._cache_write,
        )
        self._used.add(usage, self._step.model.price, self._calls)
        self._calls = self._input = self._cached_input = self._cache_write = self._output = 0
