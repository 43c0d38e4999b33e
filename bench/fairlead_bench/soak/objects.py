"""What the soaked gateway serves: providers of every dialect, policies across them, and edits of both."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PER_TRY_SECONDS = 3
TOTAL_SECONDS = 20
MAX_COOLDOWN_SECONDS = 4

_API = "fairlead.dev/v1alpha1"
_KEYS = {
    "plain": "sk-soak",
    # The pair that AWS's own documents show.
    "aws": json.dumps(
        {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
    ),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider as its vendor's type; `path` is appended to where it listens."""

    type_: str
    path: str
    upstream_model: str = "model"
    key: str = "plain"
    operations: tuple[str, ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)
    patient: bool = False
    """Its breaker waits for many failures: else most calls would be spared what is to be seen."""


PROVIDERS = {
    "chat": Kind("OpenAICompatible", "/v1", patient=True),
    "responses": Kind("OpenAICompatible", "/v1", operations=("responses",)),
    "anthropic": Kind("Anthropic", "/v1"),
    "gemini": Kind("Gemini", "/v1beta"),
    "bedrock": Kind(
        "Bedrock",
        "",
        upstream_model="anthropic.claude-sonnet-4-5-20250929-v1:0",
        key="aws",
        more={"bedrock": {"region": "us-east-1"}},
        patient=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Route:
    """A policy of one virtual model: its providers in order, and whether a stream that breaks off is gone on with."""

    providers: tuple[str, ...]
    continues: bool = False


ROUTES = {
    "alpha": Route(("chat", "anthropic", "gemini"), continues=True),
    "bravo": Route(("anthropic", "chat", "bedrock")),
    "charlie": Route(("gemini", "responses", "chat"), continues=True),
    "delta": Route(("responses", "bedrock")),
    "echo": Route(("bedrock", "chat", "gemini"), continues=True),
}


class Objects:
    """The files that `fairlead run` reads. `edit` rewrites one of them.

    `prices`: what a provider's model costs, by provider, as a ModelProvider says it; `resilience`: what a policy's rule
    says of it besides, by policy.
    """

    def __init__(
        self,
        directory: Path,
        ports: Mapping[str, int],
        *,
        prices: Mapping[str, Mapping[str, Any]] | None = None,
        resilience: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._directory = directory
        self._ports = ports
        self._prices, self._resilience = prices or {}, resilience or {}
        self._edits = 0
        directory.mkdir()
        self._write("providers", [_secret(), *(self._provider(name, 0) for name in PROVIDERS)])
        for name in ROUTES:
            self._write(f"policy-{name}", [_policy(name, 0, self._resilience.get(name, {}))])

    def edit(self) -> None:
        """Change a policy in its turn, and every third time the price of every provider's model."""
        self._edits += 1
        if self._edits % 3 == 0:
            self._write("providers", [_secret(), *(self._provider(name, self._edits) for name in PROVIDERS)])
            return
        name = list(ROUTES)[self._edits % len(ROUTES)]
        self._write(f"policy-{name}", [_policy(name, self._edits, self._resilience.get(name, {}))])

    def _provider(self, name: str, edition: int) -> dict[str, Any]:
        kind = PROVIDERS[name]
        model: dict[str, Any] = {"name": "m", "upstreamName": kind.upstream_model}
        model["price"] = self._prices.get(name) or {"perMTok": {"input": str(1 + edition), "output": "2"}}
        if kind.operations:
            model["operations"] = list(kind.operations)
        failures = {"consecutive": 1000, "minRequests": 100_000} if kind.patient else {}
        spec = {
            "type": kind.type_,
            "endpoint": {"url": f"http://127.0.0.1:{self._ports[name]}{kind.path}"},
            "credentials": [{"name": "main", "secretRef": {"name": "keys", "key": kind.key}}],
            "models": [model],
            "health": {"passive": {"baseCooldown": "1s", "maxCooldown": f"{MAX_COOLDOWN_SECONDS}s", **failures}},
            **kind.more,
        }
        return {"apiVersion": _API, "kind": "ModelProvider", "metadata": _named(name), "spec": spec}

    def _write(self, name: str, documents: list[dict[str, Any]]) -> None:
        """Write a file whole, as editors do: nobody reads half of it."""
        beside = self._directory / f"{name}.new"
        beside.write_text(yaml.safe_dump_all(documents))
        os.replace(beside, self._directory / f"{name}.yaml")


def _policy(name: str, edition: int, more: Mapping[str, Any]) -> dict[str, Any]:
    """An edition is another than the last: the order of the further targets, and the call's deadline."""
    route = ROUTES[name]
    first, *others = route.providers
    ordered = [first, *(reversed(others) if edition % 2 else others)]
    targets = [
        {"provider": {"name": provider}, "model": "m", "priority": place} for place, provider in enumerate(ordered)
    ]
    each = f"{PER_TRY_SECONDS}s"
    timeouts = {"perTry": each, "firstToken": each, "idle": each, "total": f"{TOTAL_SECONDS + edition % 7}s"}
    fallback = {"midStream": "Continue" if route.continues else "Error"}
    resilience = {"timeouts": timeouts, "fallback": fallback, **more}
    rule = {"name": "only", "route": {"targets": targets}, "resilience": resilience}
    spec = {"gatewayRef": {"name": "main"}, "models": [name], "rules": [rule]}
    return {"apiVersion": _API, "kind": "RoutePolicy", "metadata": _named(name), "spec": spec}


def _secret() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _named("keys"), "stringData": _KEYS}


def _named(name: str) -> dict[str, str]:
    return {"name": name, "namespace": "default"}
