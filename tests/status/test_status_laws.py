"""Laws of the status: no truth without evidence, no order, no bloat, and few writes."""

import json
import random
from dataclasses import replace
from typing import Any

import msgspec
from doubles.compiled import NOW, read_inventory
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_operator.compiler.compile import Compilation, compile_inventory
from fairlead_operator.heard import HeardProxy
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.status_schema import RoutePolicyStatus
from fairlead_operator.status.conditions import conditions_of
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.health import FleetHealth, HealthState, merge_reports
from fairlead_operator.status.proxies import REVISIONS_KEPT, FleetLog
from fairlead_operator.status.status_of import status_of
from fairlead_operator.status.write_budget import StatusLedger
from fairlead_operator.verdict import Reason, RuleView, Ruling, Truth, Verdict
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode
from fairlead_proxy.contract.report import Observation, ProbeResult, ProxyReport

FAILURES = [None, FailureClass.RATE_LIMITED, FailureClass.UNREACHABLE, FailureClass.STREAM_STALLED]
INSTANTS = st.one_of(st.none(), st.floats(NOW - 400, NOW))
OBSERVATIONS = st.builds(
    Observation,
    provider=st.just("p/one"),
    credential=st.sampled_from("ab"),
    model=st.sampled_from("mn"),
    mode=st.sampled_from(Mode),
    breaker=st.sampled_from(BreakerState),
    reason=st.sampled_from(FAILURES),
    until=st.one_of(st.none(), st.floats(NOW - 100, NOW + 300)),
    attempts=st.integers(0, 100),
    failures=st.integers(0, 100),
    last_attempt=INSTANTS,
    last_success=INSTANTS,
)
PROBES = st.builds(
    ProbeResult,
    provider=st.just("p/one"),
    credential=st.sampled_from("ab"),
    at=st.floats(NOW - 400, NOW),
    reason=st.sampled_from(FAILURES),
)


@st.composite
def fleets(draw: st.DrawFn) -> list[HeardProxy]:
    proxies = []
    for number in range(draw(st.integers(0, 5))):
        report = ProxyReport(
            proxy=f"proxy-{number}",
            sequence=1,
            now=NOW,
            revision="r-1",
            observations=tuple(draw(st.lists(OBSERVATIONS, max_size=6))),
            probes=tuple(draw(st.lists(PROBES, max_size=2))),
        )
        proxies.append(HeardProxy(report.proxy, True, report, NOW - draw(st.sampled_from([0.0, 5.0, 11.0]))))
    return proxies


def evidence_is_old(proxy: HeardProxy) -> bool:
    assert proxy.report is not None
    instants = [each.last_attempt for each in proxy.report.observations] + [each.at for each in proxy.report.probes]
    return all(instant is None or instant < NOW - 60 for instant in instants)


@settings(max_examples=100, deadline=None)
@given(proxies=fleets())
def test_health_is_never_true_without_fresh_evidence(proxies: list[HeardProxy]) -> None:
    silent = [replace(proxy, heard_at=NOW - 10.1) for proxy in proxies]
    idle = [proxy for proxy in proxies if evidence_is_old(proxy)]
    assert merge_reports(silent, NOW).of("p/one").truth is Truth.UNKNOWN
    assert merge_reports(idle, NOW).of("p/one").truth is not Truth.TRUE
    assert merge_reports([], NOW).of("p/one").truth is Truth.UNKNOWN


@settings(max_examples=100, deadline=None)
@given(proxies=fleets(), seed=st.integers(0, 1000))
def test_the_order_of_proxies_and_observations_does_not_matter(proxies: list[HeardProxy], seed: int) -> None:
    rng = random.Random(seed)
    mixed = []
    for proxy in rng.sample(proxies, len(proxies)):
        assert proxy.report is not None
        observations = list(proxy.report.observations)
        rng.shuffle(observations)
        report = ProxyReport(
            proxy=proxy.name,
            sequence=1,
            now=NOW,
            revision="r-1",
            observations=tuple(observations),
            probes=proxy.report.probes,
        )
        mixed.append(replace(proxy, report=report))
    before, after = merge_reports(proxies, NOW).of("p/one"), merge_reports(mixed, NOW).of("p/one")
    assert (after.state, after.reason, after.models, after.credentials) == (
        before.state,
        before.reason,
        before.models,
        before.credentials,
    )


