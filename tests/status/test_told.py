"""An object that is passed over because its status has been told is one that nothing would have been written on."""

from typing import Any

import msgspec
from doubles.compiled import NOW, read_inventory
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead_operator.compiler.compile import Compilation, compile_inventory
from fairlead_operator.heard import HeardProxy
from fairlead_operator.inventory import Inventory
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.health import merge_reports
from fairlead_operator.status.proxies import FleetLog
from fairlead_operator.status.told import Told
from fairlead_operator.status.write_budget import StatusLedger, StatusWrite
from fairlead_proxy.contract.names import BreakerState, FailureClass, Mode
from fairlead_proxy.contract.report import Observation, ProxyReport, Refusal
from fairlead_proxy.contract.usage_of_day import Spent, UsageOfDay, day_of

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
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: spare, namespace: platform}
spec: {type: Simulated, models: [{name: m}], consumers: {namespaceSelector: {}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: steady, namespace: team}
spec:
  gatewayRef: {name: main, namespace: platform}
  models: [steady]
  rules: [{name: r, route: {targets: [{provider: {name: sim, namespace: platform}, model: m}]}}]
---
"""
EDITED = """
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: edited, namespace: team, generation: {generation}}}
spec:
  gatewayRef: {{name: main, namespace: platform}}
  models: [m-{generation}]
  rules:
  - name: r
    route:
      targets:
      - {{provider: {{name: sim, namespace: platform}}, model: m}}
      - {{provider: {{name: {second}, namespace: platform}}, model: m, priority: 1}}
