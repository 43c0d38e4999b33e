"""One `fairlead run` over two scripted providers, shared by the tests of this folder; each test scripts them anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest
from doubles.processes import ScriptedUpstream, Standalone, eventually, scripted_upstream, standalone

pytest.register_assert_rewrite("failures.demands")

MANIFESTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: {name}-primary, namespace: default}}
spec:
  type: OpenAICompatible
  endpoint: {{url: "{primary}"}}
  models: [{{name: m, price: {{perMTok: {{input: "1", output: "2"}}}}}}]
  health: {{passive: {{consecutive: 1000, minRequests: 100000, baseCooldown: 1s}}, active: {{mode: None}}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: {name}-backup, namespace: default}}
spec:
  type: OpenAICompatible
  endpoint: {{url: "{backup}"}}
  models: [{{name: m}}]
  health: {{active: {{mode: None}}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: {name}, namespace: default}}
spec:
  gatewayRef: {{name: main}}
  models: ["{name}"]
  rules:
  - name: only
    route:
      targets:
      - {{provider: {{name: {name}-primary}}, model: m, priority: 0}}
      - {{provider: {{name: {name}-backup}}, model: m, priority: 1}}
    resilience: {{timeouts: {{perTry: 1s, firstToken: 1s, idle: 1s, total: 20s}}, fallback: {{contextLength: Deny}}}}
"""

FIRST = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: first, namespace: default}
spec: {type: Simulated, models: [{name: m}]}
"""
"""What there is before a test has written its own: files without any object are refused."""


@dataclass(frozen=True)
class Pair:
    """A virtual model of its own with its own two providers, so that no test inherits another's cooldowns."""

    model: str
    primary: ScriptedUpstream
    backup: ScriptedUpstream
    gateway: Standalone

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.gateway.url, api_key="ignored", max_retries=0, timeout=30)


@pytest.fixture(scope="session")
def upstreams() -> Iterator[tuple[ScriptedUpstream, ScriptedUpstream]]:
    with scripted_upstream() as primary, scripted_upstream() as backup:
        yield primary, backup


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Standalone, Path]]:
    directory = tmp_path_factory.mktemp("failures")
    manifests = directory / "manifests"
    manifests.mkdir()
    (manifests / "first.yaml").write_text(FIRST)
    with standalone(directory, "-f", str(manifests)) as running:
        yield running, manifests


@pytest.fixture
def pair(
    request: pytest.FixtureRequest,
    gateway: tuple[Standalone, Path],
    upstreams: tuple[ScriptedUpstream, ScriptedUpstream],
) -> Iterator[Pair]:
    running, manifests = gateway
    name = f"t{abs(hash(request.node.nodeid)) % 10**9}"
    primary, backup = upstreams
    primary.obey()
    backup.obey(behaviour={"text": "from the backup"})
    file = manifests / f"{name}.yaml"
    file.write_text(MANIFESTS.format(name=name, primary=primary.url, backup=backup.url))
    eventually(
        lambda: running.condition("RoutePolicy", "default", name, "Programmed").get("status") == "True", within=15
    )
    yield Pair(name, primary, backup, running)
    file.unlink()
