"""One pass after another over a world of tables: what one gateway lacks harms no other, and what is told is true."""

import sys

import msgspec
import pytest
from doubles.compiled import NOW, read_inventory
from doubles.table_cluster import TableCluster

from fairlead_operator.cluster.api import ClusterError, NotGranted
from fairlead_operator.price_book.book import Listed, ListedModel, ListedProvider, PriceBook
from fairlead_operator.price_book.clauses import Clause, Op
from fairlead_operator.price_book.shelf import Shelf
from fairlead_operator.reconciler import SETTLE_SECONDS, Reconciler
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.price import Price, Rates
from fairlead_proxy.contract.report import ProxyReport

PLATFORM = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {{name: main, namespace: {namespace}}}
spec: {{}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: sim, namespace: {namespace}}}
spec: {{type: Simulated, models: [{{name: m}}]}}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: bot, namespace: {namespace}, generation: {generation}}}
spec:
  gatewayRef: {{name: main}}
  models: [m-{generation}]
  rules: [{{name: r, route: {{targets: [{{provider: {{name: sim}}, model: m}}]}}}}]
"""
KEYED = """
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: keyed, namespace: closed}
spec: {type: OpenAI, models: [{name: m}], credentials: [{name: a, secretRef: {name: key, key: apiKey}}]}
---
apiVersion: v1
kind: Secret
metadata: {name: key, namespace: closed}
stringData: {apiKey: k-1}
"""
OPEN, CLOSED = "open/main", "closed/main"
FAULTS = {"not granted": NotGranted("403"), "any other": ClusterError("503")}


def world(*, generation: int = 1) -> str:
    both = (PLATFORM.format(namespace=namespace, generation=generation) for namespace in ("open", "closed"))
    return "---".join(both)


def policy(namespace: str) -> ObjectRef:
    return ObjectRef(Kind.ROUTE_POLICY, namespace, "bot")


def gateway(namespace: str) -> ObjectRef:
    return ObjectRef(Kind.MODEL_GATEWAY, namespace, "main")


async def passes(reconciler: Reconciler, cluster: TableCluster, *, seconds: float) -> None:
    """Make passes for so long, by the clock of the table."""
    until = cluster.now + seconds
    while cluster.now < until:
        await cluster.wait_for_change(await reconciler.reconcile())


@pytest.fixture
def cluster() -> TableCluster:
    return TableCluster(read_inventory(world()), now=NOW)


async def test_a_namespace_that_is_not_granted_harms_only_its_own_gateway(cluster: TableCluster) -> None:
    cluster.faults[CLOSED] = NotGranted("GET configmaps: 403")
    await passes(Reconciler(cluster, clock=cluster.clock), cluster, seconds=5)
    assert list(cluster.snapshots) == [OPEN]
    assert cluster.conditions(policy("open"))["Programmed"] == "True/Programmed"
    closed = cluster.conditions(gateway("closed"))
    assert (closed["Accepted"], closed["Programmed"]) == ("False/NotAllowed", "Unknown/NoGateway")
    (accepted,) = [each for each in cluster.statuses[gateway("closed")]["conditions"] if each["type"] == "Accepted"]
    assert "chart" in accepted["message"]
    assert "gatewayNamespaces" in accepted["message"]
    assert cluster.conditions(policy("closed"))["ResolvedRefs"] == "False/GatewayNotFound"


async def test_a_namespace_that_is_granted_later_gets_its_fleet(cluster: TableCluster) -> None:
    cluster.faults[CLOSED] = NotGranted("GET configmaps: 403")
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await passes(reconciler, cluster, seconds=5)
    cluster.faults.clear()
    await passes(reconciler, cluster, seconds=40)
    assert sorted(cluster.snapshots) == [CLOSED, OPEN]
    assert cluster.conditions(gateway("closed"))["Ready"] == "True/Ready"
    assert cluster.conditions(policy("closed"))["Programmed"] == "True/Programmed"


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
async def test_a_fleet_that_cannot_be_published_holds_up_no_edit_of_another(
    cluster: TableCluster, fault: ClusterError
) -> None:
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await passes(reconciler, cluster, seconds=5)
    cluster.faults[CLOSED] = fault
    before = dict(cluster.snapshots)
    cluster.edit(read_inventory(world(generation=2)))
    await passes(reconciler, cluster, seconds=2)
    assert cluster.snapshots[OPEN] != before[OPEN]
    assert cluster.snapshots[CLOSED] == before[CLOSED]
    assert cluster.statuses[policy("open")]["observedGeneration"] == 2
    assert cluster.conditions(policy("open"))["Programmed"] == "True/Programmed"


async def test_a_right_that_is_taken_away_is_told_once_it_is_missed(cluster: TableCluster) -> None:
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await passes(reconciler, cluster, seconds=5)
    cluster.faults[CLOSED] = NotGranted("PATCH configmaps: 403")
    cluster.edit(read_inventory(world(generation=2)))
    await passes(reconciler, cluster, seconds=5)
    assert cluster.conditions(gateway("closed"))["Accepted"] == "False/NotAllowed"


async def test_what_comes_while_secrets_are_asked_for_is_compiled_once_its_own_were() -> None:
    alone = read_inventory(PLATFORM.format(namespace="open", generation=1))
    cluster = TableCluster(alone, now=NOW)
    cluster.arriving = read_inventory(world() + KEYED)
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await reconciler.reconcile()
    assert list(cluster.snapshots) == [OPEN]
    await passes(reconciler, cluster, seconds=5)
    assert sorted(cluster.snapshots) == [CLOSED, OPEN]
    assert cluster.watched == [frozenset(), frozenset({"closed"})]
    keyed = ObjectRef(Kind.MODEL_PROVIDER, "closed", "keyed")
    assert cluster.conditions(keyed)["ResolvedRefs"] == "True/ResolvedRefs"


async def test_a_proxy_on_a_revision_from_before_our_time_is_asked_what_it_serves(cluster: TableCluster) -> None:
    await passes(Reconciler(cluster, clock=cluster.clock), cluster, seconds=5)
    in_force = {each.key: each.header.hash for each in cluster.snapshots[OPEN].fragments}
    # What it serves differs from what is published in one object; it has not loaded the newest revision yet.
    listed = {**in_force, "RoutePolicy/open/bot": "another"}
    report = ProxyReport(proxy="one", sequence=1, now=NOW, revision="r-before")
    cluster.serving[OPEN] = report
    cluster.statuses.clear()
    successor = Reconciler(cluster, clock=cluster.clock)
    await successor.reconcile()
    assert set(cluster.asked) == {f"{OPEN}: one"}
    cluster.serving[OPEN] = msgspec.structs.replace(report, fragments=listed)
    await passes(successor, cluster, seconds=5)
    assert cluster.conditions(ObjectRef(Kind.MODEL_PROVIDER, "open", "sim"))["Programmed"] == "True/Programmed"
    assert cluster.conditions(policy("open"))["Programmed"] == "False/Pending"


async def test_a_list_price_that_changes_is_published_when_its_day_comes_though_nobody_edits_anything() -> None:
    priced = [Price(rates=Rates(input=rate)) for rate in (1, 2)]
    listed = (Listed(price=priced[0]), Listed(price=priced[1], since=int(NOW) + 30))
    entry = ListedModel(id="m", match=Clause(Op.EQUALS, "m"), prices=listed)
    book = PriceBook(
        edition="a book",
        providers=(ListedProvider(id="openai", url_pattern="https://api.openai.com", models=(entry,)),),
    )
    printing = (sys.executable, "-c", "import sys; sys.stdout.write(sys.argv[1])", msgspec.json.encode(book).decode())
    cluster = TableCluster(read_inventory(world() + KEYED), now=NOW)
    reconciler = Reconciler(cluster, clock=cluster.clock, shelf=Shelf({}, generator=printing))
    await passes(reconciler, cluster, seconds=20)
    before = price_published(cluster)
    await passes(reconciler, cluster, seconds=20)
    assert [before, price_published(cluster)] == priced


def price_published(cluster: TableCluster) -> Price | None:
    """Return what the model of the provider with a key costs, as proxies are told."""
    (fragment,) = (each for each in cluster.snapshots[CLOSED].fragments if each.header.id == "closed/keyed")
    document = fragment.read()
    assert isinstance(document, Provider)
    return document.models[0].price


async def test_an_edit_settles_before_it_is_compiled(cluster: TableCluster) -> None:
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await passes(reconciler, cluster, seconds=5)
    before = cluster.snapshots[OPEN]
    cluster.edit(read_inventory(world(generation=2)))
    assert await reconciler.reconcile() == pytest.approx(SETTLE_SECONDS)
    assert cluster.snapshots[OPEN] == before


async def test_an_edit_is_compiled_though_the_clock_was_set_back(cluster: TableCluster) -> None:
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await passes(reconciler, cluster, seconds=5)
    before = cluster.snapshots[OPEN]
    cluster.edit(read_inventory(world(generation=2)))
    await reconciler.reconcile()
    cluster.now -= 600
    await passes(reconciler, cluster, seconds=1)
    assert cluster.snapshots[OPEN] != before
    compiled = cluster.snapshots[OPEN]
    cluster.now -= 600
    cluster.edit(read_inventory(world(generation=3)))
    await passes(reconciler, cluster, seconds=1)
    assert cluster.snapshots[OPEN] != compiled


async def test_an_edit_that_came_while_a_long_pass_was_under_way_has_settled(cluster: TableCluster) -> None:
    reconciler = Reconciler(cluster, clock=cluster.clock)
    await passes(reconciler, cluster, seconds=5)
    before = cluster.snapshots[OPEN]
    cluster.edit(read_inventory(world(generation=2)))
    await passes(reconciler, cluster, seconds=SETTLE_SECONDS)
    cluster.write_seconds = 1.0
    await reconciler.reconcile()
    assert cluster.snapshots[OPEN] != before
    compiled = cluster.snapshots[OPEN]
    cluster.edit(read_inventory(world(generation=3)))
    await reconciler.reconcile()
    assert cluster.snapshots[OPEN] != compiled
