"""What the API server refuses in one gateway's namespace is told apart from a server that does not know us at all."""

import random
import time

import pytest
from doubles.api_server import ApiServer

from fairlead_operator.cluster.api import ClusterError, NotGranted, Snapshot
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_cluster import KubernetesCluster, KubernetesSettings
from fairlead_proxy.contract.config import Gateway
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.snapshot import Fragment, revision_of

CONFIG = "/api/v1/namespaces/ai/configmaps"
GATEWAY = Fragment.of(Gateway(id="ai/main"), uid="g-1", generation=1)


@pytest.fixture
def cluster(api: KubernetesApi) -> KubernetesCluster:
    cluster = KubernetesCluster(api, KubernetesSettings(frozenset({"ai"})), clock=time.time, rng=random.Random(0))
    metadata = {"name": "main", "namespace": "ai", "uid": "g-1", "generation": 1, "resourceVersion": "1"}
    cluster.store.note({"kind": "ModelGateway", "metadata": metadata, "spec": {}})
    return cluster


async def test_what_may_not_be_read_is_not_granted(server: ApiServer, cluster: KubernetesCluster) -> None:
    server.refuse(CONFIG, 403)
    with pytest.raises(NotGranted, match="403"):
        await cluster.published("ai/main")


async def test_what_may_not_be_written_is_not_granted(server: ApiServer, cluster: KubernetesCluster) -> None:
    assert await cluster.published("ai/main") is None
    server.refuse(CONFIG, 403)
    with pytest.raises(NotGranted, match="403"):
        await cluster.publish("ai/main", Snapshot(revision_of([GATEWAY]), (GATEWAY,)), KeyRing())


@pytest.mark.parametrize("status", [401, 503])
async def test_a_server_that_does_not_know_us_or_fails_says_nothing_about_what_is_granted(
    server: ApiServer, cluster: KubernetesCluster, status: int
) -> None:
    server.refuse(CONFIG, status)
    with pytest.raises(ClusterError, match=str(status)) as raised:
        await cluster.published("ai/main")
    assert not isinstance(raised.value, NotGranted)
