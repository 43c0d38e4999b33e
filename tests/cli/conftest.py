"""Objects in a file, for the commands that read files."""

import textwrap
from pathlib import Path

import pytest

OBJECTS = """
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelProvider
    metadata: {name: fast}
    spec:
      type: Simulated
      models: [{name: tiny, capabilities: [tools], contextWindow: 2000}]
    ---
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelProvider
    metadata: {name: slow}
    spec: {type: Simulated, models: [{name: huge}]}
    ---
    apiVersion: fairlead.dev/v1alpha1
    kind: RoutePolicy
    metadata: {name: policy}
    spec:
      gatewayRef: {name: main}
      models: [smart, cheap]
      rules:
      - name: coding
        match: [{models: [smart], intent: {anyOf: [code]}}]
        route: {targets: [{provider: {name: slow}, model: huge}]}
      - name: long
        match: [{models: [smart], promptTokens: {min: 1000}}, {models: [smart], headers: {x-task: long}}]
        route: {targets: [{provider: {name: slow}, model: huge}]}
      - name: usual
        match: [{models: [smart]}]
        route:
          targets:
          - {provider: {name: fast}, model: tiny, priority: 0}
          - {provider: {name: slow}, model: huge, priority: 1}
      - name: shared
        route:
          strategy: Weighted
          targets:
          - {provider: {name: fast}, model: tiny, weight: 3}
          - {provider: {name: slow}, model: huge, weight: 1}
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "objects.yaml"
    path.write_text(textwrap.dedent(OBJECTS).lstrip())
    return path
