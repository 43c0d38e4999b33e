"""One `fairlead run` in front of one scripted provider that speaks every dialect; a virtual model for each of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from doubles.processes import ScriptedUpstream, Standalone, eventually, scripted_upstream, standalone

ACCESS_KEYS = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
"""The pair that AWS's own documents show."""

UPSTREAMS = ("chat", "responses", "azure", "anthropic", "gemini", "vertex", "vertex-claude", "bedrock")
"""The virtual models, each served by a provider of its own."""

COUNTING = ("anthropic", "gemini", "vertex", "vertex-claude", "bedrock", "openai")
"""Those whose providers count tokens; `openai` is served by OpenAI itself, the only one of its form that counts."""

MODELS = (*UPSTREAMS, "openai")
"""All virtual models."""


@dataclass(frozen=True)
class House:
    upstream: ScriptedUpstream
    gateway: Standalone

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.gateway.port}"


def service_account(token_uri: str) -> str:
    """Return a key file as Google hands them out, with a key of its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": pem,
            "client_email": "fairlead@project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": token_uri,
        }
    )


def manifests(port: int) -> str:
    host = f"http://127.0.0.1:{port}"
    keys = {
        "plain": "sk-plain",
        "aws": json.dumps(ACCESS_KEYS),
        "google": service_account(f"{host}/token"),
        "entra": json.dumps({"tenantId": "t", "clientId": "c", "clientSecret": "s", "authority": host}),
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys", "namespace": "default"},
        "stringData": keys,
    }
    vertex: dict[str, Any] = {"vertex": {"project": "project", "location": "us-central1"}}
    providers = [
        _provider("chat", "OpenAICompatible", f"{host}/v1", "plain"),
        _provider("responses", "OpenAICompatible", f"{host}/v1", "plain", operations=["responses"]),
        _provider("azure", "AzureOpenAI", host, "entra", azure={"apiVersion": "2024-10-21"}),
        _provider("anthropic", "Anthropic", f"{host}/v1", "plain"),
        _provider("gemini", "Gemini", f"{host}/v1beta", "plain"),
        _provider("vertex", "VertexAI", f"{host}/v1", "google", upstream="gemini-2.5-pro", **vertex),
        _provider("vertex-claude", "VertexAI", f"{host}/v1", "google", upstream="claude-sonnet-4-5", **vertex),
        _provider(
            "bedrock",
            "Bedrock",
            host,
            "aws",
            upstream="anthropic.claude-sonnet-4-5-20250929-v1:0",
            bedrock={"region": "us-east-1"},
        ),
        _provider("openai", "OpenAI", f"{host}/v1", "plain", operations=["chat", "responses"]),
    ]
    return yaml.safe_dump_all([secret, *providers, *(_policy(name) for name in MODELS)])


def _provider(
    name: str,
    type_: str,
    url: str,
    key: str,
    *,
    upstream: str = "model",
    operations: list[str] | None = None,
    **more: object,
) -> dict[str, object]:
    model: dict[str, object] = {"name": "m", "upstreamName": upstream}
    if operations is not None:
        model["operations"] = operations
    spec = {
        "type": type_,
        "endpoint": {"url": url},
        "credentials": [{"name": "main", "secretRef": {"name": "keys", "key": key}}],
        "models": [model],
        "health": {
            "passive": {"consecutive": 1000, "minRequests": 100000, "baseCooldown": "10ms", "maxCooldown": "10ms"},
            "active": {"mode": "None"},
        },
        **more,
    }
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def _policy(name: str) -> dict[str, object]:
    targets = [{"provider": {"name": name}, "model": "m"}]
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "gatewayRef": {"name": "main"},
            "models": [name],
            "rules": [{"name": "only", "route": {"targets": targets}}],
        },
    }


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    directory = tmp_path_factory.mktemp("sdk")
    with scripted_upstream() as upstream:
        file = directory / "all.yaml"
        file.write_text(manifests(upstream.port))
        with standalone(directory, "-f", str(file)) as gateway:
            eventually(lambda: all(_is_programmed(gateway, name) for name in MODELS), within=30)
            yield House(upstream, gateway)


def _is_programmed(gateway: Standalone, name: str) -> bool:
    return gateway.condition("RoutePolicy", "default", name, "Programmed").get("status") == "True"
