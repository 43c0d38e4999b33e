"""Helm 4 beside Helm 3: the same objects of the same values, the same refusals, and releases of 3 taken over by 4."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster.binaries import locate
from cluster.charts.release import IMAGES, OPS, RELEASE, Ground, wait_gone
from cluster.charts.rendered import CHART, CRD_CHART, Json, Rendered, render, render_case
from cluster.charts.test_rendered import BAD, MARK, stem, without_key
from cluster.helm import Helm, HelmFailed
from doubles.case_files import case_names, input_of

PLATFORM = "ai-helm-4"
VALUES: dict[str, Any] = {**IMAGES, "gatewayNamespaces": [PLATFORM], "quickstart": {"enabled": True}}
MORE = VALUES | {"gateway": {"spec": {"proxy": {"replicas": {"min": 2, "max": 2}}}}}
FLEET = "deployments,pods,services,serviceaccounts,networkpolicies,configmaps,secrets"


@pytest.fixture(scope="module")
def offline_helm_4(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 4 with no cluster in reach."""
    return Helm(locate("helm4")["helm4"], tmp_path_factory.mktemp("helm4") / "none.kubeconfig")


@pytest.fixture(scope="module")
def ground_4(ground: Ground) -> Iterator[Ground]:
    """The cluster of the charts' tests, for Helm 4, with namespaces that admit restricted pods only."""
    own = Ground(ground.plane, ground.node, Helm(locate("helm4")["helm4"], ground.plane.admin_kubeconfig))
    for namespace in (OPS, PLATFORM):
        own.namespace(namespace)
    try:
        yield own
    finally:
        ground.uninstall()


def sorted_objects(rendered: Rendered) -> list[Json]:
    """Return the objects in an order that no Helm chooses, without what is drawn anew each time."""
    masked = [without_key(each) for each in rendered.objects]
    return sorted(
        masked, key=lambda each: (each["kind"], str(each["metadata"].get("namespace")), each["metadata"]["name"])
    )


def test_the_two_helms_are_of_two_major_versions(offline_helm: Helm, offline_helm_4: Helm) -> None:
    versions = [helm("version", "--template", "{{ .Version }}") for helm in (offline_helm, offline_helm_4)]
    assert [version.partition(".")[0] for version in versions] == ["v3", "v4"]


@pytest.mark.parametrize("name", case_names("charts"))
def test_values_render_to_the_same_objects(name: str, offline_helm: Helm, offline_helm_4: Helm, tmp_path: Path) -> None:
    by_3, by_4 = (
        sorted_objects(render_case(helm, input_of("charts", name), tmp_path)) for helm in (offline_helm, offline_helm_4)
    )
    assert by_4 == by_3


def test_definitions_render_to_the_same_objects(offline_helm: Helm, offline_helm_4: Helm) -> None:
    by_3, by_4 = (
        sorted_objects(render(helm, CRD_CHART, "fairlead-crds", OPS)) for helm in (offline_helm, offline_helm_4)
    )
    assert by_4 == by_3


@pytest.mark.parametrize("chart", [CHART, CRD_CHART], ids=stem)
def test_helm_4_finds_nothing_to_complain_of(chart: Path, offline_helm_4: Helm) -> None:
    assert "0 chart(s) failed" in offline_helm_4("lint", "--strict", str(chart))


@pytest.mark.parametrize("case", BAD, ids=stem)
def test_helm_4_refuses_values_that_are_wrong_by_the_name_of_the_field(case: Path, offline_helm_4: Helm) -> None:
    message = case.read_text().splitlines()[0].removeprefix(MARK)
    with pytest.raises(HelmFailed) as refused:
        render(offline_helm_4, CHART, "fairlead", OPS, "-f", str(case))
    assert message in str(refused.value)


def managers(ground: Ground, kind: str, name: str) -> dict[str, str]:
    """Return who has written an object, and how: by Apply or Update."""
    fields = ground.kubectl.read("get", kind, name, "-n", PLATFORM, "--show-managed-fields")["metadata"][
        "managedFields"
    ]
    return {each["manager"]: each["operation"] for each in fields}


def test_helm_4_installs_upgrades_and_uninstalls_and_the_operators_fields_are_no_conflict(
    ground_4: Ground, tmp_path: Path
) -> None:
    notes = ground_4.install(tmp_path, VALUES)
    assert f"kubectl wait -n {PLATFORM} modelgateway/main" in notes
    ground_4.serving(PLATFORM)
    written = managers(ground_4, "modelgateway", "main")
    assert written == {"helm": "Apply", "fairlead-operator": "Apply"}
    ground_4.install(tmp_path, MORE)
    wait_for_two(ground_4)
    assert managers(ground_4, "modelgateway", "main") == written
    ground_4.uninstall()
    wait_gone(ground_4.kubectl, FLEET, PLATFORM, "fairlead.dev/gateway=main")
    wait_gone(
        ground_4.kubectl, "modelgateways,modelproviders,routepolicies", PLATFORM, "app.kubernetes.io/managed-by=Helm"
    )


def test_a_release_of_helm_3_is_upgraded_and_uninstalled_by_helm_4(
    ground: Ground, ground_4: Ground, tmp_path: Path
) -> None:
    ground.install(tmp_path, VALUES)
    ground.serving(PLATFORM)
    ground_4.install(tmp_path, MORE)
    wait_for_two(ground_4)
    assert RELEASE in ground_4.helm("list", "-n", OPS, "-q")
    ground_4.uninstall()
    wait_gone(ground_4.kubectl, FLEET, PLATFORM, "fairlead.dev/gateway=main")


def wait_for_two(ground: Ground) -> None:
    """Return once two proxies serve the gateway as it is written now."""
    path = "--for=jsonpath={.status.proxies.programmed}=2"
    ground.kubectl("wait", "modelgateway/main", "-n", PLATFORM, path, "--timeout=90s", timeout_seconds=100)
