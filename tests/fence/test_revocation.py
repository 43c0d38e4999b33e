"""Consent that is withdrawn stops traffic within five seconds, in a running gateway, and its status says why."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from doubles.figures import Figures
from doubles.processes import Standalone, eventually, standalone

PROMISED_SECONDS = 5.0
SHARED = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: shared, namespace: vault}
spec:
  type: Simulated
  models: [{name: m}]
  simulated: {ttft: 1ms, tokensPerSecond: 100000}
  consumers: CONSENT
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: bot, namespace: default}
spec:
  gatewayRef: {name: main, namespace: HOME}
  models: [smart]
  rules: [{name: all, route: {targets: [{provider: {name: shared, namespace: vault}, model: m}]}}]
"""
OBJECTS = SHARED.replace("HOME", "default")
ALL = "{namespaceSelector: {}}"
BY_NAME = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}}"
ANOTHER = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: elsewhere}}}"
BY_LABEL = "{namespaceSelector: {matchLabels: {team: known}}}"
GATED = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: default, labels: {{team: LABEL}}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {{name: main, namespace: vault}}
spec: {{tenants: TENANTS}}
---{SHARED.replace("HOME", "vault").replace("CONSENT", ALL)}"""


@dataclass(frozen=True)
class Vault:
    gateway: Standalone
    path: Path

    def consents(self, consent: str) -> None:
        self.path.write_text(OBJECTS.replace("CONSENT", consent))

    def admits(self, tenants: str, label: str = "known") -> None:
        self.path.write_text(gated(tenants, label))

    def resolved(self) -> dict[str, Any]:
        return self.gateway.condition("RoutePolicy", "default", "bot", "ResolvedRefs")

    def status(self, *, stream: bool = False) -> int:
        """Return the status that one call gets."""
        asked = {"model": "smart", "messages": [{"role": "user", "content": "Hello"}], "stream": stream}
        request = urllib.request.Request(
            f"{self.gateway.url}/chat/completions",
            data=json.dumps(asked).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    directory = tmp_path_factory.mktemp("vault")
    path = directory / "objects.yaml"
    path.write_text(OBJECTS.replace("CONSENT", ALL))
    with standalone(directory, "-f", str(path)) as gateway:
        yield Vault(gateway, path)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A gateway of another namespace than its callers', which consents by `tenants`."""
    directory = tmp_path_factory.mktemp("gate")
    path = directory / "objects.yaml"
    path.write_text(gated(ALL, "known"))
    with standalone(directory, "-f", str(path)) as gateway:
        yield Vault(gateway, path)


def gated(tenants: str, label: str) -> str:
    return GATED.replace("TENANTS", tenants).replace("LABEL", label)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("given", [ALL, BY_NAME], ids=["to all", "by name"])
@pytest.mark.parametrize("left", ["{}", ANOTHER], ids=["to nobody", "to another"])
def test_traffic_stops_once_consent_is_withdrawn(
    vault: Vault, figures: Figures, given: str, left: str, stream: bool
) -> None:
    vault.consents(given)
    eventually(lambda: vault.status(stream=stream) == 200, within=20)
    eventually(lambda: vault.resolved()["status"] == "True", within=20)
    edited = time.monotonic()
    vault.consents(left)
    eventually(lambda: vault.status(stream=stream) in (404, 503), within=3 * PROMISED_SECONDS)
    figures.hold("fence, withdrawn consent until calls stop", time.monotonic() - edited, bound=PROMISED_SECONDS)
    assert {vault.status(stream=stream) for _ in range(10)} <= {404, 503}
    eventually(lambda: vault.resolved()["reason"] == "ProviderNotFound", within=20)
    assert "no ModelProvider vault/shared is offered to this namespace" in vault.resolved()["message"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("given", "left", "label"),
    [(ALL, "{}", "known"), (BY_NAME, ANOTHER, "known"), (BY_LABEL, BY_LABEL, "other")],
    ids=["to nobody", "to another", "by a label that the namespace loses"],
)
def test_traffic_stops_once_the_gateway_admits_the_namespace_no_more(
    gate: Vault, figures: Figures, given: str, left: str, label: str, stream: bool
) -> None:
    gate.admits(given)
    eventually(lambda: gate.status(stream=stream) == 200, within=20)
    eventually(lambda: gate.resolved()["status"] == "True", within=20)
    edited = time.monotonic()
    gate.admits(left, label)
    eventually(lambda: gate.status(stream=stream) in (404, 503), within=3 * PROMISED_SECONDS)
    figures.hold("fence, withdrawn tenancy until calls stop", time.monotonic() - edited, bound=PROMISED_SECONDS)
    assert {gate.status(stream=stream) for _ in range(10)} <= {404, 503}
    eventually(lambda: gate.resolved()["reason"] == "GatewayNotFound", within=20)
    assert "no ModelGateway vault/main exists that admits this namespace" in gate.resolved()["message"]
