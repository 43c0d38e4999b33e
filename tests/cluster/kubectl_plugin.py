"""`kubectl fairlead` as a program of its own, and the fleet of the case on disk that its tests look at."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from cluster.kubectl import Kubectl
from cluster.namespaces import make_namespace
from doubles.case_files import input_of

from fairlead_operator.fleet import rbac

Json = dict[str, Any]
APPLY_STATUS = ("apply", "--server-side", "--subresource=status", "--field-manager=fairlead-operator", "-f", "-")
NAMESPACES = ("ai", "team-lab", "team-a", "team-b")


class Fairlead:
    """Runs the plugin as kubectl runs it, by one kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "fairlead_operator.cli.main", *arguments]
        environ = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)

    def checks(self, *arguments: str) -> dict[str, Json]:
        """Return what the doctor says, by what it is about."""
        told = json.loads(self("doctor", *arguments, "-o", "json").stdout)
        return {each["what"]: each for each in told["checks"]}


@contextmanager
def fleet_of_the_case(kubectl: Kubectl) -> Iterator[dict[str, str]]:
    """Make the case's fleet, in namespaces of its own; yield what they are called, by the case's names."""
    install_definitions(kubectl)
    mark = uuid.uuid4().hex[:6]
    named = {name: f"{name}-{mark}" for name in NAMESPACES}
    for name in named.values():
        make_namespace(kubectl, name)
    for content in yaml.safe_load(input_of("kubectl", "fleet").read_text()):
        create(kubectl, renamed(content, named))
    try:
        yield named
    finally:
        kubectl("delete", "namespace", *named.values(), "--wait=false")


def install_definitions(kubectl: Kubectl) -> None:
    """Install this program's definitions, as the doctor's remedy says."""
    command = [sys.executable, "-m", "fairlead_operator.cli.main", "crds"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=printed)


def renamed(content: Json, named: dict[str, str]) -> Json:
    """Return the object in its namespace of this fleet."""
    metadata = {"name": content["metadata"]["name"], "namespace": named[content["metadata"]["namespace"]]}
    return {**content, "metadata": metadata}


def create(kubectl: Kubectl, content: Json) -> None:
    """Create an object, then write its status, as only the operator may, on the generation that it has here."""
    status = content.pop("status", None)
    kubectl("create", "-f", "-", stdin=json.dumps(content))
    if status is not None:
        status["observedGeneration"] = 1
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        if status.get("usage", {}).get("day") == "2026-11-27":
            status["usage"]["day"] = today
        spoken = {name: content[name] for name in ("apiVersion", "kind", "metadata")}
        kubectl(*APPLY_STATUS, stdin=json.dumps({**spoken, "status": status}))


def granted(name: str, namespace: str, rules: tuple[rbac.Rule, ...], subject: Json) -> list[Json]:
    """Return a role and its binding, of the cluster where there is no namespace."""
    kind = "Role" if namespace else "ClusterRole"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    group = "rbac.authorization.k8s.io"
    reference = {"apiGroup": group, "kind": kind, "name": name}
    role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "rules": [dict(rule) for rule in rules]}
    binding = {"apiVersion": f"{group}/v1", "kind": f"{kind}Binding", "metadata": metadata}
    return [role, {**binding, "roleRef": reference, "subjects": [subject]}]
