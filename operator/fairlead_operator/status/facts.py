"""What a status is made of beside the verdict: the fleets as they stand, and the health that they observe."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead_operator.status.health import FleetHealth, ProviderHealth, merge_reports
from fairlead_operator.status.proxies import FRESH_SECONDS, REMEMBERED_SECONDS, FleetView
from fairlead_operator.verdict import Truth


@dataclass(frozen=True, slots=True)
class TargetSight:
    """A target as it is seen. `observed`: some proxy has evidence of its provider. `reason`: why it is not able."""

    able: bool
    observed: bool = True
    reason: str = ""
    until: float | None = None


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
    settling: bool = field(init=False, compare=False)
    """The operator, or a proxy, has just come, so that missing evidence means nothing yet."""
    _sights: dict[str, TargetSight] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        silenced = [proxy for fleet in self.fleets.values() for proxy in fleet.silenced]
        seconds = FRESH_SECONDS if self.health.silent else REMEMBERED_SECONDS
        remembered = merge_reports(silenced, self.now, fresh_seconds=seconds)
        object.__setattr__(self, "remembered", remembered)
        object.__setattr__(self, "settling", any(fleet.settling for fleet in self.fleets.values()))

    def health_of(self, provider: str) -> ProviderHealth:
        """Return how a provider is; where nobody who is heard has seen it, what was seen lately."""
        seen = self.health.of(provider)
        if seen.observers:
            return seen
        before = self.remembered.of(provider)
        return before if before.observers else seen

    def sight_of(self, target: str) -> TargetSight:
        """Return how a target, in written form, is seen; thousands of rules share the same few targets."""
        sight = self._sights.get(target)
        if sight is None:
            sight = self._sights[target] = self._look_at(target)
        return sight

    def _look_at(self, target: str) -> TargetSight:
        provider, _, model = target.rpartition("/")
        seen = self.health_of(provider)
        if seen.truth is Truth.FALSE:
            return TargetSight(able=False, reason=seen.reason, until=seen.until)
        part = next((part for part in seen.models if part.name == model), None)
        if part is not None:
            return TargetSight(able=False, reason=part.reason, until=part.until)
        return TargetSight(able=True, observed=seen.truth is Truth.TRUE)
