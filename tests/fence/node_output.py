"""What a release on a real node has given out, searched: its logs, also as the kubelet keeps them, and all the rest."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import Request

from cluster.kubectl import KubectlFailed
from fence.emitted import Emitted
from fence.fetching import fetched
from fence.gathering import Sources, check_all, contents_of, gather
from fence.stage_canaries import CANARIES
from node.node import Node, RealNode

from fairlead_operator.cli.doctor_lookup import METRICS_PORT

Json = dict[str, Any]
LEAST_LOGS = 2
"""That of an operator and that of a proxy."""


def look_for_leaks(node: Node, namespace: str, audit_from: int = 0) -> None:
    """Raise AssertionError where a release gave out a key or a prompt, or less was searched than there must be.

    `audit_from`: so many bytes of the audit log are older than the release.
    """
    check_all(given_out(node, namespace, audit_from), logs=LEAST_LOGS)


def given_out(node: Node, namespace: str, audit_from: int = 0) -> Emitted:
    """Search all objects of the cluster, the logs, what operator and proxies answer, and the audit log."""
    with TemporaryDirectory() as directory:
        logs = partial(logs_of, node, namespace)
        sources = Sources(node.kubectl, Path(directory), (namespace,), logs, node.audit_log, audit_from)
        emitted = gather(sources, CANARIES)
    for pod in _pods(node, namespace, "-l", "app.kubernetes.io/component=operator"):
        # One that is only just starting, or that a test has ended, does not answer.
        with suppress(OSError):
            _, head, body = fetched(Request(f"http://{pod['status'].get('podIP', '')}:{METRICS_PORT}/metrics"))
            emitted.take("answers of the operator", f"/metrics of {pod['metadata']['name']}", head + body)
    return emitted


def logs_of(node: Node, namespace: str) -> dict[str, bytes]:
    """Return what the containers of a namespace have written: by kubectl, and as the kubelet keeps it in files."""
    found: dict[str, bytes] = {}
    for pod in _pods(node, namespace):
        name = pod["metadata"]["name"]
        for container, *previous in _containers(pod):
            # A container that has not started, or whose pod goes just now, has no log.
            with suppress(KubectlFailed):
                text = node.kubectl("logs", "-n", namespace, name, "-c", container, *previous)
                found[" ".join(("kubectl logs", name, container, *previous))] = text.encode()
    if isinstance(node, RealNode):
        # In the file systems of the node: those of pods that are gone are there for a while.
        kept = Path(f"/proc/{node.pid_of('kubelet')}/root/var/log/pods")
        found |= contents_of(kept, f"{namespace}_*/*/*")
    return found


def _containers(pod: Json) -> Iterator[tuple[str, ...]]:
    """Yield each container of a pod, and once more with the flag for its last log where it was started again."""
    status = pod["status"]
    for state in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        yield (state["name"],)
        if state["restartCount"]:
            yield (state["name"], "--previous")


def _pods(node: Node, namespace: str, *selector: str) -> list[Json]:
    found: list[Json] = node.kubectl.read("get", "pods", "-n", namespace, *selector)["items"]
    return found
