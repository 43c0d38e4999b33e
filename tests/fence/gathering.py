"""Gathers what a cluster has given out: every object, what proxies answer to admins, logs, the audit log."""

import http.client
import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request

from cluster.kubectl import Kubectl
from cluster.processes import Child, answers, free_ports, wait_until
from fence.emitted import Emitted, keys_of
from fence.fetching import fetched
from fence.stage_canaries import Canary

from fairlead_operator.cluster.kubernetes_config import debug_token_in
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL, debug_token_name
from fairlead_operator.resources.gateway import ADMIN_PORT

Json = dict[str, Any]

MADE_UP = ("componentstatuses",)
"""Lists of what is stored nowhere: each is made up anew for whoever asks."""
PAGE = 500
CALL = re.compile(rb'\bcall(?:=|":\s?")([\w-]+)')
"""A call's id as logs name it, as text or as JSON."""
CALLS_OF_A_LOG = 20
ANSWER_SECONDS = 10.0
PROXIES = "ready proxies"
LEAST = {"kinds": 40, "objects": 100, "entries of Secrets": 1, "audit logs": 1}
LEAST_OF_PROXIES = {"answers of proxies": 4, "fragments": 1, "logs": 2}
"""Of each source at least so many pieces: what is less cannot have been all."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where to look. `kubectl` speaks as an administrator; `directory` is for a file of ours.

    `namespaces`: whose proxies are asked. `logs` reads the logs, by what they are called. `audit_from`: so many bytes
    of the audit log are older than what is looked at.
    """

    kubectl: Kubectl
    directory: Path
    namespaces: Collection[str]
    logs: Callable[[], Mapping[str, bytes]]
    audit_log: Path
    audit_from: int = 0


def gather(sources: Sources, canaries: Mapping[str, Canary]) -> Emitted:
    """Return what was found of these canaries, and of all keys that the cluster's Secrets hold besides.

    Of the audit log every line since the mark is searched. Its policy logs who asked for what, and no body of a request
    or an answer (level Metadata): with those of Secrets it would have to hold keys.
    """
    begun = time.monotonic()
    with api_of(sources.kubectl, sources.directory) as api:
        secrets = api.items("/api/v1/secrets")
        emitted = Emitted(keys_of(secrets, canaries))
        emitted.take_list("secrets", secrets)
        pods: Sequence[Json] = ()
        for resource, path in api.lists():
            if resource not in ("secrets", *MADE_UP):
                items = api.items(path)
                emitted.take_list(resource, items)
                pods = items if resource == "pods" else pods
    logs = sources.logs()
    calls = {call.decode() for content in logs.values() for call in CALL.findall(content)[-CALLS_OF_A_LOG:]}
    tokens = {_id_of(secret): debug_token_in(secret) for secret in secrets}
    for pod in pods:
        if pod["metadata"]["namespace"] in sources.namespaces and is_ready_proxy(pod):
            emitted.looked[PROXIES] += 1
            _ask(pod, tokens, sorted(calls), emitted)
    # Once more: by now they were asked for what only the debug token opens.
    for place, content in {**logs, **sources.logs()}.items():
        emitted.take("logs", f"log {place}", content)
    with sources.audit_log.open("rb") as log:
        log.seek(sources.audit_from)
        emitted.take("audit logs", "audit log", log.read())
    emitted.seconds = time.monotonic() - begun
    return emitted


def check_all(emitted: Emitted, *, logs: int) -> None:
    """Raise AssertionError where a canary leaked, or less was looked at than there is in every cluster; print how much.

    `logs`: how many there are at least. Where a proxy is ready there is a snapshot, too, and it answers.
    """
    print(emitted.summary())
    emitted.check({**LEAST, "logs": logs} | (LEAST_OF_PROXIES if emitted.looked[PROXIES] else {}))


def contents_of(root: Path, *patterns: str) -> dict[str, bytes]:
    """Return the files below a directory that fit any of these patterns, by their paths from there."""
    found = {}
    for path in {path for pattern in patterns for path in root.glob(pattern)}:
        # A file of a spool goes as soon as it is shipped.
        with suppress(FileNotFoundError, IsADirectoryError):
            found[str(path.relative_to(root))] = path.read_bytes()
    return found


