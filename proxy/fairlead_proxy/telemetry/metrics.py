"""Every metric of a proxy, by name. Label values come from the configuration; whatever it does not know is `other`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from fairlead_proxy.contract.config import GatewayConfig
from fairlead_proxy.contract.names import BreakerState
from fairlead_proxy.contract.report import Observation
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.telemetry.decisions import outcome_word

OTHER = "other"

_DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
_TTFT_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)
_BREAKER_VALUES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
_CALL = ("namespace", "policy", "rule", "provider", "model")

Child = TypeVar("Child", bound=MetricWrapperBase)


class Metrics:
    """The metrics of one process, in the registry given. Calls of one loop only: nothing is locked."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = _Family(
            Counter(
                "fairlead_requests", "Calls, by what the client got.", (*_CALL, "code", "reason"), registry=registry
            )
        )
        self._durations = _Family(
            Histogram(
                "fairlead_request_duration_seconds",
                "From a call's admission to its end.",
                ("namespace", "provider", "model"),
                buckets=_DURATION_BUCKETS,
                registry=registry,
            )
        )
        self._ttfts = _Family(
            Histogram(
                "fairlead_ttft_seconds",
                "From a streamed call's admission to its first content, failed attempts included.",
                ("namespace", "provider", "model"),
                buckets=_TTFT_BUCKETS,
                registry=registry,
            )
        )
        self._tokens = _Family(
            Counter(
                "fairlead_tokens",
                "Tokens booked. The directions do not overlap: input, cached_input, cache_write, output.",
                ("namespace", "policy", "rule", "provider", "model", "direction"),
                registry=registry,
            )
        )
        self._costs = _Family(
            Counter("fairlead_cost_usd", "Cost of the tokens with a known price in USD.", _CALL, registry=registry)
        )
        self._unpriced = _Family(
            Counter(
                "fairlead_unpriced_attempts", "Attempts with tokens whose price is unknown.", _CALL, registry=registry
            )
        )
        self._attempts = _Family(
            Counter("fairlead_attempts", "Attempts, by outcome.", ("provider", "model", "outcome"), registry=registry)
        )
        self._in_flight = Gauge("fairlead_inflight_requests", "Calls being served now.", registry=registry)
        self._config_info = Gauge(
            "fairlead_config_info", "1 for the revision in force.", ("revision",), registry=registry
        )
        self._apply_failures = Counter(
            "fairlead_config_apply_failures", "Snapshots or fragments that were refused.", registry=registry
        )
        self._loaded_at = Gauge(
            "fairlead_config_loaded_timestamp_seconds", "When the revision in force was loaded.", registry=registry
        )
        self._families: tuple[_Family[Any], ...] = (
            self._requests,
            self._durations,
            self._ttfts,
            self._tokens,
            self._costs,
            self._unpriced,
            self._attempts,
        )
        self._namespaces: frozenset[str] = frozenset()
        self._routes: frozenset[tuple[str, str]] = frozenset()

    def adopt(self, config: GatewayConfig) -> None:
        """Take the label values from this configuration; series of what is gone from it end."""
        self._namespaces = frozenset(policy.namespace for policy in config.policies.values())
        self._routes = frozenset(config.routes)
        known = self._namespaces.union(config.providers, config.policies, ("", OTHER))
        for family in self._families:
            family.keep(known)

    def config_loaded(self, revision: str, now: float) -> None:
        """A revision came into force."""
        self._config_info.clear()
        self._config_info.labels(revision).set(1)
        self._loaded_at.set(now)

    def config_refused(self) -> None:
        """A snapshot, a fragment or a key ring could not be loaded."""
        self._apply_failures.inc()

    def call_began(self) -> None:
        self._in_flight.inc()

    def call_ended(self, record: CallRecord) -> None:
        """Count a call, and everything that its attempts used."""
        self._in_flight.dec()
        last = record.last
        namespace = record.tenant if record.tenant in self._namespaces else OTHER
        provider, model = (last.provider, last.model) if last else ("", self._unasked_model(record))
        self._requests.of(namespace, record.policy, record.rule, provider, model, str(record.code), record.reason).inc()
        self._durations.of(namespace, provider, model).observe(record.ended_at - record.started_at)
        ttft = record.ttft_seconds
        if ttft is not None:
            self._ttfts.of(namespace, provider, model).observe(ttft)

    def attempt_ended(self, outcome: Outcome) -> None:
        """Count an attempt with its tokens and cost."""
        self._attempts.of(outcome.provider, outcome.model, outcome_word(outcome.failure)).inc()
        usage = outcome.usage
        if usage is None:
            return
        labels = (outcome.tenant, outcome.policy, outcome.rule, outcome.provider, outcome.model)
        plain_input = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
        for direction, tokens in (
            ("input", plain_input),
            ("cached_input", usage.cached_input_tokens),
            ("cache_write", usage.cache_write_tokens),
            ("output", usage.output_tokens),
        ):
            if tokens > 0:
                self._tokens.of(*labels, direction).inc(tokens)
        if outcome.cost is None:
            self._unpriced.of(*labels).inc()
        elif outcome.currency == "USD":
            self._costs.of(*labels).inc(float(outcome.cost))

    def show_health(self, observations: Callable[[], Iterable[Observation]]) -> None:
        """Show breakers and health at each scrape, from what `observations` returns then. Once a process."""
        self.registry.register(_HealthCollector(observations))

    def _unasked_model(self, record: CallRecord) -> str:
        """Return the model label of a call for which no provider was asked."""
        return "" if (record.tenant, record.virtual_model) in self._routes else OTHER