@settings(max_examples=100, deadline=None)
@given(proxies=fleets())
def test_true_needs_more_than_half_of_the_observers(proxies: list[HeardProxy]) -> None:
    health = merge_reports(proxies, NOW).of("p/one")
    serving = health.observers - health.against
    assert (health.truth is Truth.TRUE) == (serving * 2 > health.observers)
    assert (health.state in (HealthState.HEALTHY, HealthState.DEGRADED)) == (health.truth is Truth.TRUE)


def test_the_last_thirty_two_revisions_are_known_and_of_older_ones_the_proxy_is_asked_until_it_has_answered() -> None:
    log = FleetLog()
    for number in range(REVISIONS_KEPT + 1):
        log.note_published(f"r-{number}", [f"h-{number}"], NOW)
    reports = [ProxyReport(proxy=f"p-{number}", sequence=1, now=NOW, revision=f"r-{number}") for number in range(2)]
    unasked = [HeardProxy(report.proxy, True, report, NOW) for report in reports]
    assert log.view("p/main", unasked, NOW).unknown == ("p-0",)
    answer = msgspec.structs.replace(reports[0], fragments={"ModelGateway/p/main": "h-0"})
    answered = log.view("p/main", [HeardProxy("p-0", True, answer, NOW), HeardProxy("p-2", True)], NOW)
    assert answered.unknown == ()
    assert answered.ready[0].serves("ModelGateway/p/main", "h-0")


def test_a_policy_of_64_rules_with_long_names_stays_within_its_bytes() -> None:
    long = "n" * 63
    target = f"{long}/{long}/{'m' * 128}"
    rules = tuple(RuleView(f"{'r' * 60}{number:03}", (target, target), keyless=(target,)) for number in range(64))
    names = ", ".join(rule.name for rule in rules)
    verdict = Verdict(
        ref=ObjectRef(Kind.ROUTE_POLICY, long, long),
        uid="u",
        generation=1,
        accepted=Ruling(Truth.TRUE, Reason.ACCEPTED),
        resolved_refs=Ruling(Truth.FALSE, Reason.PARTIALLY_RESOLVED, "x" * 2000),
        fragments={"p/main": "h"},
        redundant=Ruling(Truth.FALSE, Reason.SINGLE_FAILURE_DOMAIN, names),
        rules=rules,
    )
    status = status_of(verdict, Facts(NOW, {}, FleetHealth()), {})
    assert status is not None
    assert len(json.dumps(status).encode()) < 8 * 1024
    assert len(status["rules"]) > 10
    assert all(len(condition["message"]) <= 1024 for condition in status["conditions"])
    RoutePolicyStatus.model_validate(status)


PLATFORM = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: platform}
spec: {tenants: {namespaceSelector: {}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: sim, namespace: platform}
spec: {type: Simulated, models: [{name: m}], consumers: {namespaceSelector: {}}}
---
"""
POLICY = """
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: bot, namespace: team-{number}, generation: {generation}}}
spec:
  gatewayRef: {{name: main, namespace: platform}}
  models: [smart]
  rules: [{{name: r{generation}, route: {{targets: [{{provider: {{name: sim, namespace: platform}}, model: m}}]}}}}]
