"""Metrics: names, labels from the configuration only, and series that end with what they describe."""

from random import Random

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import error, plain, stream
from doubles.virtual_time import EPOCH, run_virtual
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from fairlead_proxy.contract.names import Operation
from fairlead_proxy.contract.price import NANO, Price, Rates, Tier
from fairlead_proxy.decision.plan import Plan
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.exchange.usage import Usage
from fairlead_proxy.resilience.breaker import Breakers
from fairlead_proxy.telemetry.metrics import Metrics


def test_names_are_what_dashboards_are_built_on() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [error(500)], "b": [stream()]})
        rig.metrics.config_loaded("r-1", EPOCH)
        rig.metrics.config_refused()
        rig.metrics.show_health(lambda: rig.health.observations(EPOCH))
        rig.metrics.show_tasks(lambda: 7)
        await rig.call(stream=True)
        names = {sample.name for metric in rig.registry.collect() for sample in metric.samples}
        assert names >= {
            "fairlead_requests_total",
            "fairlead_request_duration_seconds_bucket",
            "fairlead_ttft_seconds_bucket",
            "fairlead_tokens_total",
            "fairlead_cost_usd_total",
            "fairlead_attempts_total",
            "fairlead_provider_healthy",
            "fairlead_circuit_state",
            "fairlead_inflight_requests",
            "fairlead_tasks",
            "fairlead_config_info",
            "fairlead_config_apply_failures_total",
        }

    run_virtual(main())


def test_call_is_counted_by_what_the_caller_got_and_who_gave_it() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [error(500)], "b": [plain()]})
        await rig.call()
        labels = {
            "namespace": "team",
            "policy": "team/policy",
            "rule": "main",
            "provider": "team/b",
            "model": "m",
            "code": "200",
            "reason": "ok",
        }
        assert rig.sample("fairlead_requests_total", **labels) == 1
        assert rig.sample("fairlead_requests_total") == 1

    run_virtual(main())


def test_callers_cannot_make_series() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.adopt(config([provider("a")]))
    for number in range(100):
        record = CallRecord(f"d-{number}", "", f"stranger-{number}", "", "r-1", Operation.CHAT, EPOCH)
        record.close(404, "model_not_found")
        metrics.count([record])
    lines = generate_latest(metrics.registry).decode().splitlines()
    assert [line for line in lines if line.startswith("fairlead_requests_total")] == [
        'fairlead_requests_total{code="404",model="other",namespace="other",policy="",provider="",'
        'reason="model_not_found",rule=""} 100.0'
    ]


CHEAP = Price(rates=Rates(input=150_000_000, output=600_000_000))
DEAR = Price(rates=Rates(input=5 * NANO // 2, output=10 * NANO, cached_input=5 * NANO // 4, cache_write_long=5 * NANO))
KNOWN_IN_PART = Price(rates=Rates(input=NANO))
EUROS = Price(currency="EUR", rates=Rates(input=NANO, output=NANO))
TIERED = Price(
    rates=Rates(input=NANO + 1, output=NANO), tiers=(Tier(above=3000, rates=Rates(input=2 * NANO + 1, output=NANO)),)
)
PRICED = {"a": CHEAP, "b": DEAR, "c": KNOWN_IN_PART, "d": EUROS, "e": None, "f": TIERED}


def counted_usages() -> st.SearchStrategy[Usage]:
    counts = st.integers(0, 5000)
    return st.builds(
        lambda plain, cached, long, output, guessed: Usage(
            plain + cached + long, output, cached, estimated=guessed, cache_write_long_tokens=long
        ),
        counts,
        st.just(0) | counts,
        st.just(0) | counts,
        counts,
        st.booleans(),
    )


@given(st.lists(st.tuples(st.sampled_from(sorted(PRICED)), counted_usages(), st.booleans()), max_size=30))
def test_what_is_shown_is_what_each_call_by_itself_comes_to(calls: list[tuple[str, Usage, bool]]) -> None:
    """However often it is looked at, or a configuration is adopted, in between."""
    adopted = config([provider(name, price=price) for name, price in PRICED.items()])
    (route,) = adopted.offers["team", "smart"].routes
    steps = {linked.steps[0].provider.id: linked.steps[0] for linked in route.targets}
    metrics = Metrics(CollectorRegistry())
    metrics.adopt(adopted)
    costs: dict[str, list[int | None]] = {name: [] for name in PRICED}
    for name, usage, looked_at in calls:
        record = CallRecord("d-1", "", "team", "", "r-1", Operation.CHAT, EPOCH, EPOCH + 1.0, 200, "ok")
        record.plan = Plan(route, (), ())
        step = steps[f"team/{name}"]
        record.attempted(
            Outcome(step, step.plain_cell, Operation.CHAT, EPOCH, EPOCH, usage=usage, cost=usage.cost(PRICED[name]))
        )
        metrics.count([record])
        costs[name].append(usage.cost(PRICED[name]))
        if looked_at:
            generate_latest(metrics.registry)
            metrics.adopt(adopted)

    def shown(sample: str, name: str) -> float | None:
        return sample_of(metrics, sample, provider=f"team/{name}")

    for name, known in costs.items():
        priced = [cost for cost in known if cost is not None]
        in_usd = bool(priced) and name != "d"
        assert shown("fairlead_requests_total", name) == (len(known) or None)
        assert shown("fairlead_attempts_total", name) == (len(known) or None)
        assert shown("fairlead_request_duration_seconds_count", name) == (len(known) or None)
        assert shown("fairlead_unpriced_attempts_total", name) == (known.count(None) or None)
        assert shown("fairlead_cost_usd_total", name) == (sum(priced) / NANO if in_usd else None)
        tokens = sum(usage.input_tokens + usage.output_tokens for called, usage, _ in calls if called == name)
        assert shown("fairlead_tokens_total", name) == (tokens or None)


def sample_of(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Return the sum of the samples with this name and these labels; None where there is none."""
    found = [
        sample.value
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(found) if found else None


def test_series_of_what_left_the_configuration_end() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [error(500)], "b": [plain()]})
        await rig.call()
        rig.metrics.adopt(config([provider("b")]))
        assert rig.sample("fairlead_attempts_total", provider="team/a") == 0
        assert rig.sample("fairlead_attempts_total", provider="team/b") == 1

    run_virtual(main())


def test_only_the_revision_in_force_is_shown() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.config_loaded("r-1", EPOCH)
    metrics.config_loaded("r-2", EPOCH)
    text = generate_latest(metrics.registry).decode()
    assert 'fairlead_config_info{revision="r-2"} 1.0' in text
    assert "r-1" not in text


@pytest.mark.parametrize(("at", "state"), [(0.0, 2), (11.0, 1)])
def test_breakers_are_shown_as_they_stand_when_asked(at: float, state: int) -> None:
    async def main() -> None:
        limited = error(429, "", ("retry-after", "10"))
        rig = Rig(config([provider("a"), provider("b")]), {"a": [limited], "b": [plain()]})
        await rig.call()
        rig.metrics.show_health(lambda: rig.health.observations(EPOCH + at))
        assert rig.sample("fairlead_circuit_state", provider="team/a") == state
        assert rig.sample("fairlead_provider_healthy", provider="team/a") == 0
        assert rig.sample("fairlead_provider_healthy", provider="team/b") == 1

    run_virtual(main())


def test_health_of_a_provider_that_nobody_asked_is_absent() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.show_health(lambda: ())
    assert Breakers(Random(1)).noteworthy() == set()
    assert "fairlead_provider_healthy{" not in generate_latest(metrics.registry).decode()