class _Family(Generic[Child]):
    """A metric with its children bound once: a look-up by tuple is a fifth of what `labels()` costs."""

    def __init__(self, metric: Child) -> None:
        self._metric = metric
        self._children: dict[tuple[str, ...], Child] = {}

    def of(self, *values: str) -> Child:
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child

    def keep(self, known: frozenset[str]) -> None:
        """End the series whose namespace, policy or provider is not known any more."""
        names: Sequence[str] = self._metric._labelnames
        bound = [place for place, name in enumerate(names) if name in ("namespace", "policy", "provider")]
        for values in [values for values in self._children if any(values[place] not in known for place in bound)]:
            del self._children[values]
            self._metric.remove(*values)


class _HealthCollector(Collector):
    """Breakers change with time alone, so they are read when they are asked for."""

    def __init__(self, observations: Callable[[], Iterable[Observation]]) -> None:
        self._observations = observations

    def collect(self) -> Iterator[GaugeMetricFamily]:
        breakers = GaugeMetricFamily(
            "fairlead_circuit_state",
            "Breakers: 0 closed, 1 half open, 2 open.",
            labels=("provider", "credential", "model", "mode"),
        )
        overdue = GaugeMetricFamily(
            "fairlead_overdue_attempts",
            "Attempts that wait without a byte for longer than this model ever takes.",
            labels=("provider", "credential", "model", "mode"),
        )
        serving: dict[str, bool] = {}
        for seen in self._observations():
            labels = (seen.provider, seen.credential, seen.model, seen.mode)
            breakers.add_metric(labels, _BREAKER_VALUES[seen.breaker])
            overdue.add_metric(labels, seen.overdue)
            serving[seen.provider] = serving.get(seen.provider, False) or seen.breaker is BreakerState.CLOSED
        healthy = GaugeMetricFamily(
            "fairlead_provider_healthy",
            "1 if any breaker of the provider is closed in this proxy; absent while nothing was observed.",
            labels=("provider",),
        )
        for provider, able in serving.items():
            healthy.add_metric((provider,), int(able))
        yield from (breakers, overdue, healthy)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing to read before the first scrape."""
        return iter(())
