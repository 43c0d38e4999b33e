"""What one process of a proxy used on the present day: it rides in the reports, and status shows the sum of all."""

from datetime import UTC, datetime

from msgspec import Struct


class Spent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What attempts used together. `input_tokens` are all that went in, cached ones included.

    `cost_nano`: in nano-units, by currency, of the attempts whose price is known; `unpriced` counts the others, and
    `estimated` those whose tokens no provider told.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: dict[str, int] = {}
    unpriced: int = 0
    estimated: int = 0

    def plus(self, other: "Spent") -> "Spent":
        """Return both together."""
        return Spent(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost_nano={
                name: self.cost_nano.get(name, 0) + other.cost_nano.get(name, 0)
                for name in (*self.cost_nano, *(new for new in other.cost_nano if new not in self.cost_nano))
            },
            unpriced=self.unpriced + other.unpriced,
            estimated=self.estimated + other.estimated,
        )

    def since(self, before: "Spent") -> "Spent":
        """Return by how much it has grown; all of it where it has begun anew, which shows in that it is less."""
        grown = (
            self.input_tokens - before.input_tokens,
            self.output_tokens - before.output_tokens,
            self.unpriced - before.unpriced,
            self.estimated - before.estimated,
        )
        cost = {name: nano - before.cost_nano.get(name, 0) for name, nano in self.cost_nano.items()}
        if min(*grown, *cost.values()) < 0 or not before.cost_nano.keys() <= cost.keys():
            return self
        return Spent(
            input_tokens=grown[0], output_tokens=grown[1], cost_nano=cost, unpriced=grown[2], estimated=grown[3]
        )

    def at_least(self, other: "Spent") -> "Spent":
        """Return of each figure the greater one."""
        return Spent(
            input_tokens=max(self.input_tokens, other.input_tokens),
            output_tokens=max(self.output_tokens, other.output_tokens),
            cost_nano={
                name: max(self.cost_nano.get(name, 0), other.cost_nano.get(name, 0))
                for name in (*self.cost_nano, *(new for new in other.cost_nano if new not in self.cost_nano))
            },
            unpriced=max(self.unpriced, other.unpriced),
            estimated=max(self.estimated, other.estimated),
        )


NOTHING = Spent()


class UsageOfDay(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a process has booked on one day, such as 2026-11-27, in UTC; by the ids of providers and of policies."""

    day: str
    providers: dict[str, Spent] = {}
    policies: dict[str, Spent] = {}


def day_of(instant: float) -> str:
    """Return the day of an instant in Unix seconds, in UTC."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d")
