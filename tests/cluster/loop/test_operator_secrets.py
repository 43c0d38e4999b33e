"""Keys on a real API server: granted, revoked, rotated and expired while calls go on."""

import base64
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from cluster.loop.conftest import KEY
from cluster.loop.stage import Stage, compatible, gateway, policy, reader_binding, status_of, text_of_stream
from cluster.processes import wait_until
from doubles.processes import ScriptedUpstream, scripted_upstream
from fence.stage_canaries import KEYS

TENANT_KEY = KEYS["tenant"]
LIVE_SECONDS = 10.0
KNOWN_SECONDS = 30.0
"""How long after it was made a key that expires is good: every proxy must have it before, also on a busy machine."""
CALLS_THAT_MEET_EVERY_PROXY = 12


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def address(stage: Stage, upstream: ScriptedUpstream) -> str:
    """A gateway whose provider is the scripted upstream, with the first key."""
    stage.secret("caller", labels={"fairlead.dev/key": "true"}, key=KEY)
    stage.secret("upstream", apiKey=KEYS["first"])
    stage.create("ModelProvider", "real", compatible(upstream))
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["real/small"]))
    stage.create("ModelGateway", "main", gateway())
    return stage.serving()


def keys_seen(upstream: ScriptedUpstream) -> list[str]:
    return [request["headers"]["authorization"].removeprefix("Bearer ") for request in upstream.calls()]


def test_rotated_upstream_key_is_used_within_ten_seconds_and_running_streams_go_on(
    stage: Stage, address: str, upstream: ScriptedUpstream
) -> None:
    before = stage.restarts()
    upstream.behave("ok", tokens=40, pace=0.2)
    texts: list[str] = []
    streaming = threading.Thread(target=lambda: texts.append(text_of_stream(address, KEY)))
    streaming.start()
    wait_until(lambda: upstream.calls(), what="the stream runs")
    upstream.behave("ok", tokens=5)
    stage.secret("upstream", apiKey=KEYS["second"])

    def rotated() -> bool:
        return status_of(address, "smart", key=KEY) == 200 and keys_seen(upstream)[-1] == KEYS["second"]

    wait_until(rotated, what="the new key is used", seconds=LIVE_SECONDS)
    streaming.join(timeout=60)
    assert len(texts[0].split()) == 40
    assert stage.restarts() == before


def test_caller_key_is_refused_within_ten_seconds_after_it_expired(stage: Stage, address: str) -> None:
    expiry = datetime.now(UTC) + timedelta(seconds=KNOWN_SECONDS)
    stage.secret(
        "short",
        labels={"fairlead.dev/key": "true"},
        key=KEYS["shortly"],
        expiresAt=expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )

    def statuses() -> set[int]:
        """What each proxy says; the Service takes them in turn or at random."""
        return {status_of(address, "smart", key=KEYS["shortly"]) for _ in range(CALLS_THAT_MEET_EVERY_PROXY)}

    wait_until(lambda: statuses() == {200}, what="the key is known everywhere", seconds=KNOWN_SECONDS)
    wait_until(lambda: statuses() == {401}, what="the key is refused everywhere", seconds=KNOWN_SECONDS + LIVE_SECONDS)
    assert datetime.now(UTC) >= expiry - timedelta(seconds=1)


def test_tenants_secret_is_read_as_long_as_its_owner_permits(
    stage: Stage, address: str, upstream: ScriptedUpstream
) -> None:
    team = stage.tenant()
    stage.secret("upstream", namespace=team, apiKey=KEYS["team"])
    stage.create("ModelProvider", "own", compatible(upstream), namespace=team)
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["own/small"]), namespace=team)
    stage.secret("caller", namespace=team, labels={"fairlead.dev/key": "true"}, key=TENANT_KEY)
    told = stage.wait_for("modelprovider", "own", "ResolvedRefs", "False", "SecretNotPermitted", namespace=team)
    assert f"kubectl create rolebinding fairlead-secret-reader -n {team}" in told["message"]
    assert f"--serviceaccount={stage.ops}:fairlead-operator" in told["message"]
    assert status_of(address, "smart", key=TENANT_KEY) == 401

    stage.kubectl.apply(reader_binding(stage.ops, team))
    wait_until(
        lambda: status_of(address, "smart", key=TENANT_KEY) == 200, what="it works once permitted", seconds=LIVE_SECONDS
    )
    assert keys_seen(upstream)[-1] == KEYS["team"]

    stage.kubectl("delete", "rolebinding", "fairlead-secret-reader", "-n", team)
    wait_until(lambda: KEYS["team"] not in published_keys(stage), what="the key is withdrawn", seconds=LIVE_SECONDS)
    stage.wait_for("modelprovider", "own", "ResolvedRefs", "False", "SecretNotPermitted", namespace=team, seconds=5)
    wait_until(lambda: status_of(address, "smart", key=TENANT_KEY) == 401, what="proxies have forgotten it", seconds=5)


def test_a_provider_is_out_of_service_while_its_authorities_cannot_be_read(stage: Stage, address: str) -> None:
    bundle = trustme.CA().cert_pem.bytes().decode()
    stage.secret("authorities", bundle=bundle)
    endpoint = {"url": "https://models.internal.example/v1", "caRef": {"name": "authorities", "key": "bundle"}}
    private = {"type": "OpenAICompatible", "endpoint": endpoint, "models": [{"name": "small"}]}
    stage.create("ModelProvider", "private", private)
    stage.wait_for("modelprovider", "private", "Programmed", "True", "Programmed")

    stage.secret("authorities", bundle="no certificate")
    told = stage.wait_for("modelprovider", "private", "ResolvedRefs", "False", "SecretKeyMissing", seconds=LIVE_SECONDS)
    assert "the key bundle of the Secret authorities holds no PEM certificate" in told["message"]
    stage.wait_for("modelprovider", "private", "Programmed", "False", "Withdrawn", seconds=LIVE_SECONDS)
    assert status_of(address, "smart", key=KEY) == 200

    stage.secret("authorities", bundle=bundle)
    stage.wait_for("modelprovider", "private", "Programmed", "True", "Programmed", seconds=LIVE_SECONDS)


def published_keys(stage: Stage) -> str:
    """Return the key ring that proxies mount, as text."""
    encoded = "jsonpath={.data.keys\\.json}"
    return base64.b64decode(stage.kubectl("get", "secret", "main-keys", "-n", stage.platform, "-o", encoded)).decode()


def test_no_key_stands_anywhere_but_in_secrets(stage: Stage, address: str) -> None:
    assert status_of(address, "smart", key=KEY) == 200
    everything = "modelproviders,routepolicies,modelgateways,configmaps,pods,events,deployments"
    shown = stage.kubectl("get", everything, "-n", stage.platform, "-o", "yaml")
    logs = "".join(stage.node.log(stage.platform, pod["metadata"]["name"]) for pod in stage.pods())
    for text in (shown, logs, stage.operator.log.read_text(), stage.metrics()):
        assert KEYS["first"] not in text
        assert KEY not in text
