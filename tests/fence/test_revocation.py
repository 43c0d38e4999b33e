"""Consent that is withdrawn stops traffic within five seconds, in a running gateway, and its status says why."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from doubles.figures import Figures
from doubles.processes import Standalone, eventually, standalone

PROMISED_SECONDS = 5.0
OBJECTS = """
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
  gatewayRef: {name: main, namespace: default}
  models: [smart]
  rules: [{name: all, route: {targets: [{provider: {name: shared, namespace: vault}, model: m}]}}]
"""
ALL = "{namespaceSelector: {}}"
BY_NAME = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}}"
ANOTHER = "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: elsewhere}}}"


@dataclass(frozen=True)
class Vault:
    gateway: Standalone
    path: Path

    def consents(self, consent: str) -> None:
        self.path.write_text(OBJECTS.replace("CONSENT", consent))

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


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("given", [ALL, BY_NAME], ids=["to all", "by name"])
@pytest.mark.parametrize("left", ["{}", ANOTHER], ids=["to nobody", "to another"])
def test_traffic_stops_once_consent_is_withdrawn(
    vault: Vault, figures: Figures, given: str, left: str, stream: bool
) -> None:
    vault.consents(given)
    eventually(lambda: vault.status(stream=stream) == 200, within=20)
    edited = time.monotonic()
    vault.consents(left)
    eventually(lambda: vault.status(stream=stream) in (404, 503), within=3 * PROMISED_SECONDS)
    figures.hold("fence, withdrawn consent until calls stop", time.monotonic() - edited, bound=PROMISED_SECONDS)
    assert {vault.status(stream=stream) for _ in range(10)} <= {404, 503}
    resolved = eventually(lambda: _refused(vault), within=20)
    assert "no ModelProvider vault/shared is offered to this namespace" in resolved


def _refused(vault: Vault) -> str:
    condition = vault.gateway.condition("RoutePolicy", "default", "bot", "ResolvedRefs")
    return str(condition["message"]) if condition.get("reason") == "ProviderNotFound" else ""
