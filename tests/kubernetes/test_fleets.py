"""Applying and retiring fleets: each object once, nobody else's ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from doubles.api_server import ApiServer

from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import Refused
from fairlead_operator.cluster.kubernetes_fleets import Fleets
from fairlead_operator.cluster.kubernetes_objects import covers
from fairlead_operator.fleet.render import FleetSettings, FleetSpec, Manifest, render_fleet
from fairlead_operator.resources.gateway import ModelGatewaySpec

SERVICES = "/api/v1/namespaces/ai/services"
GATEWAYS = "/apis/fairlead.dev/v1alpha1/namespaces/ai/modelgateways"
DEPLOYMENT = "/apis/apps/v1/namespaces/ai/deployments/main-proxy"


@pytest.fixture
async def fleets(server: ApiServer) -> AsyncIterator[Fleets]:
    async with KubernetesApi(server.access) as api:
        yield Fleets(api)


def manifests(replicas: int = 2) -> tuple[Manifest, ...]:
    spec = ModelGatewaySpec.model_validate({})
    return render_fleet(FleetSpec("ai/main", "g-1", spec, replicas), FleetSettings(image="proxy:1"))


def written(server: ApiServer) -> list[str]:
    return [path for method, path in server.requests if method == "PATCH"]


async def test_fleet_is_applied_in_the_order_given(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", manifests())
    assert [path.split("/")[-2] for path in written(server)] == [
        *("serviceaccounts", "networkpolicies", "poddisruptionbudgets", "services", "deployments")
    ]


async def test_applying_the_same_again_asks_nothing(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", manifests())
    asked = len(server.requests)
    await fleets.apply("ai/main", manifests())
    assert len(server.requests) == asked


async def test_object_that_goes_while_its_fleet_is_applied_is_applied_again(server: ApiServer, fleets: Fleets) -> None:
    applying = asyncio.create_task(fleets.apply("ai/main", manifests()))
    async with asyncio.timeout(10):
        while DEPLOYMENT not in server.objects:
            await asyncio.sleep(0)
    fleets.forget("ai/main")  # as the watch does that sees it go; what is left to do of the fleet takes its time
    del server.objects[DEPLOYMENT]
    await applying
    assert DEPLOYMENT not in server.objects
    await fleets.apply("ai/main", manifests())
    assert DEPLOYMENT in server.objects


async def test_only_what_differs_is_written(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", manifests())
    before = len(written(server))
    await fleets.apply("ai/main", manifests(replicas=3))
    assert written(server)[before:] == [DEPLOYMENT]


async def test_service_of_a_user_is_never_taken_over(server: ApiServer, fleets: Fleets) -> None:
    theirs = await server.put(f"{SERVICES}/main", {"kind": "Service", "spec": {"selector": {"app": "theirs"}}})
    with pytest.raises(Refused, match="Service ai/main exists"):
        await fleets.apply("ai/main", manifests())
    assert server.objects[f"{SERVICES}/main"] == theirs
    assert DEPLOYMENT not in server.objects


async def test_object_of_an_older_version_of_the_fleet_is_removed(server: ApiServer, fleets: Fleets) -> None:
    (labels,) = {tuple(sorted(each["metadata"]["labels"].items())) for each in manifests()}
    old = {"kind": "Service", "metadata": {"labels": dict(labels), "uid": "s-1"}}
    await server.put(f"{SERVICES}/main-headles", old)
    await fleets.apply("ai/main", manifests())
    assert f"{SERVICES}/main-headles" not in server.objects
    assert f"{SERVICES}/main" in server.objects


async def test_object_that_somebody_changed_is_applied_anew(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", manifests())
    assert not await fleets.drifted("ai/main")
    changed = {**server.objects[f"{SERVICES}/main"], "spec": {"selector": {"app": "theirs"}}}
    await server.put(f"{SERVICES}/main", changed)
    assert await fleets.drifted("ai/main")
    await fleets.apply("ai/main", manifests())
    assert server.objects[f"{SERVICES}/main"]["spec"]["selector"]["fairlead.dev/gateway"] == "main"


async def test_address_is_that_of_the_first_listener_once_there_is_a_service(fleets: Fleets) -> None:
    assert fleets.address("ai/main") == ""
    await fleets.apply("ai/main", manifests())
    assert fleets.address("ai/main") == "main.ai.svc:8080"


async def test_fleet_of_a_gateway_that_is_gone_is_removed_whole(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", [{**each, "metadata": {**each["metadata"], "uid": "u"}} for each in manifests()])
    assert await fleets.retire([server.objects[DEPLOYMENT]], ["ai/other"]) == ["ai/main"]
    assert server.objects == {}


async def test_fleet_that_is_kept_is_left_alone(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", manifests())
    assert await fleets.retire([server.objects[DEPLOYMENT]], ["ai/main"]) == []
    assert DEPLOYMENT in server.objects


async def test_fleet_stays_as_long_as_its_gateway_is_there_though_we_do_not_see_it(
    server: ApiServer, fleets: Fleets
) -> None:
    await fleets.apply("ai/main", manifests())
    await server.put(f"{GATEWAYS}/main")
    assert await fleets.retire([server.objects[DEPLOYMENT]], []) == []
    assert DEPLOYMENT in server.objects


async def test_fleet_stays_while_the_api_server_does_not_serve_gateways(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", manifests())
    server.refuse(GATEWAYS, 404, plain=True)
    assert await fleets.retire([server.objects[DEPLOYMENT]], []) == []
    assert DEPLOYMENT in server.objects


async def test_deployment_that_only_carries_our_label_is_not_retired(server: ApiServer, fleets: Fleets) -> None:
    theirs = await server.put(
        "/apis/apps/v1/namespaces/ai/deployments/app",
        {"kind": "Deployment", "metadata": {"labels": {"fairlead.dev/gateway": "gone"}}},
    )
    assert await fleets.retire([theirs], []) == []
    assert "/apis/apps/v1/namespaces/ai/deployments/app" in server.objects


@pytest.mark.parametrize(
    ("live", "wanted", "covered"),
    [
        ({"a": 1, "default": 2}, {"a": 1}, True),
        ({"a": 2}, {"a": 1}, False),
        ({}, {"a": 1}, False),
        ({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, True),
        ({"a": [1, 2]}, {"a": [1]}, False),
        ({"a": {"b": None}}, {"a": {"b": {"c": 1}}}, False),
    ],
)
def test_live_object_covers_what_is_wanted(live: object, wanted: object, covered: bool) -> None:
    assert covers(live, wanted) is covered


async def test_fleet_that_may_not_be_removed_keeps_no_other_from_its_turn(server: ApiServer, fleets: Fleets) -> None:
    await fleets.apply("ai/main", [{**each, "metadata": {**each["metadata"], "uid": "u"}} for each in manifests()])
    deployment = server.objects[DEPLOYMENT]
    server.refuse(SERVICES, 403)
    assert await fleets.retire([deployment], []) == []
    server.faults.clear()
    assert await fleets.retire([deployment], []) == ["ai/main"]
