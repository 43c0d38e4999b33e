"""The mini-kubelet does what a real one does, as far as our tests lean on it."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cluster.control_plane import ControlPlane
from cluster.kubectl import Kubectl
from cluster.mini_node import MiniNode
from cluster.processes import wait_until

PROGRAM = str(Path(__file__).parent / "programs" / "answering_pod.py")
Json = dict[str, Any]
Write = Callable[..., None]


@pytest.fixture
def run_pod(kubectl: Kubectl, namespace: str, mini_node: MiniNode) -> Write:
    """Create the pod `web`, with whatever is told about its container and itself, and wait for it to be ready."""

    def create(*, ready: bool = True, spec: Json | None = None, **container: Any) -> None:
        kubectl.apply(pod(namespace, spec=spec, **container))
        if ready:
            kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=60s", timeout_seconds=90)

    return create


@pytest.fixture
def ask(mini_node: MiniNode, namespace: str) -> Callable[[str], Json]:
    """Ask the pod `web` and return its answer."""

    def get(path: str) -> Json:
        url = f"http://{mini_node.address(namespace, 'web')}:8080{path}"
        with urllib.request.urlopen(url, timeout=5) as response:
            answer: Json = json.load(response)
            return answer

    return get


def pod(namespace: str, *, spec: Mapping[str, Any] | None = None, name: str = "web", **container: Any) -> Json:
    """Return a pod that answers on port 8080."""
    serve = {
        "name": "web",
        "image": "localhost/python:dev",
        "imagePullPolicy": "Never",
        "args": [PROGRAM, "0.0.0.0:8080"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1},
        **container,
    }
    metadata = {"name": name, "namespace": namespace, "labels": {"app": "web"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [serve], "terminationGracePeriodSeconds": 5, **(spec or {})},
    }


def mounting(*sources: Json) -> Json:
    """Return the container and pod fields with which `/etc/app` holds these sources."""
    return {
        "args": [PROGRAM, "0.0.0.0:8080", "/etc/app"],
        "volumeMounts": [{"name": "files", "mountPath": "/etc/app"}],
        "spec": {"volumes": [{"name": "files", "projected": {"sources": list(sources)}}]},
    }


def is_alive(pid: int) -> bool:
    """Return whether a process is there."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def status(kubectl: Kubectl, namespace: str) -> Json:
    """Return the status of the first container of the pod `web`."""
    found: Json = kubectl.read("get", "pod", "web", "-n", namespace)["status"]["containerStatuses"][0]
    return found


def test_a_pod_becomes_ready_and_answers_at_its_own_address(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    run_pod()
    told = kubectl.read("get", "pod", "web", "-n", namespace)["status"]
    assert (told["phase"], told["podIP"]) == ("Running", mini_node.address(namespace, "web"))
    assert ask("/")["pid"] == mini_node.pid(namespace, "web")


def test_a_deployment_is_run_by_the_real_controllers(kubectl: Kubectl, namespace: str, mini_node: MiniNode) -> None:
    template = pod(namespace)
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": template["spec"]},
    }
    metadata = {"name": "web", "namespace": namespace}
    kubectl.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})
    kubectl("rollout", "status", "deployment/web", "-n", namespace, "--timeout=30s")
    assert len(mini_node.pods(namespace)) == 2


def test_the_environment_comes_from_all_its_sources(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    kubectl("create", "secret", "generic", "keys", "-n", namespace, "--from-literal=door=open")
    run_pod(
        envFrom=[{"configMapRef": {"name": "colours"}, "prefix": "C_"}],
        env=[
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "GREETING", "value": "I am $(POD_NAME), $$(POD_NAME), $(NOBODY)"},
            {"name": "DOOR", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "door"}}},
            {"name": "NONE", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "x", "optional": True}}},
        ],
    )
    environment = ask("/environment")
    assert environment["GREETING"] == "I am web, $(POD_NAME), $(NOBODY)"
    assert (environment["C_sky"], environment["DOOR"], "NONE" in environment) == ("blue", "open", False)


