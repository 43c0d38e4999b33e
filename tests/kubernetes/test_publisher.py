"""Publishing: idle set first, index last, nothing twice, and read back by whoever comes after."""

import base64
from itertools import count

import pytest
from doubles.api_server import ApiServer

from fairlead_operator.cluster.api import Snapshot
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import Refused, Unavailable
from fairlead_operator.cluster.kubernetes_publisher import Publisher
from fairlead_proxy.contract.config import Gateway, Model, Provider
from fairlead_proxy.contract.keys import KeyRing, debug_token, decode_keys, version_of
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.snapshot import Fragment, read_index, revision_of

CONFIG = "/api/v1/namespaces/ai/configmaps"
SECRETS = "/api/v1/namespaces/ai/secrets"
GATEWAY = Fragment.of(Gateway(id="ai/main"), uid="g-1", generation=1)
KEYS = KeyRing(credentials={"ai/sim/main": "sk-1"})
MINE = {"app.kubernetes.io/managed-by": "fairlead-operator", "fairlead.dev/gateway": "main"}


def snapshot(model: str, *, generation: int = 1) -> Snapshot:
    provider = Provider(id="ai/sim", type=ProviderType.SIMULATED, models=(Model(name=model, upstream_name=model),))
    fragments = (GATEWAY, Fragment.of(provider, uid="p-1", generation=generation))
    return Snapshot(revision_of(fragments), fragments)


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def publisher_on(api: KubernetesApi, clock: Clock) -> Publisher:
    numbers = count(1)
    return Publisher(api, clock=clock, make_token=lambda: f"token-{next(numbers)}")


def written(server: ApiServer) -> list[str]:
    return [path.rpartition("/")[2] for method, path in server.requests if method == "PATCH"]


def ring_in(server: ApiServer) -> KeyRing:
    return decode_keys(base64.b64decode(server.objects[f"{SECRETS}/main-keys"]["data"]["keys.json"]))


def token_in(server: ApiServer) -> dict[str, bytes]:
    """Return all that the Secret of the debug token holds."""
    data = server.objects[f"{SECRETS}/main-debug-token"]["data"]
    return {name: base64.b64decode(value) for name, value in data.items()}


def index_set(server: ApiServer) -> str:
    return read_index(server.objects[f"{CONFIG}/main-config"]["data"]["index.json"].encode()).set


async def test_index_is_written_last(server: ApiServer, api: KubernetesApi, clock: Clock) -> None:
    await publisher_on(api, clock).publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert written(server) == ["main-config-a-0", "main-keys", "main-config", "main-debug-token"]


