"""What calls of the namespace `team` are explained by: two policies that contend, and one with a target too many."""

from typing import Any

import yaml

Json = dict[str, Any]

OBJECTS = """
kind: Namespace
metadata: {name: ai}
---
kind: Namespace
metadata: {name: lab}
---
kind: Namespace
metadata: {name: team, labels: {tenant: "yes"}}
---
kind: ModelGateway
metadata: {name: main, namespace: ai}
spec: {tenants: {namespaceSelector: {matchLabels: {tenant: "yes"}}}}
---
kind: ModelProvider
metadata: {name: fast, namespace: ai}
spec:
  type: Simulated
  models: [{name: tiny}, {name: small}]
  consumers: {namespaceSelector: {matchLabels: {tenant: "yes"}}}
---
kind: ModelProvider
metadata: {name: slow, namespace: ai}
spec:
  type: OpenAICompatible
  endpoint: {url: "https://slow.example/v1", caRef: {name: authorities, key: ca.crt}}
  credentials: [{name: main, secretRef: {name: keys, key: slow}}]
  models: [{name: huge}]
  consumers: {namespaceSelector: {}}
---
kind: ModelProvider
metadata: {name: own, namespace: lab}
spec: {type: Simulated, models: [{name: m}]}
---
kind: RoutePolicy
metadata: {name: first, namespace: team, creationTimestamp: "2026-11-20T10:00:00Z"}
spec:
  gatewayRef: {name: main, namespace: ai}
  models: [smart]
  rules:
  - name: all
    route:
      targets:
      - {provider: {name: slow, namespace: ai}, model: huge, priority: 2}
      - {provider: {name: fast, namespace: ai}, model: tiny, priority: 0}
      - {provider: {name: fast, namespace: ai}, model: small, priority: 1}
---
kind: RoutePolicy
metadata: {name: second, namespace: team, creationTimestamp: "2026-11-21T10:00:00Z"}
spec:
  gatewayRef: {name: main, namespace: ai}
  models: [smart, other]
  rules: [{name: all, route: {targets: [{provider: {name: fast, namespace: ai}, model: tiny}]}}]
---
kind: RoutePolicy
metadata: {name: partly, namespace: team, creationTimestamp: "2026-11-22T10:00:00Z"}
spec:
  gatewayRef: {name: main, namespace: ai}
  models: [partial]
  rules:
  - name: all
    route:
      targets:
      - {provider: {name: fast, namespace: ai}, model: tiny}
      - {provider: {name: own, namespace: lab}, model: m, priority: 1}
"""


def objects() -> list[Json]:
    return list(yaml.safe_load_all(OBJECTS))


def the(kind: str, name: str) -> Json:
    return next(each for each in objects() if (each["kind"], each["metadata"]["name"]) == (kind, name))