def test_mounts_are_found_where_arguments_and_environment_name_them(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    volumes = [{"name": "files", "configMap": {"name": "colours"}}, {"name": "scratch", "emptyDir": {}}]
    run_pod(
        args=[PROGRAM, "0.0.0.0:8080", "/etc/app/"],
        env=[{"name": "PATHS", "value": "/etc/app/sky:/scratch/x:/etc/apples:/var/scratch"}],
        volumeMounts=[{"name": "files", "mountPath": "/etc/app"}, {"name": "scratch", "mountPath": "/scratch"}],
        spec={"volumes": volumes},
    )
    sky, scratch, *others = ask("/environment")["PATHS"].split(":")
    assert ask("/files") == {"sky": "blue"}
    assert Path(sky).read_text() == "blue"
    assert Path(scratch).parent.name == "scratch"
    assert others == ["/etc/apples", "/var/scratch"]


def test_nothing_of_the_environment_of_the_tests_reaches_a_pod(
    run_pod: Write, ask: Callable[[str], Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not for pods")
    run_pod()
    assert "OPENAI_API_KEY" not in ask("/environment")


def test_an_edit_reaches_the_volume_at_once_when_the_pod_is_annotated(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    run_pod(**mounting({"configMap": {"name": "colours"}}))
    kubectl("patch", "configmap", "colours", "-n", namespace, "-p", '{"data":{"sky":"grey"}}')
    kubectl("annotate", "pod", "web", "-n", namespace, "nudge=1")
    wait_until(lambda: ask("/files") == {"sky": "grey"}, what="the pod sees the edit", seconds=3)


def test_an_edit_alone_reaches_the_volume_after_the_sync_period_and_not_before(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    mini_node.settings.sync_seconds = 3.0
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    run_pod(**mounting({"configMap": {"name": "colours"}}))
    kubectl("annotate", "pod", "web", "-n", namespace, "nudge=1")
    synced = time.monotonic()
    kubectl("patch", "configmap", "colours", "-n", namespace, "-p", '{"data":{"sky":"grey"}}')
    wait_until(lambda: ask("/files") == {"sky": "grey"}, what="the pod sees the edit", seconds=6)
    assert time.monotonic() - synced > 2.0


def test_a_kubelet_that_misses_the_annotation_refreshes_at_the_sync_period(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    run_pod(**mounting({"configMap": {"name": "colours"}}))
    mini_node.settings.refreshes_on_change = False
    kubectl("patch", "configmap", "colours", "-n", namespace, "-p", '{"data":{"sky":"grey"}}')
    kubectl("annotate", "pod", "web", "-n", namespace, "nudge=1")
    assert ask("/files") == {"sky": "blue"}


def test_optional_sources_come_and_go_with_their_objects(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    late = {"secret": {"name": "late", "optional": True}}
    run_pod(**mounting({"configMap": {"name": "colours"}}, late))
    assert ask("/files") == {"sky": "blue"}
    kubectl("create", "secret", "generic", "late", "-n", namespace, "--from-literal=key=s3cret")
    kubectl("annotate", "pod", "web", "-n", namespace, "nudge=1")
    wait_until(lambda: ask("/files") == {"sky": "blue", "key": "s3cret"}, what="the Secret is mounted", seconds=3)
    kubectl("delete", "secret", "late", "-n", namespace)
    kubectl("annotate", "pod", "web", "-n", namespace, "nudge=2", "--overwrite")
    wait_until(lambda: ask("/files") == {"sky": "blue"}, what="the Secret is gone", seconds=3)


def test_a_pod_waits_for_a_source_that_is_not_optional(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str
) -> None:
    run_pod(ready=False, **mounting({"configMap": {"name": "colours"}}))
    waiting = wait_until(
        lambda: status(kubectl, namespace)["state"].get("waiting", {}).get("message"), what="it says why it waits"
    )
    assert 'configmap "colours" not found' in waiting
    kubectl("create", "configmap", "colours", "-n", namespace, "--from-literal=sky=blue")
    kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=60s", timeout_seconds=90)
    assert ask("/files") == {"sky": "blue"}


def test_a_token_of_its_service_account_opens_the_api_server(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str
) -> None:
    run_pod()
    kubeconfig = Path(ask("/environment")["KUBECONFIG"])
    robot = Kubectl(kubectl.program, kubeconfig)
    assert (
        robot.read("auth", "whoami")["status"]["userInfo"]["username"] == f"system:serviceaccount:{namespace}:default"
    )


def test_a_pod_that_is_not_ready_says_so_and_goes_on_running(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str
) -> None:
    run_pod()
    ask("/ready/off")
    kubectl("wait", "--for=condition=Ready=false", "pod/web", "-n", namespace, "--timeout=10s")
    assert status(kubectl, namespace)["restartCount"] == 0


def test_a_container_that_crashes_is_started_again(
    run_pod: Write, kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    run_pod()
    mini_node.send(signal.SIGKILL, namespace, "web")
    wait_until(lambda: status(kubectl, namespace)["restartCount"] == 1, what="it was started again", seconds=10)
    kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=10s")
    assert status(kubectl, namespace)["lastState"]["terminated"]["exitCode"] == 137


def test_a_container_that_keeps_crashing_backs_off(run_pod: Write, kubectl: Kubectl, namespace: str) -> None:
    run_pod(ready=False, args=["-c", "raise SystemExit(4)"])
    wait_until(
        lambda: status(kubectl, namespace)["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff",
        what="it backs off",
        seconds=10,
    )
    assert status(kubectl, namespace)["lastState"]["terminated"]["exitCode"] == 4


def test_a_container_that_fails_its_liveness_probe_is_ended_and_started_again(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1}
    run_pod(livenessProbe=probe, startupProbe={**probe, "failureThreshold": 20})
    before = mini_node.pid(namespace, "web")
    ask("/ready/off")
    wait_until(lambda: status(kubectl, namespace)["restartCount"] == 1, what="it was started again", seconds=15)
    wait_until(lambda: not is_alive(before), what="the old process is gone")


def test_an_image_that_is_not_there_keeps_the_pod_waiting(run_pod: Write, kubectl: Kubectl, namespace: str) -> None:
    run_pod(ready=False, image="localhost/nothing:1")
    message = wait_until(
        lambda: status(kubectl, namespace)["state"].get("waiting", {}).get("message"), what="it says why it waits"
    )
    assert "localhost/nothing:1" in message


def test_a_deleted_pod_is_told_to_end_and_then_removed(
    run_pod: Write, kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    run_pod()
    pid = mini_node.pid(namespace, "web")
    log = mini_node.log_file(namespace, "web")
    kubectl("delete", "pod", "web", "-n", namespace, "--timeout=60s", timeout_seconds=90)
    assert not is_alive(pid)
    assert log.read_text().splitlines()[-1] == "told to end by signal 15"


def test_a_pod_that_lingers_is_killed_when_its_grace_is_over(
    run_pod: Write, kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    run_pod(env=[{"name": "LINGER", "value": "60"}], spec={"terminationGracePeriodSeconds": 1})
    pid = mini_node.pid(namespace, "web")
    kubectl("delete", "pod", "web", "-n", namespace, "--timeout=60s", timeout_seconds=90)
    assert not is_alive(pid)


def test_a_pod_that_is_deleted_by_force_ends_too(
    run_pod: Write, kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    run_pod()
    pid = mini_node.pid(namespace, "web")
    kubectl("delete", "pod", "web", "-n", namespace, "--force", "--grace-period=0")
    wait_until(lambda: not is_alive(pid), what="its process has ended", seconds=10)


def test_a_cordoned_node_takes_pods_only_once_it_is_uncordoned(
    run_pod: Write, kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    kubectl("cordon", mini_node.settings.node_name)
    run_pod(ready=False)
    assert mini_node.pods(namespace) == []
    kubectl("uncordon", mini_node.settings.node_name)
    kubectl("wait", "--for=condition=Ready", "pod/web", "-n", namespace, "--timeout=60s", timeout_seconds=90)


def test_init_containers_come_first_and_a_finished_pod_has_succeeded(
    run_pod: Write, kubectl: Kubectl, namespace: str
) -> None:
    shared = [{"name": "shared", "mountPath": "/shared"}]
    first = {
        "name": "first",
        "image": "localhost/python:dev",
        "args": ["-c", "import sys; open(sys.argv[1], 'w').write('done')", "/shared/mark"],
        "volumeMounts": shared,
    }
    spec = {"initContainers": [first], "restartPolicy": "Never", "volumes": [{"name": "shared", "emptyDir": {}}]}
    check = ["-c", "import sys; assert open(sys.argv[1]).read() == 'done'", "/shared/mark"]
    run_pod(ready=False, args=check, volumeMounts=shared, spec=spec)
    kubectl(
        "wait",
        "--for=jsonpath={.status.phase}=Succeeded",
        "pod/web",
        "-n",
        namespace,
        "--timeout=60s",
        timeout_seconds=90,
    )


def test_a_service_reaches_only_pods_that_are_ready(
    run_pod: Write, ask: Callable[[str], Json], kubectl: Kubectl, namespace: str, mini_node: MiniNode
) -> None:
    run_pod()
    kubectl.apply(pod(namespace, name="other"))
    kubectl("wait", "--for=condition=Ready", "pod/other", "-n", namespace, "--timeout=60s", timeout_seconds=90)
    kubectl("expose", "pod", "web", "-n", namespace, "--port=80", "--target-port=http", "--selector=app=web")
    address = mini_node.expose(namespace, "web")
    both = {mini_node.pid(namespace, "web"), mini_node.pid(namespace, "other")}
    wait_until(lambda: {answering_pid(address) for _ in range(4)} == both, what="both pods are reached in turn")
    ask("/ready/off")
    kubectl("wait", "--for=condition=Ready=false", "pod/web", "-n", namespace, "--timeout=10s")
    other = mini_node.pid(namespace, "other")
    wait_until(lambda: {answering_pid(address) for _ in range(4)} == {other}, what="only the ready pod is reached")


def answering_pid(address: str) -> int:
    """Return the process id of whoever answers there, 0 when nobody does."""
    with suppress(OSError), urllib.request.urlopen(f"http://{address}/", timeout=5) as response:
        return int(json.load(response)["pid"])
    return 0


def test_pods_go_on_while_the_api_server_stands_still(
    run_pod: Write, ask: Callable[[str], Json], frozen: Callable[[], None], control_plane: ControlPlane
) -> None:
    run_pod()
    frozen()
    assert ask("/")["pid"]


@pytest.fixture
def frozen(control_plane: ControlPlane) -> Iterator[Callable[[], None]]:
    """Freeze the API server when called; it goes on at the end of the test."""
    yield control_plane.freeze
    control_plane.thaw()
    control_plane.wait_ready()
