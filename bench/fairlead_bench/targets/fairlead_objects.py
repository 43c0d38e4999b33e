"""The custom resources under which Fairlead is measured, written as its users would write them."""

from collections.abc import Iterator
from typing import Any

import yaml

from fairlead_bench.mock import BACKUP, FAULTY, OK, OTHER
from fairlead_bench.targets.target import (
    BREAKING,
    CHAT,
    FAILOVER,
    MANY,
    SENT_KEY,
    TLS,
    TRY_SECONDS,
    UPSTREAM_KEY,
    Place,
)

PLATFORM, TEAM = "platform", "team"
MODEL = "mock"
KEY = "upstream"


def objects(place: Place, chat_to: str) -> str:
    """Return the YAML of a gateway with keys for its callers, a provider for each role, and a policy for each route."""
    return yaml.dump_all(_objects(place, chat_to), sort_keys=False, Dumper=_QuickDumper)


def _objects(place: Place, chat_to: str) -> Iterator[dict[str, Any]]:
    for namespace in (PLATFORM, TEAM):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    yield _secret(TEAM, "caller", {"key": SENT_KEY}, {"fairlead.dev/key": "true"})
    yield _secret(PLATFORM, KEY, {"apiKey": UPSTREAM_KEY}, {})
    spec = {
        "auth": {"apiKeys": {}},
        "tenants": {"namespaceSelector": {}},
        "egress": {"allowCIDRs": [{"cidr": "127.0.0.0/8", "namespaces": [PLATFORM]}]},
    }
    yield _object("ModelGateway", PLATFORM, "main", spec)
    for role in (OK, BACKUP, FAULTY, OTHER):
        yield _provider(role, place.upstreams.url(role))
    yield _provider(TLS, place.upstreams.tls_url)
    yield _provider(BREAKING, place.upstreams.url(OK), passive={"consecutive": 1000, "minRequests": 1000})
    yield _policy(CHAT, [chat_to])
    yield _policy(TLS, [TLS])
    yield _policy(BREAKING, [BREAKING])
    yield _policy(FAILOVER, [FAULTY, BACKUP])
    for number in range(place.many):
        yield _policy(f"{MANY}{number}", [OK], rules_before=4)


def _policy(name: str, providers: list[str], rules_before: int = 0) -> dict[str, Any]:
    """Return a policy whose last rule serves; those before it are looked at, and match a header that nobody sends."""
    targets = [
        {"provider": {"name": provider, "namespace": PLATFORM}, "model": MODEL, "priority": priority}
        for priority, provider in enumerate(providers)
    ]
    rules: list[dict[str, Any]] = [
        {"name": f"task-{number}", "match": [{"headers": {"x-task": f"{number}"}}], "route": {"targets": targets}}
        for number in range(rules_before)
    ]
    deadlines = {"timeouts": {"perTry": f"{TRY_SECONDS}s", "firstToken": f"{TRY_SECONDS}s"}}
    rules.append({"name": "all", "route": {"targets": targets}, "resilience": deadlines})
    gateway = {"name": "main", "namespace": PLATFORM}
    return _object("RoutePolicy", TEAM, name, {"gatewayRef": gateway, "models": [name], "rules": rules})


def _provider(name: str, url: str, passive: dict[str, int] | None = None) -> dict[str, Any]:
    spec = {
        "type": "OpenAICompatible",
        "endpoint": {"url": url},
        "credentials": [{"name": "main", "secretRef": {"name": KEY, "key": "apiKey"}}],
        "consumers": {"namespaceSelector": {}},
        "health": {"passive": passive or {}},
        "models": [{"name": MODEL, "price": {"perMTok": {"input": "1.25", "output": "10"}}}],
    }
    return _object("ModelProvider", PLATFORM, name, spec)


def _object(kind: str, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "fairlead.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _secret(namespace: str, name: str, data: dict[str, str], labels: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


class _QuickDumper(yaml.SafeDumper):
    """Writes shared parts out each time: the files shall look as if a person had written them."""

    def ignore_aliases(self, data: object) -> bool:
        return True
