"""`helm test`: it passes on a release that works, in namespaces that admit restricted pods only, and on no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.binaries import locate
from cluster.charts.in_cluster_names import InClusterNames
from cluster.charts.release import IMAGES, OPS, RELEASE, Ground, Json
from cluster.charts.rendered import CHART, render, values_file
from cluster.container_command import Image
from cluster.helm import Helm, HelmFailed
from cluster.processes import wait_until

PLATFORM = "ai-tested"
VALUES: Json = {**IMAGES, "gatewayNamespaces": [PLATFORM], "quickstart": {"enabled": True}}
DOCTOR, CALL = f"{RELEASE}-test-doctor", f"{RELEASE}-test-call"
SERVICE = f"main.{PLATFORM}.svc:8080"
NAMES = {DOCTOR: OPS, CALL: PLATFORM}


@pytest.fixture(scope="module")
def release(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The charts are installed with their quickstart, and pods find the gateway by the name of its Service."""
    for namespace in NAMES.values():
        ground.namespace(namespace)
    before = ground.node.settings.images
    with InClusterNames() as names:
        try:
            ground.install(tmp_path_factory.mktemp("values"), VALUES)
            names.sites[SERVICE] = ground.serving(PLATFORM)
            ground.node.settings.images = {
                name: Image(image.entry_point, {**image.environment, "http_proxy": names.url})
                for name, image in before.items()
            }
            yield ground
        finally:
            ground.node.settings.images = before
            ground.uninstall()
            for name, namespace in NAMES.items():
                ground.kubectl("delete", "pod", name, "-n", namespace, "--ignore-not-found", "--wait=false")


def run_tests(helm: Helm, *, seconds: int = 90) -> str:
    """Run the tests of the release; raise HelmFailed where one of them fails."""
    return helm("test", RELEASE, "-n", OPS, "--timeout", f"{seconds}s")


@pytest.mark.parametrize("program", ["helm", "helm4"])
def test_it_passes_on_a_release_that_serves_and_leaves_nothing(release: Ground, program: str) -> None:
    try:
        told = run_tests(Helm(locate(program)[program], release.plane.admin_kubeconfig))
    except HelmFailed as error:
        raise AssertionError("\n".join(everything_said(release, *pod) for pod in pods_of_tests(release))) from error
    assert told.count("Succeeded") >= len(NAMES)
    assert all(name in told for name in NAMES)
    wait_until(lambda: not pods_of_tests(release), what="the pods of the tests are gone")


def pods_of_tests(ground: Ground) -> list[tuple[str, str]]:
    """Return namespace and name of the pods of tests that are still there."""
    pods = ground.kubectl.read("get", "pods", "-A", "-l", "app.kubernetes.io/component=test")["items"]
    return [(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods]


def test_it_fails_while_the_model_of_the_quickstart_is_not_served(release: Ground, tmp_path: Path) -> None:
    release.kubectl("delete", "routepolicy", "quickstart", "-n", PLATFORM)
    for condition in ("jsonpath={.status.policies}=0", "condition=Programmed"):
        release.kubectl("wait", "modelgateway/main", "-n", PLATFORM, f"--for={condition}", "--timeout=30s")
    try:
        with pytest.raises(HelmFailed):
            run_tests(release.helm, seconds=20)
        assert f"http://{SERVICE}/v1/chat/completions 404 " in release.node.log(PLATFORM, CALL)
    finally:
        release.install(tmp_path, VALUES)
        condition = "--for=condition=Programmed"
        release.kubectl("wait", "routepolicy/quickstart", "-n", PLATFORM, condition, "--timeout=30s")


def test_it_fails_while_no_operator_leads(release: Ground) -> None:
    deployment = (f"deployment/{RELEASE}-operator", "-n", OPS)
    release.kubectl("scale", *deployment, "--replicas=0")
    wait_until(lambda: not [pod for pod in release.node.pods(OPS) if "operator" in pod], what="no operator runs")
    try:
        with pytest.raises(HelmFailed):
            run_tests(release.helm, seconds=20)
        assert "no operator leads" in everything_said(release, OPS, DOCTOR)
    finally:
        release.kubectl("scale", *deployment, "--replicas=2")
        release.kubectl("rollout", "status", *deployment, "--timeout=60s", timeout_seconds=70)


def test_without_a_key_of_its_own_it_wants_the_call_to_be_refused_in_the_callers_dialect(
    release: Ground, tmp_path: Path
) -> None:
    release.install(tmp_path, {**VALUES, "quickstart": {"enabled": False}})
    release.serving(PLATFORM)
    assert run_tests(release.helm).count("Succeeded") >= len(NAMES)


def everything_said(ground: Ground, namespace: str, pod: str) -> str:
    """Return what a pod has written, over all its starts."""
    folder = ground.node.log_file(namespace, pod).parent
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))


@pytest.mark.parametrize(
    ("listeners", "url"),
    [
        ([], "http://main.fairlead-system.svc:8080"),
        ([{"name": "http", "port": 80}], "http://main.fairlead-system.svc:80"),
        (
            [{"name": "https", "port": 8443, "tls": {"secretName": "c"}}, {"name": "http", "port": 8000}],
            "http://main.fairlead-system.svc:8000",
        ),
        ([{"name": "https", "port": 8443, "tls": {"secretName": "c"}}], "https://main.fairlead-system.svc:8443"),
    ],
    ids=["by default", "one", "the one without TLS", "only one with TLS"],
)
def test_it_calls_a_listener_without_tls_where_there_is_one_and_sends_no_key_to_another(
    listeners: list[Json], url: str, offline_helm: Helm, tmp_path: Path
) -> None:
    values: Json = {"quickstart": {"enabled": True}}
    if listeners:
        values["gateway"] = {"spec": {"listeners": listeners}}
    rendered = render(offline_helm, CHART, RELEASE, OPS, "-f", str(values_file(tmp_path, values)))
    (container,) = rendered.one("Pod", CALL, OPS)["spec"]["containers"]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["GATEWAY_URL"] == url
    assert ("GATEWAY_KEY" in variables) == url.startswith("http:")


def test_a_release_without_a_gateway_is_only_looked_at(offline_helm: Helm) -> None:
    rendered = render(offline_helm, CHART, RELEASE, OPS, "--set", "gateway.enabled=false")
    assert [each["metadata"]["name"] for each in rendered.of_kind("Pod")] == [DOCTOR]
