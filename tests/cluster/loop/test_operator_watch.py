"""The store of objects stays true: listed whole, followed, and listed anew where a watch has missed something."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.loop.stage import simulated
from doubles.eventually import eventually

from fairlead_operator.cluster.kubernetes_access import from_kubeconfig
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_store import ObjectStore
from fairlead_operator.handlers.following import Follower, WatchLost
from fairlead_operator.resources.meta import Kind, ObjectRef

FASTER = 20
"""How much faster than time our clock goes here, so that 30 and 180 seconds are 1.5 and 9."""


@dataclass
class Followed:
    store: ObjectStore
    task: asyncio.Task[None]

    def model_of(self, ref: ObjectRef) -> str:
        content = self.store.get(ref)
        return content["spec"]["models"][0]["name"] if content else ""


class DeafStore(ObjectStore):
    """A store that loses whatever it is told of one object: a watch that has gone silent."""

    def __init__(self, lost: ObjectRef) -> None:
        super().__init__(lambda: None)
        self._lost = lost

    def versions(self, kind: str) -> dict[str, int]:
        return {key: version for key, version in super().versions(kind).items() if key != self._lost.id}


@asynccontextmanager
async def following(plane: ControlPlane, store: ObjectStore) -> AsyncIterator[Followed]:
    access = from_kubeconfig(plane.admin_kubeconfig)
    async with KubernetesApi(access) as api:
        follower = Follower(
            api,
            access,
            store,
            monotonic=lambda: time.monotonic() * FASTER,
            check_seconds=0.3,
            check_again_seconds=0.3,
        )
        task = asyncio.create_task(follower.run())
        try:
            await asyncio.wait_for(follower.synced.wait(), 60)
            yield Followed(store, task)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def provider(crds: ControlPlane, namespace: str) -> ObjectRef:
    """A provider that exists before anybody follows it."""
    ref = ObjectRef(Kind.MODEL_PROVIDER, namespace, "sim")
    create(crds.kubectl, ref, "first")
    return ref


def create(kubectl: Kubectl, ref: ObjectRef, model: str) -> None:
    metadata = {"name": ref.name, "namespace": ref.namespace}
    kubectl.apply(
        {
            "apiVersion": "fairlead.dev/v1alpha1",
            "kind": ref.kind.value,
            "metadata": metadata,
            "spec": simulated(model),
        }
    )


async def test_what_was_there_before_is_held_once_synced(crds: ControlPlane, provider: ObjectRef) -> None:
    async with following(crds, ObjectStore(lambda: None)) as followed:
        assert followed.model_of(provider) == "first"
        assert provider.namespace in followed.store.namespaces()


async def test_edits_and_deletions_are_followed(crds: ControlPlane, provider: ObjectRef) -> None:
    async with following(crds, ObjectStore(lambda: None)) as followed:
        create(crds.kubectl, provider, "second")
        await eventually(lambda: followed.model_of(provider) == "second")
        crds.kubectl("delete", "modelprovider", "sim", "-n", provider.namespace)
        await eventually(lambda: followed.store.get(provider) is None)


async def test_object_that_a_watch_has_missed_comes_back_by_a_new_listing(
    crds: ControlPlane, provider: ObjectRef
) -> None:
    async with following(crds, ObjectStore(lambda: None)) as followed:
        missed = followed.store.get(provider)
        assert missed is not None
        followed.store.forget(missed)
        await eventually(lambda: followed.model_of(provider) == "first", within_seconds=30)


async def test_following_ends_where_a_new_listing_does_not_help(crds: ControlPlane, provider: ObjectRef) -> None:
    async with following(crds, DeafStore(provider)) as followed:
        with pytest.raises(WatchLost, match=provider.id):
            await asyncio.wait_for(followed.task, 60)
