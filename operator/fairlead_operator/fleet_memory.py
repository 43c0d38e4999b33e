"""What the reconciler remembers of one gateway's fleet from pass to pass."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead_operator.cluster.api import ClusterError, NotGranted, Snapshot
from fairlead_operator.cluster.backoff import Backoff
from fairlead_operator.fleet.scaling import Scale
from fairlead_operator.status.proxies import FleetLog
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.snapshot import Fragment

log = logging.getLogger(__name__)


@dataclass(slots=True)
class FleetMemory:
    """`granted`: we may touch the fleet; None: not asked yet. `good`: what is published. Instants are Unix seconds."""

    granted: bool | None = None
    backoff: Backoff = field(default_factory=Backoff)
    good: Mapping[str, Fragment] = field(default_factory=dict)
    log: FleetLog = field(default_factory=FleetLog)
    scale: Scale | None = None
    given: tuple[Snapshot, KeyRing] | None = None
    given_at: float = 0.0

    def is_to_be_asked(self, now: float) -> bool:
        return not self.granted and self.backoff.is_due(now)

    def note_published(self, snapshot: Snapshot, now: float) -> None:
        self.good = {fragment.key: fragment for fragment in snapshot.fragments}
        self.log.note_published(snapshot.revision, (each.header.hash for each in snapshot.fragments), now)

    def put_off(self, gateway: str, error: ClusterError, now: float) -> None:
        """Let this fleet wait, and no other; where it is not granted, its objects are to say so."""
        self.granted = False if isinstance(error, NotGranted) else self.granted
        again = self.backoff.fail(now)
        log.warning("a fleet must wait", extra={"gateway": gateway, "error": str(error), "again_in": again})
