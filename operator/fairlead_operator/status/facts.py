"""What a status is made of beside the verdict: the fleets as they stand, and the health that they observe."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead_operator.status.health import FleetHealth
from fairlead_operator.status.proxies import FleetView


@dataclass(frozen=True, slots=True)
class Facts:
    """`fleets` by gateway id; `now` in Unix seconds."""

    now: float
    fleets: Mapping[str, FleetView] = field(default_factory=dict)
    health: FleetHealth = field(default_factory=FleetHealth)

    def settling(self) -> bool:
        """Say whether the operator, or a proxy, has just come, so that missing evidence means nothing yet."""
        return any(fleet.settling for fleet in self.fleets.values())
