"""Keys and prompts on a real API server: providers quote what they get, and a stage fails that gives any of it out."""

import json
from pathlib import Path

import pytest
from cluster.control_plane import ControlPlane
from cluster.loop.stage import Stage, compatible, gateway, policy, reader_binding, staged, status_of, text_of_stream
from cluster.mini_node import MiniNode
from cluster.processes import wait_until
from doubles.processes import scripted_upstream
from fence.canaries import make_canary
from fence.stage_canaries import KEYS, Canary, Role

CALLER = {"fairlead.dev/key": "true"}
UNMOVED = {"passive": {"consecutive": 1000, "baseCooldown": "10ms", "maxCooldown": "10ms"}, "active": {"mode": "None"}}
"""A provider that is called again, however often it has refused."""
FAILURES = (
    {"kind": "status", "status": 400},
    {"kind": "status", "status": 401},
    {"kind": "status", "status": 500},
    {"kind": "error_in_200"},
    {"kind": "garbage"},
)


def test_nothing_is_given_out_while_providers_quote_the_keys_that_they_are_sent(stage: Stage) -> None:
    team = stage.tenant()
    with scripted_upstream() as upstream:
        stage.kubectl.apply(reader_binding(stage.ops, team))
        for namespace, caller, key in ((stage.platform, "caller", "first"), (team, "tenant", "team")):
            stage.secret("caller", namespace=namespace, labels=CALLER, key=KEYS[caller])
            stage.secret("upstream", namespace=namespace, apiKey=KEYS[key])
            spec = {**compatible(upstream), "health": UNMOVED}
            stage.create("ModelProvider", "real", spec, namespace=namespace)
            stage.create("RoutePolicy", "smart", policy(stage.platform, ["real/small"]), namespace=namespace)
        stage.create("ModelGateway", "main", gateway(ledger={"jsonLines": {}}))
        address = stage.serving()
        for caller in ("caller", "tenant"):
            call_until(address, caller, {200})
            assert text_of_stream(address, KEYS[caller])
        assert status_of(address, "smart", key=KEYS["bystander"]) == 401
        for failure in FAILURES:
            quoted = f"Incorrect API key provided: {KEYS['first']} ({KEYS['team']!r})"
            upstream.behave(**failure, error={"message": quoted, "type": "invalid_request_error"})
            for caller in ("caller", "tenant"):
                call_until(address, caller, {400, 502})
        sent = json.dumps(upstream.seen())
        assert all(KEYS[key] in sent for key in ("first", "team"))
        stage.wait_for("routepolicy", "smart", "Programmed", "True", namespace=team)
        given = stage.given_out()
    assert given.leaks == []
    assert given.held >= {"caller", "tenant", "first", "team", "bystander"}
    assert [name for name in given.held if name.startswith("admin token")]
    assert given.looked["ready proxies"] == 2
    assert given.looked["decision records"] >= 2 * len(FAILURES)
    assert given.looked["fragments"] >= 5
    assert given.looked["answers of proxies"] == 12
    assert given.looked["answers of the operator"] == 1
    # The node may run pods of the stage before, too, whose namespace is still on its way out.
    logs = [name.rpartition("/")[2] for name in stage.logs()]
    assert sum(name.startswith("ledger") for name in logs) >= 2
    assert sum(name.startswith("proxy") for name in logs) >= 2


def call_until(address: str, caller: str, statuses: set[int]) -> None:
    """Call until the provider has answered or refused; while it cools down nobody is called."""
    wait_until(lambda: status_of(address, "smart", key=KEYS[caller]) in statuses, what=f"{caller} gets {statuses}")


def give_out(stage: Stage, key: str) -> None:
    """Write a key into an annotation, a Lease, an Event and a log, after the stage has been told of it.

    It is of this stage alone: the search of the next one goes through the whole cluster, too.
    """
    stage.canaries["planted here"] = Canary(key, Role.BYSTANDER)
    stage.secret("own", password=key)
    metadata = {"name": "planted", "namespace": stage.platform}
    event = {
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "fairlead.dev/operator",
        "reportingInstance": "any",
        "action": "Ready",
        "reason": "Ready",
        "type": "Normal",
        "regarding": {"kind": "Namespace", "name": stage.platform, "namespace": stage.platform},
        "note": key[::-1],
    }
    annotated = {**metadata, "annotations": {"note": f"it is {key}"}}
    lease = {"spec": {"holderIdentity": key[:20]}}
    stage.kubectl.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": annotated},
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, **lease},
        {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": metadata, **event},
    )
    (stage.directory / "another.log").write_text(f"refused {key.encode().hex()}\n")


def test_a_stage_that_gives_out_a_key_fails_at_its_end(crds: ControlPlane, mini_node: MiniNode, tmp_path: Path) -> None:
    planted = make_canary("planted")
    with pytest.raises(AssertionError) as raised, staged(crds, mini_node, tmp_path, start=False) as stage:
        give_out(stage, planted)
    told = str(raised.value)
    for place in (
        f"configmaps {stage.platform}/planted .metadata.annotations.note: the canary 'planted here', plain",
        f"leases.coordination.k8s.io {stage.platform}/planted .spec.holderIdentity: the canary 'planted here', plain",
        f"events.events.k8s.io {stage.platform}/planted .note: the canary 'planted here', reversed",
        "log another.log: the canary 'planted here', hex",
    ):
        assert place in told
    assert planted not in told