class Api:
    """Reads from an API server over one connection."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def lists(self) -> Iterator[tuple[str, str]]:
        """Yield each kind that can be listed: its plural name, its group behind a dot, and the path of the list."""
        versions = {"": "/api/v1"}
        for group in self._read("/apis")["groups"]:
            preferred = group["preferredVersion"]["groupVersion"]
            versions[f".{group['name']}"] = f"/apis/{preferred}"
        for group, path in versions.items():
            for resource in self._read(path).get("resources", []):
                if "list" in resource["verbs"] and "/" not in resource["name"]:
                    yield f"{resource['name']}{group}", f"{path}/{resource['name']}"

    def items(self, path: str) -> list[Json]:
        """Return all objects of a list, in full; none where the kind is not there any more."""
        found: list[Json] = []
        after = ""
        while True:
            page = self._read(f"{path}?limit={PAGE}&continue={quote(after)}")
            found += page.get("items") or []
            after = page.get("metadata", {}).get("continue", "")
            if not after:
                return found

    def _read(self, path: str) -> Json:
        self._connection.request("GET", path)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status == 404:
            return {}
        if answer.status != 200:
            raise OSError(f"GET {path}: {answer.status} {content[:300].decode(errors='replace')}")
        told: Json = json.loads(content)
        return told


@contextmanager
def api_of(kubectl: Kubectl, directory: Path) -> Iterator[Api]:
    """Have kubectl carry our requests, whatever its kubeconfig holds."""
    (port,) = free_ports(1)
    command = [str(kubectl.program), "--kubeconfig", str(kubectl.kubeconfig), "proxy", f"--port={port}"]
    environment = {"HOME": str(kubectl.kubeconfig.parent), "PATH": "/usr/bin:/bin"}
    child = Child("kubectl proxy", command, directory / "kubectl-proxy.out", environment)
    child.start()
    try:
        wait_until(lambda: answers(f"127.0.0.1:{port}"), what="kubectl carries requests")
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            yield Api(connection)
    finally:
        child.stop()


def is_ready_proxy(pod: Json) -> bool:
    """Return whether a pod is a proxy that serves and is there to stay."""
    metadata, status = pod["metadata"], pod.get("status", {})
    ready = {"type": "Ready", "status": "True"}.items()
    return (
        GATEWAY_LABEL in (metadata.get("labels") or {})
        and "deletionTimestamp" not in metadata
        and any(ready <= condition.items() for condition in status.get("conditions") or [])
    )


def _ask(pod: Json, tokens: Mapping[str, str], calls: Sequence[str], emitted: Emitted) -> None:
    """Search what a proxy answers to admins and to those who are none, and what it remembers of these calls."""
    metadata = pod["metadata"]
    proxy = f"{metadata['namespace']}/{metadata['name']}"
    token = tokens.get(f"{metadata['namespace']}/{debug_token_name(metadata['labels'][GATEWAY_LABEL])}", "")
    decisions = [f"/debug/decisions/{call}" for call in calls]
    asked = [(path, shown) for path in ("/metrics", "/readyz", "/debug/config") for shown in ("", token)]
    for path, shown in [*asked, *((decision, token) for decision in decisions)]:
        headers = {"authorization": f"Bearer {shown}"} if shown else {}
        request = Request(f"http://{pod['status']['podIP']}:{ADMIN_PORT}{path}", headers=headers)
        try:
            status, head, body = fetched(request, timeout_seconds=ANSWER_SECONDS)
        except OSError:
            # It may have gone since it was listed; whether any has answered is checked by whoever demands it.
            emitted.looked["proxies that gave no answer"] += 1
            return
        if path not in decisions:
            emitted.take("answers of proxies", f"{path} of proxy {proxy}", head + b"\n" + body)
        elif status == 200:
            emitted.take("decision records", f"{path} of proxy {proxy}", head + b"\n" + body)


def _id_of(item: Json) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"
