"""Every metric of a proxy, by name. Label values come from the configuration; whatever it does not know is `other`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import BreakerState
from fairlead_proxy.contract.price import NANO
from fairlead_proxy.contract.report import Observation
from fairlead_proxy.contract.usage_of_day import Spent
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.telemetry.decisions import outcome_word
from fairlead_proxy.telemetry.series import Group, Latencies, Values, counters, histograms
from fairlead_proxy.telemetry.tally import Count, Tally, Used

OTHER = "other"

_DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
_TTFT_BUCKETS = (0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)
_BREAKER_VALUES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
_USD = "USD"
_TARGET = ("namespace", "policy", "rule", "provider", "model")


class Metrics:
    """The metrics of one process, in the registry given. Calls of one loop only: nothing is locked.

    `in_flight`: calls being served now, counted up and down by who serves them. `catch_up` is called before anything is
    shown: it may have calls that have ended counted first.
    """

    def __init__(self, registry: CollectorRegistry, catch_up: Callable[[], None] = lambda: None) -> None:
        self.registry = registry
        self._catch_up = catch_up
        self._tallies: list[Tally] = []
        self._requests = Group((*_TARGET, "code", "reason"), Count)
        self._attempts = Group(("provider", "model", "outcome"), Count)
        self._used = Group(_TARGET, Used)
        self._durations = Group(("namespace", "provider", "model"), lambda: Latencies(_DURATION_BUCKETS))
        self._ttfts = Group(("namespace", "provider", "model"), lambda: Latencies(_TTFT_BUCKETS))
        self.in_flight = 0
        in_flight = Gauge("fairlead_inflight_requests", "Calls being served now.", registry=registry)
        in_flight.set_function(lambda: self.in_flight)
        self._config_info = Gauge(
            "fairlead_config_info", "1 for the revision in force.", ("revision",), registry=registry
        )
        self._apply_failures = Counter(
            "fairlead_config_apply_failures", "Snapshots or fragments that were refused.", registry=registry
        )
        self._loaded_at = Gauge(
            "fairlead_config_loaded_timestamp_seconds", "When the revision in force was loaded.", registry=registry
        )
        self._certificate_expiry = Gauge(
            "fairlead_certificate_expiry_timestamp_seconds",
            "When the certificate that a TLS listener shows ends.",
            ("listener",),
            registry=registry,
        )
        self._namespaces: frozenset[str] = frozenset()
        self._routes: frozenset[tuple[str, str]] = frozenset()
        registry.register(_CallCollector(self._families))

    def adopt(self, config: GatewayConfig) -> None:
        """Take the label values from this configuration; series of what is gone from it end."""
        self._post()
        self._tallies = []
        self._namespaces = frozenset(policy.namespace for policy in config.policies.values())
        self._routes = frozenset(config.offers)
        owners = (provider.namespace for provider in config.providers.values())  # who their probes are booked to
        known = self._namespaces.union(config.providers, config.policies, owners, ("", OTHER))
        for group in (self._requests, self._attempts, self._used, self._durations, self._ttfts):
            group.keep(known)

    def config_loaded(self, revision: str, now: float) -> None:
        """A revision came into force."""
        self._config_info.clear()
        self._config_info.labels(revision).set(1)
        self._loaded_at.set(now)

    def certificates_shown(self, expiries: Mapping[str, float]) -> None:
        """When what each TLS listener shows ends, in Unix seconds; series of listeners that are not named end."""
        self._certificate_expiry.clear()
        for listener, expiry in expiries.items():
            self._certificate_expiry.labels(listener).set(expiry)

    def config_refused(self) -> None:
        """A snapshot, a fragment or a key ring could not be loaded."""
        self._apply_failures.inc()

    def count(self, records: Sequence[CallRecord]) -> None:
        """Count calls that have ended, each with its last attempt if that one answered."""
        tallies = self._tallies
        for record in records:
            last = record.last
            if last is not None and last.failure is None:
                if record.code == 200 and record.reason == "ok" and not record.earlier and last.usage is not None:
                    kept = last.step.shelf.tally  # as nearly every call ends
                    if isinstance(kept, Tally) and kept.kept_in is tallies:
                        tally = kept
                    else:
                        tally = self._open_tally(record, last)
                    tally.add(last, last.usage, record.ended_at - record.started_at)
                    if last.first_token_at is not None:
                        self._count_ttft(tally.namespace, last, last.first_token_at - record.started_at)
                    continue
                self._count_attempt(record, last)
            self._count(record, last)

    def attempt_failed(self, record: CallRecord, outcome: Outcome) -> None:
        """Count an attempt that did not answer, with its tokens and cost; one that did is counted with its call."""
        self._count_attempt(record, outcome)

    def count_probe(self, record: CallRecord, outcome: Outcome) -> None:
        """Count a probe that was a real call, with its tokens and cost: an attempt, but nobody's call."""
        self._count_attempt(record, outcome)

    def show_health(self, observations: Callable[[], Iterable[Observation]]) -> None:
        """Show breakers and health at each scrape, from what `observations` returns then. Once a process."""
        self.registry.register(_HealthCollector(observations))

    def show_tasks(self, count: Callable[[], int]) -> None:
        """Show at each scrape how many tasks the process has, as `count` returns it then. Once a process."""
        tasks = Gauge("fairlead_tasks", "Tasks of the event loop; calls are none.", registry=self.registry)
        tasks.set_function(count)

    def used_so_far(self) -> Iterator[tuple[Values, Spent]]:
        """Yield what each series of tokens holds, by namespace, policy, rule, provider and model."""
        self._post()
        for values, used in self._used.items():
            yield values, used.spent()

    def _post(self) -> None:
        """Bring the series up to date."""
        self._catch_up()
        for tally in self._tallies:
            tally.post()

    def _open_tally(self, record: CallRecord, last: Outcome) -> Tally:
        namespace, provider, model = self._namespace(record), last.provider, last.model
        labels = (record.policy, record.rule, provider, model)
        tally = Tally(
            self._tallies,
            last.step,
            namespace,
            self._requests.of(namespace, *labels, "200", "ok"),
            self._attempts.of(provider, model, outcome_word(None)),
            self._used.of(record.tenant, *labels),
            self._durations.of(namespace, provider, model),
        )
        self._tallies.append(tally)
        last.step.shelf.tally = tally
        return tally

    def _count(self, record: CallRecord, last: Outcome | None) -> None:
        namespace = self._namespace(record)
        provider, model = (last.provider, last.model) if last else ("", self._unasked_model(record))
        self._requests.of(
            namespace, record.policy, record.rule, provider, model, str(record.code), record.reason
        ).number += 1
        self._durations.of(namespace, provider, model).observe(record.ended_at - record.started_at)
        ttft = record.ttft_seconds
        if last is not None and ttft is not None:
            self._count_ttft(namespace, last, ttft)

    def _count_ttft(self, namespace: str, last: Outcome, seconds: float) -> None:
        self._ttfts.of(namespace, last.provider, last.model).observe(seconds)

    def _count_attempt(self, record: CallRecord, outcome: Outcome) -> None:
        self._attempts.of(outcome.provider, outcome.model, outcome_word(outcome.failure)).number += 1
        if outcome.usage is not None:
            used = self._used.of(record.tenant, record.policy, record.rule, outcome.provider, outcome.model)
            used.add(outcome.usage, outcome.cost, outcome.currency)

    def _namespace(self, record: CallRecord) -> str:
        return record.tenant if record.tenant in self._namespaces else OTHER

    def _unasked_model(self, record: CallRecord) -> str:
        """Return the model label of a call for which no provider was asked."""
        return "" if (record.tenant, record.virtual_model) in self._routes else OTHER

    def _families(self) -> Iterator[Metric]:
        self._post()
        yield counters(
            "fairlead_requests",
            "Calls, by what the client got.",
            self._requests.names,
            ((values, count.number) for values, count in self._requests.items()),
        )
        yield histograms(
            "fairlead_request_duration_seconds",
            "From a call's admission to its end.",
            self._durations.names,
            self._durations.items(),
        )
        yield histograms(
            "fairlead_ttft_seconds",
            "From a streamed call's admission to its first content, failed attempts included.",
            self._ttfts.names,
            self._ttfts.items(),
        )
        yield counters(
            "fairlead_tokens",
            "Tokens booked. The directions do not overlap: input, cached_input, cache_write, cache_write_long, output.",
            (*_TARGET, "direction"),
            ((values, tokens) for values, tokens in self._tokens() if tokens),
        )
        yield counters(
            "fairlead_cost_usd",
            "Cost of the tokens with a known price in USD.",
            _TARGET,
            ((values, used.cost_nano[_USD] / NANO) for values, used in self._used.items() if _USD in used.cost_nano),
        )
        yield counters(
            "fairlead_unpriced_attempts",
            "Attempts with tokens whose price is unknown.",
            _TARGET,
            ((values, used.unpriced) for values, used in self._used.items() if used.unpriced),
        )
        yield counters(
            "fairlead_attempts",
            "Attempts, by outcome.",
            self._attempts.names,
            ((values, count.number) for values, count in self._attempts.items()),
        )

    def _tokens(self) -> Iterator[tuple[Values, int]]:
        for values, used in self._used.items():
            yield (*values, "input"), used.input
            yield (*values, "cached_input"), used.cached_input
            yield (*values, "cache_write"), used.cache_write
            yield (*values, "cache_write_long"), used.cache_write_long
            yield (*values, "output"), used.output


class _CallCollector(Collector):
    """Makes samples of what was counted. `families` returns them all."""

    def __init__(self, families: Callable[[], Iterator[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return self._families()


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
