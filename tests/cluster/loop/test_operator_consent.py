"""Consent that its owner withdraws, on a real API server: one tenant's traffic stops, another's does not notice."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from cluster.loop.stage import Json, Stage, gateway, policy, simulated, status_of
from cluster.processes import wait_until
from doubles.figures import SLACK, Figures
from fence.stage_canaries import KEYS

PROMISED_SECONDS = 5.0
CALL_EVERY_SECONDS = 0.03
CALLS_THAT_MEET_EVERY_PROXY = 24
"""Each call is a connection of its own, and the Service takes proxies in turn or at random."""
NO_ANSWER = 0
TENANT = "fairlead.dev/tenant"
Act = Callable[[], object]


@dataclass(slots=True)
class Calls:
    """One tenant's calls, one after another; `seen` holds when each began (monotonic seconds) and its HTTP status."""

    address: str
    key: str
    seen: list[tuple[float, int]] = field(default_factory=list)

    def run(self, ending: threading.Event) -> None:
        while not ending.wait(CALL_EVERY_SECONDS):
            began = time.monotonic()
            try:
                status = status_of(self.address, "smart", key=self.key)
            except OSError:
                status = NO_ANSWER
            self.seen.append((began, status))

    def statuses(self, *, since: float = 0.0) -> set[int]:
        return {status for began, status in self.seen if began >= since}

    def latest(self, *, since: float) -> set[int]:
        """Return the statuses of the latest calls that began since then; none before every proxy has been met."""
        found = [status for began, status in self.seen if began >= since][-CALLS_THAT_MEET_EVERY_PROXY:]
        return set(found) if len(found) == CALLS_THAT_MEET_EVERY_PROXY else set()


@dataclass(frozen=True, slots=True)
class Two:
    """A tenant from whom consent is withdrawn, and another beside it, both with calls that succeed."""

    stage: Stage
    team: str
    other: str
    calls: Calls
    others: Calls

    def edit(self, kind: str, name: str, path: str, value: Json) -> None:
        """Put this value at this path of an object of the platform's."""
        patch = json.dumps([{"op": "replace", "path": path, "value": value}])
        self.stage.kubectl("patch", kind, name, "-n", self.stage.platform, "--type=json", "-p", patch)

    def named(self, *teams: str) -> Json:
        """Return the selector of these namespaces by their names."""
        expression = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(teams)}
        return {"namespaceSelector": {"matchExpressions": [expression]}}


@pytest.fixture
def two(stage: Stage) -> Iterator[Two]:
    """Two teams of a gateway with two proxies; the provider `shared` is for the one, `spare` for the other."""
    team, other = (stage.tenant(**{TENANT: "true"}) for _ in range(2))
    stage.create("ModelGateway", "main", gateway())
    key, other_key = KEYS["tenant"], KEYS["neighbour"]
    for namespace, provider, held in ((team, "shared", key), (other, "spare", other_key)):
        labels = {"fairlead.dev/key": "true", "fairlead.dev/tenant-namespace": namespace}
        stage.secret(f"caller-{provider}", labels=labels, key=held)
        stage.create("ModelProvider", provider, simulated())
        spec = policy(stage.platform, [f"{stage.platform}/{provider}/small"])
        stage.create("RoutePolicy", "smart", spec, namespace=namespace)
    address = stage.serving()
    for namespace in (team, other):
        stage.wait_for("routepolicy", "smart", "Programmed", "True", namespace=namespace)
    with calling(address, key) as calls, calling(address, other_key) as others:
        wait_until(lambda: calls.latest(since=0.0) == others.latest(since=0.0) == {200}, what="both are served")
        yield Two(stage, team, other, calls, others)


@contextmanager
def calling(address: str, key: str) -> Iterator[Calls]:
    """Have a tenant call, in a thread of its own, until the end of the block."""
    calls, ending = Calls(address, key), threading.Event()
    thread = threading.Thread(target=calls.run, args=(ending,), name="calls")
    thread.start()
    try:
        yield calls
    finally:
        ending.set()
        thread.join()


