"""Reading namespace by namespace: what may be read, what may not, and what is not yet known."""

import base64
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from doubles.api_server import ApiServer
from doubles.eventually import eventually

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_watches import Watches

TEAM = "/api/v1/namespaces/team/secrets"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/namespaces/team/rolebindings"


@asynccontextmanager
async def watching(server: ApiServer, *, answer_seconds: float = 10.0) -> AsyncIterator[Watches]:
    async with KubernetesApi(server.access) as api:
        watches = Watches(
            api,
            rng=random.Random(1),
            on_secrets=lambda: None,
            on_fleet=lambda _: None,
            answer_seconds=answer_seconds,
        )
        watches.start()
        try:
            yield watches
        finally:
            await watches.close()


def secret(value: str) -> dict[str, object]:
    return {"kind": "Secret", "data": {"key": base64.b64encode(value.encode()).decode()}}


async def test_secrets_of_a_wanted_namespace_are_known_when_the_call_returns(server: ApiServer) -> None:
    await server.put(f"{TEAM}/a", secret("sk-1"))
    async with watching(server) as watches:
        await watches.watch_secrets(["team"])
        (found,) = watches.secrets()
        assert (found.namespace, found.name, found.data) == ("team", "a", {"key": b"sk-1"})
        assert watches.readable() == {"team"}


async def test_refusal_is_an_answer_too(server: ApiServer) -> None:
    server.refuse(TEAM, 403)
    async with watching(server) as watches:
        await watches.watch_secrets(["team"])
        assert watches.readable() == frozenset()


async def test_silence_is_never_taken_for_a_refusal(server: ApiServer) -> None:
    server.refuse(TEAM, 503)
    async with watching(server, answer_seconds=0.3) as watches:
        with pytest.raises(ClusterError, match="does not say whether Secrets may be read"):
            await watches.watch_secrets(["team"])


async def test_namespace_that_is_no_longer_wanted_is_forgotten(server: ApiServer) -> None:
    await server.put(f"{TEAM}/a", secret("sk-1"))
    async with watching(server) as watches:
        await watches.watch_secrets(["team"])
        await watches.watch_secrets([])
        assert watches.secrets() == []
        assert watches.readable() == frozenset()


async def test_role_binding_that_is_made_is_noticed_at_once(server: ApiServer) -> None:
    refusal = server.refuse(TEAM, 403)
    async with watching(server) as watches:
        await watches.watch_secrets(["team"])
        await eventually(lambda: server.count("WATCH", "/apis/rbac.authorization.k8s.io/v1/rolebindings") == 1)
        server.faults.remove(refusal)
        await server.put(f"{BINDINGS}/fairlead")
        await eventually(lambda: watches.readable() == {"team"}, within_seconds=4)


async def test_changed_secret_is_decoded_anew(server: ApiServer) -> None:
    await server.put(f"{TEAM}/a", secret("sk-1"))
    async with watching(server) as watches:
        await watches.watch_secrets(["team"])
        await server.put(f"{TEAM}/a", secret("sk-2"))
        await eventually(lambda: [each.data for each in watches.secrets()] == [{"key": b"sk-2"}])
