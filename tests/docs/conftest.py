"""One gateway with API keys in front of the scripted provider, for the guides: each page is a tenant with a key.

The virtual model `smart` of a page stands at a provider of another API than the page's own. Four more go wrong:
`brief` has no patience, `narrow` has no rule for anybody, `resting` is left alone after its first failure, and
`limited` stands at a provider of its own, so that nobody else waits for its limit to pass.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from doubles.processes import eventually, scripted_upstream, standalone
from sdk.conftest import House, manifests

SERVED_BY = {
    "openai-chat": "anthropic",
    "openai-responses": "gemini",
    "anthropic": "bedrock",
    "gemini": "openai",
}
"""The provider behind the models of each page."""

REAL = {"anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-pro", "openai": "gpt-5.4"}
"""Names of real models, for what is asked of a model depends on its generation."""

MODELS = ("smart", "brief", "narrow", "resting", "limited")
_ALONE = ("resting", "limited")
"""Those with a provider of their own on each page."""


def key_of(page: str) -> str:
    return f"key-of-the-page-{page}"


def _all_manifests(port: int) -> str:
    described: list[dict[str, Any]] = [each for each in yaml.safe_load_all(manifests(port)) if each is not None]
    providers = [each for each in described if each["kind"] == "ModelProvider"]
    for provider in providers:
        spec = provider["spec"]
        model = spec["models"][0]
        model["upstreamName"] = REAL.get(provider["metadata"]["name"], model["upstreamName"])
        spec["consumers"] = {"namespaceSelector": {}}
    gateway = _object(
        "ModelGateway",
        "main",
        "default",
        {
            "auth": {"apiKeys": {}},
            "tenants": {"namespaceSelector": {}},
            "egress": {"allowCIDRs": [{"cidr": "127.0.0.0/8", "namespaces": ["default"]}]},
        },
    )
    secrets = [each for each in described if each["kind"] == "Secret"]
    tenants = [each for page in SERVED_BY for each in _tenant(page)]
    alone = [_alone(model, page, providers) for page in SERVED_BY for model in _ALONE]
    return yaml.safe_dump_all([gateway, *secrets, *providers, *alone, *tenants])


def _object(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "fairlead.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def _alone(model: str, page: str, providers: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the provider of a page once more, for one model, and to be left alone after one failure."""
    spec = next(each["spec"] for each in providers if each["metadata"]["name"] == SERVED_BY[page])
    health = {"passive": {"consecutive": 1, "baseCooldown": "5m"}}
    return _object("ModelProvider", f"{model}-{page}", "default", spec | {"health": health})


def _tenant(page: str) -> list[dict[str, Any]]:
    meta = {"name": "app", "namespace": page, "labels": {"fairlead.dev/key": "true"}}
    usual = _rule(SERVED_BY[page])
    hasty = {"resilience": {"timeouts": {"perTry": "300ms", "firstToken": "300ms"}}}
    narrow = {"match": [{"headers": {"x-task": "none of yours"}}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": page}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"key": key_of(page)}},
        _policy(page, "smart", usual),
        _policy(page, "brief", usual | hasty),
        _policy(page, "narrow", usual | narrow),
        *(_policy(page, model, _rule(f"{model}-{page}")) for model in _ALONE),
    ]


def _rule(provider: str) -> dict[str, Any]:
    target = {"provider": {"name": provider, "namespace": "default"}, "model": "m"}
    return {"name": "all", "route": {"targets": [target]}}


def _policy(page: str, model: str, rule: dict[str, Any]) -> dict[str, Any]:
    gateway = {"name": "main", "namespace": "default"}
    return _object("RoutePolicy", model, page, {"gatewayRef": gateway, "models": [model], "rules": [rule]})


@pytest.fixture(scope="session")
def guides_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("guides")
    with scripted_upstream() as upstream:
        file = directory / "all.yaml"
        file.write_text(_all_manifests(upstream.port))
        with standalone(directory, "-f", str(file)) as gateway:
            named = [(page, model) for page in SERVED_BY for model in MODELS]
            eventually(
                lambda: all(
                    gateway.condition("RoutePolicy", page, model, "Programmed").get("status") == "True"
                    for page, model in named
                ),
                within=30,
            )
            yield House(upstream, gateway)