def seconds_until_stopped(two: Two, withdraw: Act, reason: str, refused: int) -> tuple[float, str]:
    """Withdraw consent; return how long calls still succeeded, and what the policy's status says of it.

    The time runs from before the owner's edit is sent to the beginning of the last call that was answered.
    Raise AssertionError where a call got anything but an answer or, later, this status.
    """
    assert two.calls.statuses() == {200}
    edited = time.monotonic()
    withdraw()
    wait_until(
        lambda: two.calls.latest(since=edited) == {refused},
        what=f"calls get {refused}",
        seconds=SLACK * PROMISED_SECONDS,
    )
    told = two.stage.wait_for("routepolicy", "smart", "ResolvedRefs", "False", reason, namespace=two.team)
    seen = time.monotonic()
    wait_until(lambda: two.calls.latest(since=seen) == {refused}, what="every proxy still refuses")
    wait_until(lambda: two.others.latest(since=seen) == {200}, what="the other tenant is served meanwhile")
    assert two.calls.statuses() == {200, refused}
    last = max(began for began, status in two.calls.seen if status == 200)
    return max(0.0, last - edited), str(told["message"])


def has_traffic_again(two: Two, give: Act) -> None:
    """Give consent again, wait until every call of the tenant is answered, and see that the other missed none."""
    given = time.monotonic()
    give()
    wait_until(
        lambda: two.calls.latest(since=given) == {200}, what="calls are answered", seconds=SLACK * PROMISED_SECONDS
    )
    two.stage.wait_for("routepolicy", "smart", "ResolvedRefs", "True", namespace=two.team)
    two.stage.wait_for("routepolicy", "smart", "Programmed", "True", namespace=two.team)
    assert two.others.statuses() == {200}


def test_calls_stop_once_a_provider_has_no_more_consumers(two: Two, figures: Figures) -> None:
    seconds, told = seconds_until_stopped(
        two, lambda: two.edit("modelprovider", "shared", "/spec/consumers", {}), "ProviderNotFound", 404
    )
    figures.hold("cluster, consumers withdrawn until calls stop", seconds, bound=PROMISED_SECONDS)
    assert f"no ModelProvider {two.stage.platform}/shared is offered to this namespace by the gateway" in told
    has_traffic_again(two, lambda: two.edit("modelprovider", "shared", "/spec/consumers", two.named(two.team)))


def test_calls_stop_once_a_gateway_admits_the_namespace_no_more(two: Two, figures: Figures) -> None:
    seconds, told = seconds_until_stopped(
        two, lambda: two.edit("modelgateway", "main", "/spec/tenants", two.named(two.other)), "GatewayNotFound", 401
    )
    figures.hold("cluster, tenants withdrawn until calls stop", seconds, bound=PROMISED_SECONDS)
    assert f"no ModelGateway {two.stage.platform}/main exists that admits this namespace" in told
    has_traffic_again(two, lambda: two.edit("modelgateway", "main", "/spec/tenants", two.named(two.team, two.other)))


def test_calls_stop_once_the_namespace_has_lost_the_label_that_admits_it(two: Two, figures: Figures) -> None:
    two.edit("modelgateway", "main", "/spec/tenants", {"namespaceSelector": {"matchLabels": {TENANT: "true"}}})
    two.stage.serving()
    admitted = time.monotonic()
    wait_until(lambda: two.calls.latest(since=admitted) == {200}, what="the label admits the namespace")
    seconds, told = seconds_until_stopped(
        two, lambda: two.stage.kubectl("label", "namespace", two.team, f"{TENANT}-"), "GatewayNotFound", 401
    )
    figures.hold("cluster, a namespace's label taken off until calls stop", seconds, bound=PROMISED_SECONDS)
    assert f"no ModelGateway {two.stage.platform}/main exists that admits this namespace" in told
    has_traffic_again(two, lambda: two.stage.kubectl("label", "namespace", two.team, f"{TENANT}=true"))
