"""The mini-kubelet runs an init container that is always restarted beside the containers, as a real one does."""

import signal

from cluster.kubectl import Kubectl
from cluster.mini_node import MiniNode
from cluster.processes import wait_until

LOOP = """
import os, signal, sys, time
{end}
signal.signal(signal.SIGTERM, end)
print('runs', flush=True)
while True: time.sleep(0.05)
"""
WORK = LOOP.format(
    end="""
def end(*_):
    time.sleep(0.5)
    open(sys.argv[1], 'w').close()
    os._exit(0)
"""
)
LOOK = LOOP.format(
    end="""
def end(*_):
    print('the other has ended' if os.path.exists(sys.argv[1]) else 'the other still runs', flush=True)
    os._exit(0)
"""
)


def test_a_sidecar_is_started_again_alone_and_ends_after_the_containers(
    kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    shared = {
        "image": "localhost/python:dev",
        "imagePullPolicy": "Never",
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }
    beside = {"name": "beside", "restartPolicy": "Always", "args": ["-c", LOOK, "/shared/mark"], **shared}
    spec = {
        "initContainers": [beside],
        "containers": [{"name": "web", "args": ["-c", WORK, "/shared/mark"], **shared}],
        "volumes": [{"name": "shared", "emptyDir": {}}],
        "terminationGracePeriodSeconds": 5,
    }
    metadata = {"name": "web", "namespace": namespace}
    kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=60s", timeout_seconds=90)
    first, work = mini_node.pid(namespace, "web", "beside"), mini_node.pid(namespace, "web")
    mini_node.send(signal.SIGKILL, namespace, "web", "beside")
    again = "--for=jsonpath={.status.initContainerStatuses[0].restartCount}=1"
    kubectl("wait", again, "pod/web", "-n", namespace, "--timeout=30s", timeout_seconds=60)
    kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=60s", timeout_seconds=90)
    assert mini_node.pid(namespace, "web", "beside") != first
    assert mini_node.pid(namespace, "web") == work
    log = mini_node.log_file(namespace, "web", "beside")
    wait_until(lambda: log.read_text() == "runs\n", what="the sidecar runs again", seconds=10)
    kubectl("delete", "pod", "web", "-n", namespace, "--timeout=30s", timeout_seconds=60)
    assert log.read_text() == "runs\nthe other has ended\n"
