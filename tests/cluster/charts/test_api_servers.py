"""Definitions, examples and charts on the API servers at both ends of what is tested: the same is admitted and refused.

The tests of the definitions, of `fairlead validate`'s verdicts and of empty diffs are those of the tested version, run
again here on an API server of another.
"""

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from cluster.binaries import pinned_version
from cluster.charts.other_api_server import OtherApiServer
from cluster.charts.release import CRD_RELEASE, OPS, Ground
from cluster.charts.rendered import CRD_CHART, Rendered, render_case
from cluster.crds import install_crds
from cluster.helm import Helm
from cluster.kubectl import Kubectl
from cluster.namespaces import make_namespace
from cluster.test_crds import (
    test_a_definition_is_established_with_names_accepted_and_a_structural_schema,
    test_the_definitions_can_be_applied_again_without_a_change,
    test_what_is_wrong_is_refused_with_our_words,
)
from cluster.test_dry_run import test_two_dry_runs_of_an_applied_example_are_an_empty_diff
from cluster.test_verdicts import (
    api_server_verdict,
    test_every_demand_of_the_definitions_is_broken_once,
    test_what_breaks_a_rule_over_several_fields_is_refused_by_both_at_the_same_field,
    test_what_breaks_one_demand_is_refused_by_both_at_the_same_field,
    test_what_is_good_is_admitted_by_both,
)
from doubles.case_files import case_names, input_of

__all__ = [
    "api_server_verdict",
    "test_a_definition_is_established_with_names_accepted_and_a_structural_schema",
    "test_every_demand_of_the_definitions_is_broken_once",
    "test_the_definitions_can_be_applied_again_without_a_change",
    "test_two_dry_runs_of_an_applied_example_are_an_empty_diff",
    "test_what_breaks_a_rule_over_several_fields_is_refused_by_both_at_the_same_field",
    "test_what_breaks_one_demand_is_refused_by_both_at_the_same_field",
    "test_what_is_good_is_admitted_by_both",
    "test_what_is_wrong_is_refused_with_our_words",
]

OTHERS_KINDS = "monitoring.coreos.com/"
"""Kinds that no API server knows of itself: of the Prometheus operator."""

Json = dict[str, Any]


@pytest.fixture(scope="module")
def crds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherApiServer]:
    """The other API server with our kinds."""
    with OtherApiServer(tmp_path_factory.mktemp("other")) as server:
        install_crds(server.kubectl)
        yield server


@pytest.fixture(scope="module")
def api_server(crds: OtherApiServer) -> OtherApiServer:
    return crds


@pytest.fixture(scope="module")
def main_kubectl(ground: Ground) -> Iterator[Kubectl]:
    """kubectl on the API server that all other tests run on, with our kinds and no operator."""
    ground.namespace(OPS)
    ground.helm("install", CRD_RELEASE, str(CRD_CHART), "-n", OPS, "--wait")
    try:
        yield ground.kubectl
    finally:
        ground.uninstall()


def minor(module: str) -> int:
    """Return the minor version of the Kubernetes that a module pins."""
    return int(pinned_version(module, "k8s.io/kubernetes").split(".")[1])


def test_the_two_api_servers_are_of_the_minor_versions_that_are_promised(
    crds: OtherApiServer, main_kubectl: Kubectl
) -> None:
    served = [json.loads(each("get", "--raw", "/version"))["minor"] for each in (main_kubectl, crds.kubectl)]
    assert served == [str(minor("control-plane")), str(minor("api-server-other"))] == ["34", "36"]


@pytest.fixture(scope="module")
def rendering(offline_helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Rendered]:
    """Return what renders a case on disk, once each."""
    return cache(lambda name: render_case(offline_helm, input_of("charts", name), tmp_path_factory.mktemp("values")))


def known(rendered: Rendered) -> list[Json]:
    """Return the objects whose kinds an API server knows with the definitions of ours alone."""
    return [dict(each) for each in rendered.objects if not each["apiVersion"].startswith(OTHERS_KINDS)]


def prepare(kubectl: Kubectl, objects: list[Json]) -> None:
    """Make the namespaces that the objects are in, each with its default account: here no controller makes one."""
    for namespace in {each["metadata"]["namespace"] for each in objects if "namespace" in each["metadata"]}:
        make_namespace(kubectl, namespace)
        account = {"name": "default", "namespace": namespace}
        kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}))


def applied(kubectl: Kubectl, objects: list[Json], *options: str) -> list[Json]:
    """Apply on the server's side and return what comes back, without who manages what since when."""
    command = ("apply", "--server-side", "-f", "-", "-o", "json", *options)
    told: Json = json.loads(kubectl(*command, stdin=json.dumps(listing(objects))))
    for each in told["items"]:
        each["metadata"].pop("managedFields", None)
    items: list[Json] = told["items"]
    return items


def strict_dry_run(kubectl: Kubectl, objects: list[Json]) -> list[str]:
    """Return the names of what the API server would admit with every field known to its own schema."""
    prepare(kubectl, objects)
    # A pod is admitted only where its account is, which a dry run does not make.
    accounts = json.dumps(listing([each for each in objects if each["kind"] == "ServiceAccount"]))
    kubectl("apply", "--server-side", "-f", "-", stdin=accounts)
    try:
        return kubectl(
            "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-o", "name",
            "-f", "-", stdin=json.dumps(listing(objects)),
        ).split()  # fmt: skip
    finally:
        kubectl("delete", "-f", "-", stdin=accounts)


def listing(objects: list[Json]) -> Json:
    return {"apiVersion": "v1", "kind": "List", "items": objects}


@pytest.mark.parametrize("name", case_names("charts"))
def test_the_tested_api_server_knows_every_field_of_what_the_chart_renders(
    name: str, main_kubectl: Kubectl, rendering: Callable[[str], Rendered]
) -> None:
    objects = known(rendering(name))
    assert len(strict_dry_run(main_kubectl, objects)) == len(objects)


@pytest.mark.parametrize("name", case_names("charts"))
def test_the_other_api_server_knows_every_field_of_what_the_chart_renders(
    name: str, crds: OtherApiServer, rendering: Callable[[str], Rendered]
) -> None:
    objects = known(rendering(name))
    assert len(strict_dry_run(crds.kubectl, objects)) == len(objects)


def test_a_field_that_no_schema_has_is_refused_by_the_dry_run(
    crds: OtherApiServer, main_kubectl: Kubectl, rendering: Callable[[str], Rendered]
) -> None:
    (deployment,) = [each for each in known(rendering("defaults")) if each["kind"] == "Deployment"]
    planted = {**deployment, "spec": {**deployment["spec"], "replica": 1}}
    text = json.dumps(planted)
    for kubectl in (crds.kubectl, main_kubectl):
        refusal = kubectl.refusal(
            "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text
        )
        assert "replica" in refusal


@pytest.mark.parametrize("name", case_names("charts"))
def test_two_dry_runs_of_what_the_chart_renders_are_an_empty_diff(
    name: str, crds: OtherApiServer, rendering: Callable[[str], Rendered]
) -> None:
    # What Helm runs for a test and takes away again is no part of what is compared.
    objects = [each for each in known(rendering(name)) if "helm.sh/hook" not in each["metadata"].get("annotations", {})]
    prepare(crds.kubectl, objects)
    live = applied(crds.kubectl, objects, "--force-conflicts")
    assert applied(crds.kubectl, objects, "--dry-run=server") == live
    assert applied(crds.kubectl, objects, "--dry-run=server") == live
