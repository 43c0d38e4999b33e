"""What the rendered roles allow: exactly what the operator says it needs, and nothing on Secrets beyond a namespace."""

import pytest
from cluster.charts.rendered import Json, Rendered, render_case, rights
from cluster.helm import Helm
from doubles.case_files import case_names, input_of

from fairlead_operator.fleet import rbac
from fairlead_operator.fleet.render import FleetSettings

WRITING = {"create", "update", "patch", "delete", "deletecollection", "*"}
AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"


@pytest.fixture(scope="module", params=case_names("charts"))
def rendered(request: pytest.FixtureRequest, offline_helm: Helm, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """Every case on disk, rendered."""
    return render_case(offline_helm, input_of("charts", request.param), tmp_path_factory.mktemp("values"))


def bound(rendered: Rendered, kind: str) -> list[tuple[str | None, Json]]:
    """Return namespace and role of every binding of this kind; raise ValueError for one without its role."""
    return [
        (
            namespace := binding["metadata"].get("namespace"),
            rendered.one(
                binding["roleRef"]["kind"],
                binding["roleRef"]["name"],
                namespace if binding["roleRef"]["kind"] == "Role" else None,
            ),
        )
        for binding in rendered.of_kind(kind)
    ]


def test_what_is_bound_everywhere_is_what_the_operator_needs_everywhere(rendered: Rendered) -> None:
    ((_, role),) = bound(rendered, "ClusterRoleBinding")
    assert rights(role["rules"]) == rights(rbac.CLUSTER_RULES)


def test_what_is_bound_in_a_namespace_is_what_the_operator_needs_there(rendered: Rendered) -> None:
    (deployment,) = rendered.of_kind("Deployment")
    home = deployment["metadata"]["namespace"]
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    gateways = arguments[arguments.index("--gateway-namespaces") + 1].split(",")
    roles = [(namespace, rights(role["rules"])) for namespace, role in bound(rendered, "RoleBinding")]
    wanted = [(home, rights(rbac.OWN_NAMESPACE_RULES)), *((each, rights(rbac.GATEWAY_RULES)) for each in gateways)]
    assert sorted(roles, key=str) == sorted(wanted, key=str)


def test_only_the_operator_is_bound_to_anything(rendered: Rendered) -> None:
    (account,) = rendered.of_kind("ServiceAccount")
    (deployment,) = rendered.of_kind("Deployment")
    name, namespace = account["metadata"]["name"], account["metadata"]["namespace"]
    pod = deployment["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == name
    assert pod["containers"][0]["args"][1:5] == ["--namespace", namespace, "--service-account", name]
    bindings = rendered.of_kind("RoleBinding") + rendered.of_kind("ClusterRoleBinding")
    assert all(
        binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
        for binding in bindings
    )


def test_no_role_that_holds_everywhere_has_a_verb_on_secrets(rendered: Rendered) -> None:
    everywhere = [role for _, role in bound(rendered, "ClusterRoleBinding")]
    aggregated = [
        role
        for role in rendered.of_kind("ClusterRole")
        if any(label.startswith(AGGREGATE) for label in role["metadata"]["labels"])
    ]
    resources = {resource for role in everywhere + aggregated for _, resource, _ in rights(role["rules"])}
    assert {each for each in resources if each.partition("/")[0] in ("secrets", "*")} == set()


def test_the_reader_of_secrets_is_shipped_and_bound_to_nobody(rendered: Rendered) -> None:
    reader = rendered.one("ClusterRole", "fairlead-secret-reader")
    assert rights(reader["rules"]) == rights(rbac.SECRET_READER_RULES)
    bindings = rendered.of_kind("RoleBinding") + rendered.of_kind("ClusterRoleBinding")
    assert "fairlead-secret-reader" not in {binding["roleRef"]["name"] for binding in bindings}


def test_no_aggregated_role_writes_a_gateway_or_a_status(rendered: Rendered) -> None:
    written = {
        resource
        for role in rendered.of_kind("ClusterRole")
        for _, resource, verb in rights(role["rules"])
        if verb in WRITING and any(label.startswith(AGGREGATE) for label in role["metadata"]["labels"])
    }
    assert written <= {"routepolicies", "modelproviders"}


def test_what_the_proxies_admit_to_their_admin_port_fits_the_labels_of_the_operator(rendered: Rendered) -> None:
    (deployment,) = rendered.of_kind("Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert FleetSettings(image="proxy").operator_labels.items() <= labels.items()


def test_selectors_hold_nothing_that_an_upgrade_changes(rendered: Rendered) -> None:
    (deployment,) = rendered.of_kind("Deployment")
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert set(selector) == {f"app.kubernetes.io/{each}" for each in ("name", "instance", "component")}
    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()


def test_the_operator_never_runs_as_root_nor_writes_its_image(rendered: Rendered) -> None:
    (deployment,) = rendered.of_kind("Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_names_of_objects_are_as_long_as_kubernetes_admits(rendered: Rendered) -> None:
    assert max(len(each["metadata"]["name"]) for each in rendered.objects) <= 63
