"""What a proxy tells and is told over its admin port: `POST /report` takes a ReportRequest, answers a ProxyReport.

All instants are Unix seconds on the clock of the proxy; `ProxyReport.now` lets the operator see a skew.
"""

from msgspec import Struct

from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode, ProbeLimit
from fairlead_proxy.contract.probe_cost import NOTHING_PROBED, ProbeCosts
from fairlead_proxy.contract.usage_of_day import UsageOfDay

ALL_MODELS = ""
"""The model of a cooldown or probe that concerns every model of a credential."""

DECISIONS_NOT_KEPT = "decisions_not_kept"
"""The code of the 404 to `GET /debug/decisions/<id>` of a proxy that keeps no records at all."""


class Cooldown(Struct, frozen=True, kw_only=True):
    """A cooldown learnt elsewhere in the fleet. `until` in the past lifts one that no Retry-After holds.

    `model` may be ALL_MODELS. `retry_after`: the provider itself named the time.
    """

    provider: str
    credential: str
    model: str
    mode: Mode
    reason: FailureClass
    until: float
    retry_after: bool = False


class Duties(Struct, frozen=True, kw_only=True):
    """The short-lived things that a fleet shares; without them a proxy probes nothing. Valid for `ttl_seconds`.

    `probe` holds ids of the providers that this proxy, and no other, probes; `ailing` those of their credentials, as
    `provider/credential`, that some proxy keeps from being asked until a probe is answered or a cooldown ends.
    `probe_costs`: what probes have cost the whole fleet today, so that whoever probes next goes on from there.
    `retired`: the whole fleet goes, with its gateway or all of its namespace. No successor takes over and no Service
    leads here any longer, so a proxy that is told to end need not go on taking calls for a while.
    """

    probe: tuple[str, ...] = ()
    ailing: tuple[str, ...] = ()
    cooldowns: tuple[Cooldown, ...] = ()
    replicas: int = 1
    ttl_seconds: float = 30.0
    probe_costs: ProbeCosts = NOTHING_PROBED
    retired: bool = False


class ReportRequest(Struct, frozen=True, kw_only=True):
    """Ask for a report newer than `after` (0: whatever is there), waiting at most `wait_seconds` for it.

    A report is newer when a revision, a key ring, a breaker, readiness or a refusal changed.
    `fragments`: also list the hash of every fragment in force.
    """

    after: int = 0
    wait_seconds: float = 0.0
    fragments: bool = False
    duties: Duties | None = None


class Observation(Struct, frozen=True, kw_only=True):
    """What one proxy saw of one credential × model × mode. Counts and `ttft_p95_seconds` cover the last 5 minutes.

    `failures` are attempts that blame the provider. `reason` and `until` stand while the breaker is not closed.
    `overdue` attempts wait at this moment without a byte. `trial`: half open, and the call let through is under way.
    """

    provider: str
    credential: str
    model: str
    mode: Mode
    breaker: BreakerState = BreakerState.CLOSED
    reason: FailureClass | None = None
    until: float | None = None
    retry_after: bool = False
    attempts: int = 0
    failures: int = 0
    overdue: int = 0
    trial: bool = False
    last_attempt: float | None = None
    last_success: float | None = None
    ttft_p95_seconds: float | None = None


class ProbeResult(Struct, frozen=True, kw_only=True):
    """The last probe of a credential by this proxy. `reason` None: it answered as a living provider does.

    `interval_seconds`: how far apart the provider's owner wants the probes, so that a reader knows how long one holds.
    """

    provider: str
    credential: str
    at: float
    reason: FailureClass | None = None
    until: float | None = None
    interval_seconds: float = 0.0


class Refusal(Struct, frozen=True, kw_only=True):
    """What this proxy could not load. `key` is `Kind/namespace/name`, `snapshot` for all of it, or `keys`."""

    key: str
    message: str


class ProxyReport(Struct, frozen=True, kw_only=True):
    """Everything that one proxy tells. `sequence` grows with each change; `revision` and `keys` are those in force.

    `started_at` tells lives of a process of the same name apart. What is no news: `usage`, what this life used today;
    `under_way`, how many attempts run at each provider that is draining, where there are any; `probe_costs`, all that
    it knows of today's; and `probe_limits`, by the ids of providers that it probes for less than they ask for.
    """

    proxy: str
    sequence: int
    now: float
    revision: str
    keys: str = ""
    ready: bool = False
    draining: bool = False
    in_flight: int = 0
    refused: tuple[Refusal, ...] = ()
    observations: tuple[Observation, ...] = ()
    probes: tuple[ProbeResult, ...] = ()
    fragments: dict[str, str] | None = None
    started_at: float = 0.0
    usage: UsageOfDay | None = None
    under_way: dict[str, int] = {}
    probe_costs: ProbeCosts = NOTHING_PROBED
    probe_limits: dict[str, ProbeLimit] = {}