"""
INVENTORIES = [
    read_inventory(PLATFORM + EDITED.format(generation=generation, second=second))
    for generation, second in ((1, "spare"), (2, "sim"), (3, "nobody"))
] + [read_inventory(PLATFORM)]
COMPILATIONS = [compile_inventory(inventory) for inventory in INVENTORIES]

SEEN = st.sampled_from(("good", "bad", "old", "unseen"))
PROXIES = st.fixed_dictionaries(
    {
        "ready": st.booleans(),
        "state": st.one_of(st.none(), st.integers(0, len(INVENTORIES) - 1)),
        "age": st.sampled_from((0.0, 0.0, 11.0)),
        "refuses": st.booleans(),
        "sim": SEEN,
        "spare": SEEN,
    }
)
PASSES = st.fixed_dictionaries(
    {
        "seconds": st.sampled_from((0.3, 1.0, 4.0, 70.0)),
        "state": st.sampled_from((0, 0, 0, 1, 2, 3)),
        "proxies": st.lists(PROXIES, max_size=3),
        "repeat": st.integers(1, 3),
    }
)


def observation(provider: str, seen: str, now: float) -> list[Observation]:
    at = now - 100 if seen == "old" else now - 1
    bad = seen == "bad"
    made = Observation(
        provider=f"platform/{provider}",
        credential="anonymous",
        model="m",
        mode=Mode.PLAIN,
        breaker=BreakerState.OPEN if bad else BreakerState.CLOSED,
        reason=FailureClass.SERVER_ERROR if bad else None,
        until=now + 5 if bad else None,
        attempts=10,
        failures=10 if bad else 0,
        last_attempt=at,
        last_success=None if bad else at,
        ttft_p95_seconds=0.1,
    )
    return [] if seen == "unseen" else [made]


def heard(number: int, given: dict[str, Any], now: float) -> HeardProxy:
    if given["state"] is None:
        return HeardProxy(f"proxy-{number}", given["ready"])
    refused = (Refusal(key="RoutePolicy/team/edited", message="too new"),) if given["refuses"] else ()
    report = ProxyReport(
        proxy=f"proxy-{number}",
        sequence=1,
        now=now,
        revision=COMPILATIONS[given["state"]].gateways["platform/main"].revision,
        refused=refused,
        observations=(*observation("sim", given["sim"], now), *observation("spare", given["spare"], now)),
    )
    return HeardProxy(report.proxy, given["ready"], report, now - given["age"])


class Teller:
    """The status side of an operator, with its own memory of what it wrote."""

    def __init__(self) -> None:
        self.log, self.ledger, self.told = FleetLog(), StatusLedger(), Told()

    def tell(
        self, inventory: Inventory, compilation: Compilation, proxies: list[HeardProxy], now: float
    ) -> tuple[list[StatusWrite], bool]:
        gateway = compilation.gateways["platform/main"]
        self.log.note_published(gateway.revision, [each.header.hash for each in gateway.fragments], now)
        self.ledger.forget_others(compilation.verdicts)
        views = {"platform/main": self.log.view("platform/main", proxies, now)}
        facts = Facts(now, views, merge_reports(proxies, now))
        wanted, early = self.told.changed(compilation.verdicts, inventory, facts, self.ledger)
        writes = self.ledger.choose(wanted, now)
        for write in writes:
            self.ledger.done(write, now)
        return writes, early


@settings(max_examples=150, deadline=None)
@given(passes=st.lists(PASSES, min_size=2, max_size=8))
def test_every_pass_writes_what_it_would_write_if_nothing_were_passed_over(passes: list[dict[str, Any]]) -> None:
    remembering, forgetful = Teller(), Teller()
    now = NOW
    for each in [one for one in passes for _ in range(one["repeat"])]:
        now += each["seconds"]
        forgetful.told = Told()
        proxies = [heard(number, given, now) for number, given in enumerate(each["proxies"])]
        world = INVENTORIES[each["state"]], COMPILATIONS[each["state"]], proxies, now
        assert remembering.tell(*world) == forgetful.tell(*world)


def test_an_object_of_which_all_is_told_is_passed_over_until_something_changes() -> None:
    teller = Teller()
    given = {"ready": True, "state": 0, "age": 0.0, "refuses": False, "sim": "good", "spare": "good"}
    steady = [heard(0, given, NOW)]
    for second in range(3):
        teller.tell(INVENTORIES[0], COMPILATIONS[0], steady, NOW + second)
    facts = Facts(
        NOW + 3, {"platform/main": teller.log.view("platform/main", steady, NOW + 3)}, merge_reports(steady, NOW)
    )
    left, _ = teller.told.changed(COMPILATIONS[0].verdicts, INVENTORIES[0], facts, teller.ledger)
    assert [str(found.ref) for found, _ in left] == ["ModelGateway platform/main"]
    down = [heard(0, {**given, "sim": "bad"}, NOW + 4)]
    facts = Facts(
        NOW + 4, {"platform/main": teller.log.view("platform/main", down, NOW + 4)}, merge_reports(down, NOW + 4)
    )
    changed, _ = teller.told.changed(COMPILATIONS[0].verdicts, INVENTORIES[0], facts, teller.ledger)
    assert "RoutePolicy team/steady" in [str(found.ref) for found, _ in changed]


def using(tokens: int, now: float) -> HeardProxy:
    """Return a proxy that serves and has used so many tokens today."""
    given = {"ready": True, "state": 0, "age": 0.0, "refuses": False, "sim": "good", "spare": "good"}
    proxy = heard(0, given, now)
    spent = Spent(input_tokens=tokens, output_tokens=tokens)
    usage = UsageOfDay(day=day_of(now), providers={"platform/sim": spent}, policies={"team/steady": spent})
    assert proxy.report is not None
    report = msgspec.structs.replace(proxy.report, usage=usage)
    return HeardProxy(proxy.name, True, report, proxy.heard_at)


def writes_of(teller: Teller, tokens: int, now: float) -> list[str]:
    writes, _ = teller.tell(INVENTORIES[0], COMPILATIONS[0], [using(tokens, now)], now)
    return sorted(str(write.ref) for write in writes)


def test_what_was_used_is_written_no_more_often_than_every_half_minute() -> None:
    teller = Teller()
    writes_of(teller, 0, NOW)
    written = [(second, ref) for second in range(1, 92) for ref in writes_of(teller, second * second, NOW + second)]
    used = ("ModelProvider platform/sim", "RoutePolicy team/steady")
    assert written == [(second, ref) for second in (30, 60, 90) for ref in used]


def test_nothing_is_written_while_nothing_is_used() -> None:
    teller = Teller()
    writes_of(teller, 0, NOW)
    writes_of(teller, 1_000, NOW + 31)
    assert [writes_of(teller, 1_000, NOW + second) for second in range(32, 200)] == [[]] * 168
    assert [writes_of(teller, 1_090, NOW + second) for second in range(200, 240)] == [[]] * 40


def test_an_object_whose_calls_change_no_figure_that_is_shown_is_passed_over() -> None:
    teller = Teller()
    for second, tokens in ((0, 1_000), (31, 1_000), (32, 1_001)):
        writes_of(teller, tokens, NOW + second)
    proxies = [using(1_050, NOW + 33)]
    views = {"platform/main": teller.log.view("platform/main", proxies, NOW + 33)}
    facts = Facts(NOW + 33, views, merge_reports(proxies, NOW + 33))
    left, _ = teller.told.changed(COMPILATIONS[0].verdicts, INVENTORIES[0], facts, teller.ledger)
    assert [str(found.ref) for found, _ in left] == ["ModelGateway platform/main"]
