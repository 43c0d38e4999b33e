"""What a status is made of beside the verdict: the fleets as they stand, and the health that they observe."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead_operator.status.health import FleetHealth, ProviderHealth, merge_reports
from fairlead_operator.status.proxies import FRESH_SECONDS, REMEMBERED_SECONDS, FleetView


@dataclass(frozen=True, slots=True)
class Facts:
    """`fleets` by gateway id; `now` in Unix seconds; `health` is what the proxies see that are heard now.

    `remembered`: what those saw that have fallen silent in the last minute, or in the last 10 s where nobody else is
    heard; it bridges the time until others have seen something, so that a pod that is replaced changes no status.
    """

    now: float
    fleets: Mapping[str, FleetView] = field(default_factory=dict)
    health: FleetHealth = field(default_factory=FleetHealth)
    remembered: FleetHealth = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        silenced = [proxy for fleet in self.fleets.values() for proxy in fleet.silenced]
        seconds = FRESH_SECONDS if self.health.silent else REMEMBERED_SECONDS
        remembered = merge_reports(silenced, self.now, fresh_seconds=seconds)
        object.__setattr__(self, "remembered", remembered)

    def health_of(self, provider: str) -> ProviderHealth:
        """Return how a provider is; where nobody who is heard has seen it, what was seen lately."""
        seen = self.health.of(provider)
        if seen.observers:
            return seen
        before = self.remembered.of(provider)
        return before if before.observers else seen

    def settling(self) -> bool:
        """Say whether the operator, or a proxy, has just come, so that missing evidence means nothing yet."""
        return any(fleet.settling for fleet in self.fleets.values())
