"""The life of one call: decide, attempt target after target until one answers, relay, settle."""

import asyncio
from collections.abc import Callable
from random import Random

from fairlead_proxy.contract.config import GatewayConfig
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.names import REPEATABLE_CLASSES, FailureClass
from fairlead_proxy.decision.decide import decide
from fairlead_proxy.decision.facts import INTENT_HEADER, CallFacts
from fairlead_proxy.decision.plan import Refusal, RefusalKind, Step
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.registry import DIALECTS
from fairlead_proxy.exchange.answers import INTERNAL_ERROR, broken_off, exhausted, refused
from fairlead_proxy.exchange.call import ClientCall, Sink
from fairlead_proxy.exchange.errors import Answer, ClientGone, UpstreamFailure
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.health.observer import HealthObserver
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.resilience.deadline import Deadlines
from fairlead_proxy.resilience.retry import RetryBudget, backoff_seconds
from fairlead_proxy.resilience.watch import Watch
from fairlead_proxy.telemetry.access_log import AccessLog
from fairlead_proxy.telemetry.decisions import CallRecord, DecisionRing
from fairlead_proxy.telemetry.faults import log_fault
from fairlead_proxy.telemetry.metrics import Metrics
from fairlead_proxy.upstream.attempt import Attempt, TransportChoice


class Gateway:
    """Serves calls, one `handle` each. `clock`: Unix seconds. Everything here belongs to one event loop."""

    def __init__(
        self,
        *,
        transports: TransportChoice,
        breakers: Breakers,
        health: HealthObserver,
        metrics: Metrics,
        decisions: DecisionRing,
        log: AccessLog,
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self.in_flight = 0

    def adopt(self, config: GatewayConfig) -> None:
        """Take over a configuration before the first call that it serves; cheap if it is in force already."""

    async def handle(self, config: GatewayConfig, keys: KeyRing, call: ClientCall, sink: Sink) -> None:
        """Serve one call entirely, errors included. Raises ClientGone and CancelledError only, after booking."""
        raise NotImplementedError
