"""Fairlead brought to a node as its documents say, by Helm or by what Argo CD would apply, and taken away again."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from cluster.crds import KINDS
from cluster.helm import Helm
from cluster.kubectl import Kubectl, KubectlFailed
from cluster.namespaces import namespace_object
from cluster.processes import wait_until
from fence.node_output import look_for_leaks
from fence.stage_canaries import KEYS, PROMPT
from gitops.argo_lua import judged
from node import documented
from node.documented import Command, NotTold, installing, removing
from node.layers import ROOT
from node.node import Node

Json = dict[str, Any]

NAMESPACE = "fairlead-system"
KEY = "quickstart-key"
IMAGES = {"operator": {"image": {"tag": "dev"}}, "proxy": {"image": {"tag": "dev"}}}
"""The images that the node holds; a user names a registry."""
POLICIES = {"admission": {"secretReferences": True}}
"""With these there is something of every kind that belongs to no namespace."""
DEFINITIONS = [f"{kind}.fairlead.dev" for kind in KINDS]
ARGOCD = ROOT / "gitops" / "argocd"
NOT_LISTED = ("events", "events.events.k8s.io", "componentstatuses")
PATIENCE_SECONDS = 120.0
"""For how long a command may wait for what it deletes."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A node, and who installs there."""

    node: Node
    helm: Helm
    directory: Path
    """For the files of values."""

    @property
    def kubectl(self) -> Kubectl:
        return self.node.kubectl

    def by_helm(self) -> None:
        """Install as the README says, into a namespace that admits restricted pods only."""
        self.kubectl.apply(namespace_object(NAMESPACE))
        values = self._values({**IMAGES, **POLICIES})
        for command in installing(documented.README, "In a cluster", values):
            self.run_command(command)

    def run_command(self, command: Command) -> None:
        """Run a command of a document, and wait for it as its reader does; raise NotTold for another program."""
        program, *arguments = command
        match program:
            case "helm":
                self.helm(*arguments)
            case "kubectl":
                self.kubectl(*arguments, timeout_seconds=PATIENCE_SECONDS)
            case _:
                raise NotTold(f"{' '.join(command)}: readers have helm and kubectl; tell it with one of these")

    def by_argocd(self) -> None:
        """Apply what the example's Applications lead to, wave by wave, each only once the one before is healthy."""
        for application in applications():
            source, namespace = application["spec"]["source"], application["spec"]["destination"]["namespace"]
            if "CreateNamespace=true" in application["spec"]["syncPolicy"]["syncOptions"]:
                self.kubectl.apply(namespace_object(namespace))
            if source["path"].startswith("charts/"):
                self._sync(source, namespace)
            else:
                self._sync_policies()

    def _sync(self, source: Json, namespace: str) -> None:
        helm = source.get("helm", {"releaseName": "fairlead-crds", "valuesObject": {}})
        values = helm["valuesObject"]
        if values:
            # In place of a registry, the images that the node holds.
            values = {**values, **IMAGES}
        file = self._values(values)
        text = self.helm("template", helm["releaseName"], str(ROOT / source["path"]), "-n", namespace, "-f", str(file))
        self._apply(text)

    def _sync_policies(self) -> None:
        """What tenants keep in their own repository: here a provider that calls no model, a policy, and a key."""
        secret = {"metadata": {"name": KEY, "namespace": NAMESPACE, "labels": {"fairlead.dev/key": "true"}}}
        self.kubectl.apply({"apiVersion": "v1", "kind": "Secret", "stringData": {"key": KEYS["tenant"]}, **secret})
        target = {"provider": {"name": "sim"}, "model": "small"}
        provider = {"type": "Simulated", "simulated": {"ttft": "1ms"}, "models": [{"name": "small"}]}
        policy = {
            "gatewayRef": {"name": "main"},
            "models": ["smart"],
            "rules": [{"name": "all", "route": {"targets": [target]}}],
        }
        written = (("ModelProvider", "sim", provider), ("RoutePolicy", "smart", policy))
        self._apply(yaml.safe_dump_all(
            {"apiVersion": "fairlead.dev/v1alpha1", "kind": kind, "spec": spec,
             "metadata": {"name": name, "namespace": NAMESPACE}}
            for kind, name, spec in written
        ))  # fmt: skip

    def _apply(self, text: str) -> None:
        """Apply as Argo CD does with ServerSideApply=true, and return once it would say that all of it is healthy."""
        self.kubectl("apply", "--server-side", "-f", "-", stdin=text)
        for content in yaml.safe_load_all(text):
            if content:
                wait_until(partial(self._healthy, content), what=f"{content['kind']} is healthy", seconds=120)

    def _healthy(self, content: Json) -> bool:
        kind, metadata = content["kind"], content["metadata"]
        if kind == "CustomResourceDefinition":
            established = 'jsonpath={.status.conditions[?(@.type=="Established")].status}'
            return self.kubectl("get", "crd", metadata["name"], "-o", established) == "True"
        script = ARGOCD / "resource_customizations" / "fairlead.dev" / kind / "health.lua"
        if not script.exists():
            return True
        live = self.kubectl.read("get", kind, metadata["name"], "-n", metadata["namespace"])
        return judged(script.read_text(), live)[0] == "Healthy"

    def _values(self, values: Json) -> Path:
        file = self.directory / "values.json"
        file.write_text(json.dumps(values))
        return file

    def key(self) -> str:
        """Return the caller's key of the quickstart."""
        secret = self.kubectl.read("get", "secret", KEY, "-n", NAMESPACE)
        return base64.b64decode(secret["data"]["key"]).decode()

    def first_answer(self) -> Json:
        """Return the first answer of the gateway's Service to a call of the model `smart`; nothing leaks by then."""
        self.kubectl(
            *("wait", "modelgateway/main", "-n", NAMESPACE, "--for=condition=Programmed", "--timeout=120s"),
            timeout_seconds=130,
        )
        address, key = self.node.reach(NAMESPACE, "main"), self.key()
        answered = wait_until(lambda: answer(address, key), what="the first call is answered", seconds=60)
        look_for_leaks(self.node, NAMESPACE)
        return answered

    def fairlead(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program as a user of the cluster does."""
        command = [sys.executable, "-W", "error", "-m", "fairlead_operator.cli.main", *arguments]
        environ = {**os.environ, "KUBECONFIG": str(self.kubectl.kubeconfig)}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)

    def ending(self) -> list[str]:
        """Return what is marked as deleted and still there, of every kind that the cluster has."""
        kinds = self.kubectl("api-resources", "--verbs=list", "-o", "name", "--cached=false").split()
        listed = ",".join(kind for kind in kinds if kind not in NOT_LISTED)
        try:
            found = self.kubectl.read("get", listed, "-A", "--ignore-not-found")["items"]
        except KubectlFailed as error:
            return [str(error)]  # A kind that went between the two questions.
        marked = [each for each in found if "deletionTimestamp" in each["metadata"]]
        return [f"{each['kind']} {each['metadata'].get('namespace', '')}/{each['metadata']['name']}" for each in marked]

    def ours(self) -> list[str]:
        """Return the names of what is left of us in the cluster, wherever that is."""
        kinds = "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings"
        kinds += ",deployments,replicasets,pods,services,secrets,configmaps,roles,rolebindings,serviceaccounts"
        kinds += ",poddisruptionbudgets,networkpolicies,leases"
        selected = self.kubectl("get", kinds, "-A", "-l", "app.kubernetes.io/part-of=fairlead", "-o", "name").split()
        fleets = "deployments,pods,services,secrets,configmaps"
        selected += self.kubectl("get", fleets, "-A", "-l", "fairlead.dev/gateway", "-o", "name").split()
        definitions = self.kubectl("get", "crds", "-o", "name").split()
        return selected + [each for each in definitions if each.endswith(".fairlead.dev")]


def applications() -> list[Json]:
    """Return the example's Applications in the order of their waves."""
    files = (ARGOCD / "example" / "applications").glob("*.yaml")
    read: list[Json] = [yaml.safe_load(file.read_text()) for file in files]
    return sorted(read, key=lambda each: int(each["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]))


def answer(address: str, key: str) -> Json:
    """Return the body of an answered call; empty where it was not answered."""
    body = {"model": "smart", "messages": [{"role": "user", "content": PROMPT}]}
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    url = f"http://{address}/v1/chat/completions"
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            told: Json = json.load(response)
            return told
    except (urllib.error.URLError, OSError):
        return {}


Step = Callable[[Ground], None]


def remove_as_told(ground: Ground) -> None:
    """Do what the guide tells who wants all of it gone, command by command."""
    all_of_it, _ = removing(documented.GUIDE, "Remove")
    for command in all_of_it:
        ground.run_command(command)


def uninstall(ground: Ground) -> None:
    """Uninstall the operator's chart."""
    ground.helm("uninstall", "fairlead", "-n", NAMESPACE, "--ignore-not-found", "--wait=false")


def uninstall_definitions(ground: Ground) -> None:
    """Uninstall the chart of the definitions, which keeps them."""
    ground.helm("uninstall", "fairlead-crds", "-n", NAMESPACE, "--ignore-not-found", "--wait=false")


def delete_definitions(ground: Ground) -> None:
    """Delete the definitions, and so all objects of ours."""
    ground.kubectl("delete", "crd", *DEFINITIONS, "--ignore-not-found", "--wait=false")


def delete_namespace(ground: Ground) -> None:
    """Delete the namespace of the release."""
    ground.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false")


def delete_what_belongs_to_no_namespace(ground: Ground) -> None:
    """Do what the guide tells who has deleted the namespace of a release first."""
    _, left = removing(documented.GUIDE, "Remove")
    for command in left:
        ground.run_command(command)


README: Sequence[Step] = (remove_as_told,)
