"""The ledger in a fleet's pods: a spool that the proxy fills, and a sidecar that empties it."""

from typing import Any

import pytest
import yaml

from fairlead_operator.fleet.render import FleetSettings, FleetSpec, render_fleet
from fairlead_operator.resources.gateway import ModelGatewaySpec

SETTINGS = FleetSettings(image="registry.example/fairlead-proxy:1", operator_namespace="ops")
LINES: dict[str, Any] = {"jsonLines": {}}
POSTGRES: dict[str, Any] = {"postgres": {"secretRef": {"name": "ledger-db", "key": "url"}}}
ALL: dict[str, Any] = {
    **POSTGRES,
    **LINES,
    "otlp": {"endpoint": "https://collector.example:4318"},
    "retention": "720h",
    "rollupRetention": "8760h",
    "spool": {"sizeMiB": 512},
}

SIDECAR = """
name: ledger
image: registry.example/fairlead-proxy:1
imagePullPolicy: IfNotPresent
restartPolicy: Always
command: [fairlead-ledger, ship, --spool, /var/spool/fairlead, --spool-limit-mib, "512", --retention, 720h,
  --rollup-retention, 8760h, --postgres-file, /etc/fairlead-postgres/url, --json-lines, "-",
  --otlp, "https://collector.example:4318"]
resources: {requests: {cpu: 20m, memory: 64Mi}, limits: {memory: 512Mi}}
securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
volumeMounts:
- {name: spool, mountPath: /var/spool/fairlead}
- {name: postgres, mountPath: /etc/fairlead-postgres, readOnly: true}
"""


def template(ledger: dict[str, Any] | None, **spec: Any) -> dict[str, Any]:
    given = spec if ledger is None else {**spec, "ledger": ledger}
    fleet = FleetSpec("ai/main", "uid-1", ModelGatewaySpec.model_validate(given), 2)
    found: dict[str, Any] = render_fleet(fleet, SETTINGS)[-1]["spec"]["template"]
    return found


def pod(ledger: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = template(ledger)["spec"]
    return found


def test_sidecar_is_as_it_was_decided() -> None:
    assert pod(ALL)["initContainers"] == [yaml.safe_load(SIDECAR)]


def test_spool_is_a_disk_of_the_pod_with_room_beyond_the_proxys_own_limit() -> None:
    _, spool, _ = pod(ALL)["volumes"]
    assert spool == {"name": "spool", "emptyDir": {"sizeLimit": "576Mi"}}


def test_address_of_the_database_is_mounted_from_its_own_secret_and_keeps_no_pod_from_starting() -> None:
    *_, postgres = pod(ALL)["volumes"]
    items = [{"key": "url", "path": "url"}]
    secret = {"secretName": "ledger-db", "items": items, "optional": True, "defaultMode": 0o440}
    assert postgres == {"name": "postgres", "secret": secret}


def test_proxy_cannot_read_the_address_of_the_database() -> None:
    (proxy,) = pod(ALL)["containers"]
    assert [mount["name"] for mount in proxy["volumeMounts"]] == ["config", "spool"]


def test_proxy_is_told_its_spool_and_how_much_may_wait_there() -> None:
    (proxy,) = pod(ALL)["containers"]
    assert proxy["args"][-4:] == ["--spool", "/var/spool/fairlead", "--spool-limit-mib", "512"]


@pytest.mark.parametrize("ledger", [None, {}, {"retention": "720h"}])
def test_nothing_is_spooled_where_it_would_go_nowhere(ledger: dict[str, Any] | None) -> None:
    plain = pod(ledger)
    assert "initContainers" not in plain
    assert [volume["name"] for volume in plain["volumes"]] == ["config"]
    assert "--spool" not in plain["containers"][0]["args"]


def test_what_is_not_named_is_neither_mounted_nor_told() -> None:
    (sidecar,) = pod(LINES)["initContainers"]
    assert [mount["name"] for mount in sidecar["volumeMounts"]] == ["spool"]
    assert not {"--postgres-file", "--otlp"}.intersection(sidecar["command"])


def test_no_probe_of_the_sidecar_can_make_a_pod_unready() -> None:
    (sidecar,) = pod(ALL)["initContainers"]
    assert not [name for name in sidecar if name.endswith("Probe")]


def test_fleet_rolls_for_another_ledger_and_only_then() -> None:
    assert template(ALL) == template(dict(reversed(ALL.items())), enforce={"maxAttempts": 2})
    assert template(ALL) != template({**ALL, "retention": "24h"})
