"""The duties that this proxy was last given, for as long as they are valid."""

from fairlead_proxy.contract.report import Duties


class DutiesHolder:
    """Holds the newest duties; they end by themselves, so an operator that is gone leaves nothing behind."""

    def __init__(self) -> None:
        self._duties: Duties | None = None
        self._until = 0.0
        self._replicas = 1

    def give(self, duties: Duties, now: float) -> None:
        """Take over new duties, from `now` (seconds, any steady clock) for their time to live."""
        self._duties = duties
        self._until = now + duties.ttl_seconds
        self._replicas = max(1, duties.replicas)

    def valid(self, now: float) -> Duties | None:
        """Return the duties in force at `now`; None once they have ended or before any came."""
        return self._duties if self._duties is not None and now < self._until else None

    def probes(self, now: float) -> frozenset[str]:
        """Return the ids of the providers that this proxy probes; none without valid duties."""
        duties = self.valid(now)
        return frozenset(duties.probe) if duties else frozenset()

    def ailing(self, now: float) -> frozenset[str]:
        """Return the credentials, as `provider/credential`, whose probes somebody in the fleet waits for."""
        duties = self.valid(now)
        return frozenset(duties.ailing) if duties else frozenset()

    @property
    def replicas(self) -> int:
        """Return how many proxies share the fleet's limits, as last known: this outlives the duties."""
        return self._replicas
