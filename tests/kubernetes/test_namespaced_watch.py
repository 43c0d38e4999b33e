"""Watching where the right to watch comes and goes."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from doubles.api_server import ApiServer
from doubles.eventually import eventually

from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_objects import Content
from fairlead_operator.cluster.kubernetes_paths import SECRET
from fairlead_operator.cluster.namespaced_watch import NamespacedWatch, Pauses, Scope

SECRETS = "/api/v1/namespaces/team/secrets"
LONG = Pauses(refused=60.0, longest_refused=60.0)


@asynccontextmanager
async def watching(
    server: ApiServer,
    *,
    pauses: Pauses | None = None,
    stream_seconds: float = 1.0,
    on_change: Callable[[Content | None], None] = lambda _: None,
) -> AsyncIterator[NamespacedWatch]:
    async with KubernetesApi(server.access) as api:
        watch = NamespacedWatch(
            api,
            Scope(SECRET, "team"),
            on_change=on_change,
            rng=random.Random(1),
            pauses=pauses or Pauses(refused=0.05, longest_refused=0.05),
            stream_seconds=stream_seconds,
        )
        watch.start()
        try:
            yield watch
        finally:
            await watch.close()


async def test_what_is_there_is_listed(server: ApiServer) -> None:
    await server.put(f"{SECRETS}/a", {"data": {"key": "eA=="}})
    async with watching(server) as watch:
        await eventually(lambda: watch.state.listed)
        assert watch.state.permitted is True
        assert watch.state.objects["team/a"]["data"] == {"key": "eA=="}


async def test_what_comes_and_goes_is_followed(server: ApiServer) -> None:
    async with watching(server) as watch:
        await eventually(lambda: watch.state.listed)
        await server.put(f"{SECRETS}/b")
        await eventually(lambda: "team/b" in watch.state.objects)
        await server.remove(f"{SECRETS}/b")
        await eventually(lambda: "team/b" not in watch.state.objects)


async def test_streams_follow_each_other_without_listing_anew(server: ApiServer) -> None:
    async with watching(server) as watch:
        await eventually(lambda: server.count("WATCH", SECRETS) >= 2)
        await server.put(f"{SECRETS}/late")
        await eventually(lambda: "team/late" in watch.state.objects)
    assert server.count("GET", SECRETS) == 1


async def test_revoked_right_empties_the_state_with_the_next_stream(server: ApiServer) -> None:
    await server.put(f"{SECRETS}/a")
    async with watching(server) as watch:
        await eventually(lambda: "team/a" in watch.state.objects)
        server.refuse(SECRETS, 403)
        await eventually(lambda: watch.state.permitted is False)
        assert watch.state.objects == {}


async def test_right_that_is_given_later_is_noticed_by_trying_again(server: ApiServer) -> None:
    await server.put(f"{SECRETS}/a")
    refusal = server.refuse(SECRETS, 403)
    async with watching(server) as watch:
        await eventually(lambda: watch.state.permitted is False)
        server.faults.remove(refusal)
        await eventually(lambda: "team/a" in watch.state.objects)


async def test_wake_shortens_the_wait_after_a_refusal(server: ApiServer) -> None:
    refusal = server.refuse(SECRETS, 403)
    async with watching(server, pauses=LONG) as watch:
        await eventually(lambda: watch.state.permitted is False)
        server.faults.remove(refusal)
        watch.wake()
        await eventually(lambda: watch.state.permitted is True, within_seconds=5)


async def test_wake_is_good_for_several_tries_since_the_server_may_lag_behind_its_own_news(server: ApiServer) -> None:
    refusal = server.refuse(SECRETS, 403)
    async with watching(server, pauses=LONG) as watch:
        await eventually(lambda: watch.state.permitted is False)
        tries = server.count("GET", SECRETS)
        watch.wake()
        await eventually(lambda: server.count("GET", SECRETS) >= tries + 2)
        server.faults.remove(refusal)
        await eventually(lambda: watch.state.permitted is True, within_seconds=5)


async def test_wake_has_an_open_stream_authorised_anew(server: ApiServer) -> None:
    async with watching(server, pauses=LONG, stream_seconds=600.0) as watch:
        await eventually(lambda: server.count("WATCH", SECRETS) == 1)
        server.refuse(SECRETS, 403)
        watch.wake()
        await eventually(lambda: watch.state.permitted is False, within_seconds=5)


async def test_faulty_server_does_not_empty_the_state(server: ApiServer) -> None:
    await server.put(f"{SECRETS}/a")
    async with watching(server) as watch:
        await eventually(lambda: "team/a" in watch.state.objects)
        fault = server.refuse(SECRETS, 503)
        seen = len(server.requests)
        await eventually(lambda: len(server.requests) > seen + 1)
        assert "team/a" in watch.state.objects
        assert watch.state.permitted is True
        server.faults.remove(fault)
        await server.put(f"{SECRETS}/b")
        await eventually(lambda: "team/b" in watch.state.objects)


async def test_forgotten_version_is_answered_by_listing_anew(server: ApiServer) -> None:
    await server.put(f"{SECRETS}/a")
    await server.put(f"{SECRETS}/b")
    async with watching(server) as watch:
        await eventually(lambda: server.count("WATCH", SECRETS) == 1)
        fault = server.refuse(SECRETS, 503)
        await eventually(lambda: server.count("WATCH", SECRETS) >= 2)
        await server.remove(f"{SECRETS}/a")
        server.forget_history()
        server.faults.remove(fault)
        await eventually(lambda: set(watch.state.objects) == {"team/b"})


async def test_every_change_is_announced_once_it_can_be_read(server: ApiServer) -> None:
    seen: list[set[str]] = []
    async with watching(server, on_change=lambda _: seen.append(set(watch.state.objects))) as watch:
        await eventually(lambda: len(seen) == 1)
        await server.put(f"{SECRETS}/a")
        await eventually(lambda: len(seen) == 2)
    assert seen == [set(), {"team/a"}]
