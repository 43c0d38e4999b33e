"""The node that all other tests here stand on, and that our images start on it."""

import time
import urllib.request
from contextlib import suppress

from cluster.kubectl import Kubectl
from cluster.processes import wait_until
from node.images import OPERATOR_IMAGE, PROXY_IMAGE
from node.node import Node
from node.once import RESTRICTED, run_to_its_end


def test_the_image_of_the_proxy_starts(kubectl: Kubectl, namespace: str) -> None:
    assert "serve" in run_to_its_end(kubectl, namespace, PROXY_IMAGE, args=["--help"])


def test_the_image_of_the_operator_starts(kubectl: Kubectl, namespace: str) -> None:
    assert "operator" in run_to_its_end(kubectl, namespace, OPERATOR_IMAGE, args=["--help"])


def test_the_image_of_the_proxy_holds_nothing_of_the_operator(kubectl: Kubectl, namespace: str) -> None:
    look = (
        "import importlib.util as u; print([n for n in ('fairlead_operator', 'kopf', 'kubernetes') if u.find_spec(n)])"
    )
    printed = run_to_its_end(kubectl, namespace, PROXY_IMAGE, command=["python3", "-c", look])
    assert printed == "[]\n"


def test_names_of_services_are_resolved_in_pods(kubectl: Kubectl, namespace: str) -> None:
    look = "import socket; print(socket.gethostbyname('kubernetes.default.svc.cluster.local'))"
    assert run_to_its_end(kubectl, namespace, PROXY_IMAGE, command=["python3", "-c", look]) == "10.96.0.1\n"


SERVE = "import http.server as h; h.ThreadingHTTPServer(('', 8080), h.SimpleHTTPRequestHandler).serve_forever()"


def serve(kubectl: Kubectl, namespace: str) -> None:
    """Run a pod `web` that serves the ConfigMap `page`, behind a Service."""
    container = {
        "name": "web",
        "image": PROXY_IMAGE,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", SERVE],
        "workingDir": "/page",
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "page", "mountPath": "/page"}],
        "securityContext": RESTRICTED,
    }
    spec = {"containers": [container], "volumes": [{"name": "page", "configMap": {"name": "page"}}]}
    kubectl("create", "configmap", "page", "-n", namespace, "--from-literal=word=one")
    metadata = {"name": "web", "namespace": namespace, "labels": {"app": "web"}}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    kubectl("expose", "pod", "web", "-n", namespace, "--port=80", "--target-port=8080")
    kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=60s")


def word(kubectl: Kubectl, namespace: str) -> str:
    """Return what the pod `web` sees in its volume."""
    return kubectl("exec", "web", "-n", namespace, "--", "python3", "-c", "print(open('/page/word').read(), end='')")


def fetch(url: str) -> str:
    """Return what a URL answers, empty when nobody does."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as response:
        return str(response.read().decode())
    return ""


def test_a_service_is_reached_by_the_tests(node: Node, kubectl: Kubectl, namespace: str) -> None:
    serve(kubectl, namespace)
    address = node.reach(namespace, "web")
    wait_until(lambda: fetch(f"http://{address}/word") == "one", what="the Service answers")


def test_the_kubelet_refreshes_a_volume_at_once_when_the_pod_is_annotated(kubectl: Kubectl, namespace: str) -> None:
    serve(kubectl, namespace)
    kubectl("patch", "configmap", "page", "-n", namespace, "-p", '{"data":{"word":"two"}}')
    kubectl("annotate", "pod", "web", "-n", namespace, "nudge=1")
    edited = time.monotonic()
    wait_until(lambda: word(kubectl, namespace) == "two", what="the pod sees the edit", seconds=20)
    assert time.monotonic() - edited < 10
