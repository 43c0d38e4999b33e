"""A running gateway full of canaries: keys in every place that takes one, and providers that quote what they get."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request

import yaml
from doubles.processes import ScriptedUpstream, Standalone, eventually, scripted_upstream, standalone
from fence.canaries import Search, make_canary
from fence.fetching import fetched
from sdk.conftest import MODELS, manifests, service_account

CALLER_LABEL = {"fairlead.dev/key": "true"}
PROMPT = "prompt"


@dataclass
class Planted:
    """`canaries` by name; all but the prompt are keys. `emitted`: all that was answered, by where. `statuses`: of
    calls, each beside how the providers behaved.
    """

    upstream: ScriptedUpstream
    gateway: Standalone
    objects: Path
    canaries: dict[str, str]
    emitted: dict[str, bytes] = field(default_factory=dict)
    statuses: set[tuple[str, int]] = field(default_factory=set)

    @property
    def search(self) -> Search:
        return Search(self.canaries | {"admin token": self.admin_token})

    @property
    def admin_token(self) -> str:
        return (self.gateway.state / "admin.token").read_text().strip()

    def note(self, where: str, content: bytes) -> None:
        self.emitted[where] = self.emitted.get(where, b"") + content

    def call(self, path: str, body: dict[str, Any], *, key: str | None = None) -> int:
        """Make one call with the caller's key, or another one; note the answer, head and body; return the status."""
        url = f"http://127.0.0.1:{self.gateway.port}{path}"
        headers = {
            "content-type": "application/json",
            "authorization": f"Bearer {key or self.canaries['caller']}",
            "anthropic-version": "2023-06-01",
        }
        status, head, content = fetched(Request(url, json.dumps(body).encode(), headers))
        self.note(f"answer of {path} {status}", head + b"\n" + content + b"\n")
        return status

    def read_admin(self, path: str, *, token: str = "") -> bytes:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        _, head, content = fetched(Request(self.gateway.admin + path, headers=headers))
        self.note(f"admin {path}", head + content)
        return content


@contextmanager
def planted(directory: Path) -> Iterator[Planted]:
    names = ("plain", "refused", "aws secret", "aws session", "entra", "caller", "bystander", PROMPT)
    canaries = {name: make_canary(name) for name in names}
    with scripted_upstream() as upstream:
        account = service_account(upstream.google_token_url)
        canaries["google"] = json.loads(account)["private_key"].splitlines()[3]
        objects = directory / "objects"
        objects.mkdir()
        (objects / "all.yaml").write_text(_objects(upstream, canaries, account))
        with standalone(directory, "-f", str(objects), "--log-format", "json", env={"PYTHONDEVMODE": "1"}) as gateway:
            eventually(lambda: all(_is_programmed(gateway, name) for name in (*MODELS, "refused")), within=30)
            yield Planted(upstream, gateway, objects, canaries)


def calls_of(model: str, prompt: str) -> list[tuple[str, dict[str, Any]]]:
    """Return path and body of a call in each dialect, plain and streamed."""
    calls: list[tuple[str, dict[str, Any]]] = []
    for stream in (False, True):
        messages = {"model": model, "messages": [{"role": "user", "content": prompt}], "stream": stream}
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        calls += [
            ("/v1/chat/completions", messages),
            ("/v1/responses", {"model": model, "input": prompt, "stream": stream}),
            ("/v1/messages", messages | {"max_tokens": 99}),
            (f"/v1beta/models/{model}:{verb}", {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}),
        ]
    return calls


def family_of(process: int) -> list[int]:
    """Return the ids of a process, its children, and theirs."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(line.split()[0]): int(line.split()[1]) for line in listed.splitlines()}
    family = [process]
    for member in family:
        family += [pid for pid, parent in parents.items() if parent == member]
    return family


def _is_programmed(gateway: Standalone, name: str) -> bool:
    return gateway.condition("RoutePolicy", "default", name, "Programmed").get("status") == "True"


def _objects(upstream: ScriptedUpstream, canaries: dict[str, str], account: str) -> str:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(manifests(upstream.port)))
    (keys,) = [each for each in documents if each["kind"] == "Secret"]
    host = upstream.root
    aws = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": canaries["aws secret"]}
    entra = {"tenantId": "t", "clientId": "c", "clientSecret": canaries["entra"], "authority": host}
    keys["stringData"] = {
        "plain": canaries["plain"],
        "refused": canaries["refused"],
        "aws": json.dumps(aws | {"sessionToken": canaries["aws session"]}),
        "google": account,
        "entra": json.dumps(entra),
    }
    gateway = {
        "auth": {"apiKeys": {}},
        "tenants": {"namespaceSelector": {}},
        "egress": {"denyPrivateRanges": False},
        "ledger": {"jsonLines": {}},
    }
    refused = {
        "type": "OpenAICompatible",
        "endpoint": {"url": upstream.url},
        "credentials": [{"name": "main", "secretRef": {"name": "keys", "key": "refused"}}],
        "models": [{"name": "m"}],
        "health": {"passive": {"consecutive": 1000, "baseCooldown": "10ms", "maxCooldown": "10ms"}},
    }
    (example,) = [each for each in documents if each["kind"] == "RoutePolicy" and each["metadata"]["name"] == "chat"]
    policy = json.loads(json.dumps(example).replace('"chat"', '"refused"'))
    return yaml.safe_dump_all(
        [
            *documents,
            policy,
            {
                **example,
                "kind": "ModelProvider",
                "metadata": {"name": "refused", "namespace": "default"},
                "spec": refused,
            },
            {**example, "kind": "ModelGateway", "metadata": {"name": "main", "namespace": "default"}, "spec": gateway},
            _secret("caller", {"key": canaries["caller"]}, CALLER_LABEL),
            _secret("bystander", {"password": canaries["bystander"]}),
        ]
    )


def _secret(name: str, data: dict[str, str], labels: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "default", "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