async def test_second_publication_leaves_the_set_alone_that_is_being_read(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    shard = server.objects[f"{CONFIG}/main-config-a-0"]
    await publisher.publish("ai/main", "g-1", snapshot("big"), KEYS)
    assert server.objects[f"{CONFIG}/main-config-a-0"] == shard
    assert index_set(server) == "b"


async def test_publishing_the_same_again_asks_nothing(server: ApiServer, api: KubernetesApi, clock: Clock) -> None:
    publisher = publisher_on(api, clock)
    assert await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    asked = len(server.requests)
    assert not await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert len(server.requests) == asked


async def test_new_key_alone_writes_the_secret_alone(server: ApiServer, api: KubernetesApi, clock: Clock) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    before = len(written(server))
    await publisher.publish("ai/main", "g-1", snapshot("small"), KeyRing(credentials={"ai/sim/main": "sk-2"}))
    assert written(server)[before:] == ["main-keys"]
    assert ring_in(server).credentials == {"ai/sim/main": "sk-2"}


async def test_new_generation_with_an_equal_body_is_published(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert await publisher.publish("ai/main", "g-1", snapshot("small", generation=2), KEYS)
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("small", generation=2)


async def test_next_process_reads_everything_back_and_writes_nothing(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    first = publisher_on(api, clock)
    await first.publish("ai/main", "g-1", snapshot("small"), KEYS)
    second = publisher_on(api, clock)
    known = await second.read("ai/main")
    assert (known.snapshot, known.keys_version) == (snapshot("small"), first.known("ai/main").keys_version)
    before = len(written(server))
    assert not await second.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert written(server)[before:] == []


async def test_version_names_the_ring_that_proxies_mount(server: ApiServer, api: KubernetesApi, clock: Clock) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    mounted = base64.b64decode(server.objects[f"{SECRETS}/main-keys"]["data"]["keys.json"])
    assert publisher.known("ai/main").keys_version == version_of(mounted)


async def test_admin_token_is_renewed_after_a_day_with_the_old_one_beside_it(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    clock.now += 24 * 3600
    assert await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert ring_in(server).admin_tokens == ("token-2", "token-1")
    assert publisher.known("ai/main").tokens.for_use == "token-1"


async def test_the_token_that_every_proxy_knows_stands_in_a_secret_without_keys(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    told = []
    for _ in range(3):
        await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
        told.append(token_in(server))
        clock.now += 24 * 3600
    first, second = ({"token": debug_token(f"token-{number}").encode()} for number in (1, 2))
    assert told == [first, first, second]
    assert written(server).count("main-debug-token") == 2


@pytest.mark.parametrize("change", ["edited", "deleted"])
async def test_a_token_that_was_changed_or_that_an_older_version_never_wrote_is_written(
    server: ApiServer, api: KubernetesApi, clock: Clock, change: str
) -> None:
    await publisher_on(api, clock).publish("ai/main", "g-1", snapshot("small"), KEYS)
    secret = f"{SECRETS}/main-debug-token"
    if change == "edited":
        await server.put(secret, {**server.objects[secret], "data": {"token": "%"}})
    else:
        await server.remove(secret)
    before = len(written(server))
    assert await publisher_on(api, clock).publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert written(server)[before:] == ["main-debug-token"]
    assert token_in(server) == {"token": debug_token("token-1").encode()}


async def test_a_users_secret_with_the_name_of_the_debug_token_keeps_nothing_from_being_published(
    server: ApiServer, api: KubernetesApi, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    secret = f"{SECRETS}/main-debug-token"
    theirs = await server.put(secret, {"kind": "Secret", "data": {"own": "dGhlaXJz"}})
    publisher = publisher_on(api, clock)
    for model in ("small", "big"):
        assert await publisher.publish("ai/main", "g-1", snapshot(model), KEYS)
        assert not await publisher.publish("ai/main", "g-1", snapshot(model), KEYS)
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("big")
    assert server.objects[secret] == theirs
    assert ring_in(server).admin_tokens == ("token-1",)
    assert "the debug token cannot be published" in caplog.messages


async def test_gateway_that_was_made_anew_owns_everything_again(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    await publisher.publish("ai/main", "g-2", snapshot("small"), KEYS)
    secrets = (f"{SECRETS}/main-keys", f"{SECRETS}/main-debug-token")
    owners = [
        server.objects[path]["metadata"]["ownerReferences"][0]["uid"]
        for path in (f"{CONFIG}/main-config", *secrets, f"{CONFIG}/main-config-b-0")
    ]
    assert owners == ["g-2"] * 4


async def test_a_shard_that_stands_in_the_idle_set_already_is_not_written_again(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    for model in ("small", "big", "small", "big"):
        await publisher.publish("ai/main", "g-1", snapshot(model), KEYS)
    assert written(server).count("main-config-a-0") == 1
    assert written(server).count("main-config-b-0") == 1
    assert written(server).count("main-config") == 4
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("big")
    assert not await publisher.drifted("ai/main")


@pytest.mark.parametrize("change", ["edited", "deleted"])
async def test_a_shard_that_somebody_changed_while_it_was_idle_is_written_again(
    server: ApiServer, api: KubernetesApi, clock: Clock, change: str
) -> None:
    publisher, shard = publisher_on(api, clock), f"{CONFIG}/main-config-a-0"
    for model in ("small", "big"):
        await publisher.publish("ai/main", "g-1", snapshot(model), KEYS)
    if change == "edited":
        await server.put(shard, {**server.objects[shard], "binaryData": {}})
    else:
        await server.remove(shard)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("small")
    assert not await publisher.drifted("ai/main")


async def test_an_idle_shard_whose_name_a_user_has_taken_is_not_taken_over(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher, shard = publisher_on(api, clock), f"{CONFIG}/main-config-a-0"
    for model in ("small", "big"):
        await publisher.publish("ai/main", "g-1", snapshot(model), KEYS)
    await server.remove(shard)
    theirs = await server.put(shard, {"kind": "ConfigMap", "data": {"app": "theirs"}})
    with pytest.raises(Refused, match="main-config-a-0 exists and is not of this gateway's fleet"):
        await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert server.objects[shard] == theirs


async def test_failure_before_the_index_leaves_the_old_snapshot_whole(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    fault = server.refuse(f"{CONFIG}/main-config-b-0", 503)
    with pytest.raises(Unavailable):
        await publisher.publish("ai/main", "g-1", snapshot("big"), KEYS)
    server.faults.remove(fault)
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("small")
    assert await publisher.publish("ai/main", "g-1", snapshot("big"), KEYS)
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("big")


async def test_object_of_a_user_is_never_taken_over(server: ApiServer, api: KubernetesApi, clock: Clock) -> None:
    theirs = await server.put(f"{CONFIG}/main-config", {"kind": "ConfigMap", "data": {"app": "theirs"}})
    with pytest.raises(Refused, match="main-config exists and is not of this gateway's fleet"):
        await publisher_on(api, clock).publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert server.objects[f"{CONFIG}/main-config"] == theirs


async def test_torn_snapshot_is_not_read_but_written_anew(server: ApiServer, api: KubernetesApi, clock: Clock) -> None:
    await publisher_on(api, clock).publish("ai/main", "g-1", snapshot("small"), KEYS)
    await server.remove(f"{CONFIG}/main-config-a-0")
    second = publisher_on(api, clock)
    assert (await second.read("ai/main")).snapshot is None
    assert await second.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("small")


async def test_change_by_somebody_else_is_noticed_and_put_right(
    server: ApiServer, api: KubernetesApi, clock: Clock
) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert not await publisher.drifted("ai/main")
    await server.put(f"{CONFIG}/main-config", {**server.objects[f"{CONFIG}/main-config"], "data": {}})
    assert await publisher.drifted("ai/main")
    assert await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert (await publisher_on(api, clock).read("ai/main")).snapshot == snapshot("small")


async def test_no_key_shows_in_the_repr(api: KubernetesApi, clock: Clock) -> None:
    publisher = publisher_on(api, clock)
    await publisher.publish("ai/main", "g-1", snapshot("small"), KEYS)
    assert "sk-1" not in repr(publisher.known("ai/main"))
    assert "token-1" not in repr(publisher.known("ai/main"))