"""


def platform_of(policies: int, edited: int | None = None) -> Inventory:
    texts = [POLICY.format(number=number, generation=2 if number == edited else 1) for number in range(policies)]
    return read_inventory(PLATFORM + "---".join(texts))


class Operator:
    """The status side of an operator: one gateway, its log and the ledger; counts what it writes."""

    def __init__(self, inventory: Inventory) -> None:
        self.ledger = StatusLedger()
        self.log = FleetLog()
        self.use(inventory, NOW)

    def use(self, inventory: Inventory, now: float) -> None:
        self.inventory = inventory
        self.compilation: Compilation = compile_inventory(inventory)
        self.gateway = self.compilation.gateways["platform/main"]
        hashes = [fragment.header.hash for fragment in self.gateway.fragments]
        self.log.note_published(self.gateway.revision, hashes, now)

    def tell(self, proxies: list[HeardProxy], now: float) -> list[str]:
        """Make one pass; return the objects whose status was written."""
        views = {"platform/main": self.log.view("platform/main", proxies, now, address="main.platform.svc:8080")}
        facts = Facts(now, views, merge_reports(proxies, now))
        wanted: list[tuple[Any, Any]] = []
        for ref, verdict in self.compilation.verdicts.items():
            found = self.inventory.find(ref)
            assert found is not None
            status = status_of(verdict, facts, self.ledger.status_now(found))
            wanted += [(found, status)] if status is not None else []
        written = self.ledger.choose(wanted, now)
        for write in written:
            self.ledger.done(write, now)
        return [str(write.ref) for write in written]

    def settle(self, proxies: list[HeardProxy], now: float) -> float:
        """Make passes until nothing is written any more; return when that was."""
        while self.tell([replace(proxy, heard_at=now) for proxy in proxies], now):
            now += 1.0
        return now

    def proxy(self, name: str, now: float, revision: str | None = None, *, attempts: int = 10) -> HeardProxy:
        seen = Observation(
            provider="platform/sim",
            credential="anonymous",
            model="m",
            mode=Mode.PLAIN,
            attempts=attempts,
            last_attempt=now,
            last_success=now,
            ttft_p95_seconds=0.1,
        )
        report = ProxyReport(
            proxy=name, sequence=1, now=now, revision=revision or self.gateway.revision, observations=(seen,)
        )
        return HeardProxy(name, True, report, now)


def settled(policies: int) -> tuple[Operator, float]:
    operator = Operator(platform_of(policies))
    return operator, operator.settle([operator.proxy(name, NOW) for name in "abc"], NOW)


def test_one_edit_writes_its_policy_and_the_gateway_once() -> None:
    operator, now = settled(30)
    before = operator.gateway.revision
    operator.use(platform_of(30, edited=7), now)
    written = operator.tell([operator.proxy(name, now, before) for name in "abc"], now)
    written += operator.tell([operator.proxy(name, now + 0.3, None if name == "a" else before) for name in "abc"], now)
    later = [now + 0.6 + number * 0.5 for number in range(240)]
    for moment in later:
        written += operator.tell([operator.proxy(name, moment) for name in "abc"], moment)
    assert sorted(written) == ["ModelGateway platform/main", "RoutePolicy team-7/bot"]


def test_a_replaced_pod_writes_nothing_but_the_gateway() -> None:
    operator, now = settled(30)
    written: list[str] = []
    for number in range(120):
        moment = now + number * 0.5
        newcomer = HeardProxy("d", True) if number < 14 else operator.proxy("d", moment)
        names = "abc" if number < 4 else "ab"
        joined = [newcomer] if number >= 10 else []
        written += operator.tell([*(operator.proxy(name, moment) for name in names), *joined], moment)
    assert {ref for ref in written if ref.startswith("RoutePolicy")} == set()
    assert {ref for ref in written if ref.startswith("ModelGateway")} == {"ModelGateway platform/main"}


def test_an_operator_that_comes_back_writes_nothing() -> None:
    operator, now = settled(30)
    successor = Operator(operator.inventory)
    found = {ref: operator.inventory.find(ref) for ref in operator.compilation.verdicts}
    seen = [replace(each, status=operator.ledger.status_now(each)) for each in found.values() if each is not None]
    successor.inventory = Inventory.of(seen, namespaces=operator.inventory.namespaces)
    unheard = [HeardProxy(name, True) for name in "abc"]
    written = successor.tell(unheard, now + 5) + successor.tell(unheard, now + 7)
    for number in range(20):
        moment = now + 7.5 + number * 0.5
        written += successor.tell([operator.proxy(name, moment) for name in "abc"], moment)
    assert written == []


def test_two_quiet_minutes_write_nothing_once_the_last_call_is_six_minutes_ago() -> None:
    operator, now = settled(5)
    proxies = [operator.proxy(name, now) for name in "abc"]
    idle = ProxyReport(proxy="", sequence=2, now=now, revision=operator.gateway.revision)
    written: list[str] = []
    for number in range(480):
        moment = now + number
        fading = [replace(proxy, heard_at=moment) for proxy in proxies] if number < 300 else []
        gone = [HeardProxy(name, True, idle, moment) for name in "abc"] if number >= 300 else []
        told = operator.tell(fading or gone, moment)
        written += told if number >= 360 else []
    assert written == []
    (provider,) = operator.inventory.providers.values()
    healthy = conditions_of(operator.ledger.status_now(provider))["Healthy"]
    assert (healthy["status"], healthy["reason"]) == ("Unknown", "NoTraffic")
