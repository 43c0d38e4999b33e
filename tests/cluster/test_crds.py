"""The definitions of our kinds, judged by a real API server: what it admits, refuses with our words, and shows."""

from pathlib import Path

import pytest
import yaml
from cluster.control_plane import ControlPlane
from cluster.crds import CRDS
from cluster.kubectl import Kubectl

CASES = Path(__file__).parents[1] / "cases" / "crds"
ACCEPTED = sorted((CASES / "accept").glob("*.yaml"))
REFUSED = sorted((CASES / "reject").glob("*.yaml"))
MARK = "# message: "
KINDS = {"mp": "modelproviders", "rp": "routepolicies", "mg": "modelgateways"}
SINGULAR = {"mp": "modelprovider", "rp": "routepolicy", "mg": "modelgateway"}

pytestmark = pytest.mark.usefixtures("crds")


def stem(path: Path) -> str:
    """Return what a case is called."""
    return path.stem


def columns(definition: Path) -> list[str]:
    """Return the names of the columns that a definition declares for the ordinary listing."""
    version = yaml.safe_load(definition.read_text())["spec"]["versions"][0]
    return [each["name"].upper() for each in version["additionalPrinterColumns"] if not each.get("priority", 0)]


def test_there_are_cases_of_both_sorts_for_every_kind() -> None:
    for cases in (ACCEPTED, REFUSED):
        assert {stem(path).split("-")[0] for path in cases} == {"modelprovider", "routepolicy", "modelgateway"}


@pytest.mark.parametrize("case", ACCEPTED, ids=stem)
def test_what_is_right_is_admitted(case: Path, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(case))


@pytest.mark.parametrize("case", REFUSED, ids=stem)
def test_what_is_wrong_is_refused_with_our_words(case: Path, kubectl: Kubectl) -> None:
    # Only our own text is compared: what the API server puts before it differs from version to version.
    message = case.read_text().splitlines()[0].removeprefix(MARK)
    assert message in kubectl.refusal("create", "--dry-run=server", "-n", "default", "-f", str(case))


@pytest.mark.parametrize(
    "case", ["modelgateway-name-begins-with-digit", "modelprovider-name-with-dot", "routepolicy-name-too-long"]
)
def test_a_bad_name_is_refused_where_it_stands(case: str, kubectl: Kubectl) -> None:
    path = CASES / "reject" / f"{case}.yaml"
    assert "metadata.name: Invalid value" in kubectl.refusal("create", "--dry-run=server", "-f", str(path))


@pytest.mark.parametrize("definition", sorted(CRDS.glob("*.yaml")), ids=stem)
def test_a_definition_is_established_with_names_accepted_and_a_structural_schema(
    definition: Path, kubectl: Kubectl
) -> None:
    name = yaml.safe_load(definition.read_text())["metadata"]["name"]
    conditions = kubectl.read("get", "crd", name)["status"]["conditions"]
    states = {each["type"]: each["status"] for each in conditions}
    assert states["Established"] == states["NamesAccepted"] == "True"
    assert states.get("NonStructuralSchema", "False") == "False"


@pytest.mark.parametrize(("short", "singular"), SINGULAR.items())
def test_a_kind_has_its_short_name(short: str, singular: str, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(CASES / "accept" / f"{singular}-smallest.yaml"))
    assert kubectl("get", short, "-n", namespace, "-o", "name") == f"{singular}.fairlead.dev/case\n"


@pytest.mark.parametrize("category", ["fairlead", "ai"])
def test_a_category_names_all_kinds(category: str, kubectl: Kubectl) -> None:
    names = kubectl("api-resources", f"--categories={category}", "-o", "name").split()
    assert sorted(names) == sorted(f"{kind}.fairlead.dev" for kind in KINDS.values())


@pytest.mark.parametrize("short", KINDS)
def test_the_listing_has_the_columns_that_the_definition_declares(short: str, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(CASES / "accept" / f"{SINGULAR[short]}-smallest.yaml"))
    header = kubectl("get", short, "-n", namespace).splitlines()[0]
    assert header.split() == ["NAME", *columns(CRDS / f"{KINDS[short]}.fairlead.dev.yaml")]


@pytest.mark.parametrize(
    "path", ["mp.spec.health.passive.baseCooldown", "rp.spec.rules.match.intent", "mg.spec.tenants", "mp.status.health"]
)
def test_explain_tells_what_a_field_is_for(path: str, kubectl: Kubectl) -> None:
    assert "<empty>" not in kubectl("explain", path).partition("DESCRIPTION:")[2].splitlines()[1]


@pytest.mark.parametrize("kind", KINDS)
def test_explain_lists_every_field_of_the_first_floor(kind: str, kubectl: Kubectl) -> None:
    schema = yaml.safe_load((CRDS / f"{KINDS[kind]}.fairlead.dev.yaml").read_text())
    properties = schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    told = kubectl("explain", kind, "--recursive")
    assert all(name in told for part in ("spec", "status") for name in properties[part]["properties"])


def test_status_is_written_by_apply_and_the_spec_stays_as_it_is(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(CASES / "accept" / "routepolicy-smallest.yaml"))
    before = kubectl.read("get", "rp", "case", "-n", namespace)
    apply_status(kubectl, namespace, before["metadata"]["resourceVersion"], reason="ProviderNotFound")
    after = kubectl.read("get", "rp", "case", "-n", namespace)
    assert after["status"]["conditions"][0]["reason"] == "ProviderNotFound"
    assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], before["metadata"]["generation"])


def test_status_that_was_worked_out_from_an_older_object_is_refused(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(CASES / "accept" / "routepolicy-smallest.yaml"))
    old = kubectl.read("get", "rp", "case", "-n", namespace)["metadata"]["resourceVersion"]
    kubectl("label", "rp", "case", "-n", namespace, "touched=yes")
    document = status_document(namespace, old, "Accepted")
    assert "the object has been modified" in kubectl.refusal(*APPLY_STATUS, stdin=document)


def test_status_reaches_the_columns(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(CASES / "accept" / "routepolicy-smallest.yaml"))
    version = kubectl.read("get", "rp", "case", "-n", namespace)["metadata"]["resourceVersion"]
    apply_status(kubectl, namespace, version, reason="ProviderNotFound")
    header, row = kubectl("get", "rp", "case", "-n", namespace).splitlines()
    assert row[header.index("READY") :].split()[0] == "False"


def test_a_status_with_a_condition_twice_is_refused(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "-n", namespace, "-f", str(CASES / "accept" / "routepolicy-smallest.yaml"))
    status = yaml.safe_load(status_document(namespace, "", "Accepted"))
    status["status"]["conditions"] *= 2
    assert "conditions" in kubectl.refusal(*APPLY_STATUS, stdin=yaml.safe_dump(status))


def test_the_definitions_can_be_applied_again_without_a_change(kubectl: Kubectl, crds: ControlPlane) -> None:
    before = kubectl.read("get", "crd", "routepolicies.fairlead.dev")["metadata"]["generation"]
    kubectl("apply", "--server-side", "-f", str(CRDS))
    assert kubectl.read("get", "crd", "routepolicies.fairlead.dev")["metadata"]["generation"] == before


APPLY_STATUS = ("apply", "--server-side", "--subresource=status", "--field-manager=fairlead-operator", "-f", "-")


def apply_status(kubectl: Kubectl, namespace: str, resource_version: str, *, reason: str) -> None:
    """Write the status of the policy `case` as the operator does."""
    kubectl(*APPLY_STATUS, stdin=status_document(namespace, resource_version, reason))


def status_document(namespace: str, resource_version: str, reason: str) -> str:
    """Return the document that applies a status whose `Ready` is false for this reason."""
    condition = {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-22T10:00:00Z",
    }
    metadata = {"name": "case", "namespace": namespace}
    if resource_version:
        metadata["resourceVersion"] = resource_version
    status = {"observedGeneration": 1, "conditions": [condition]}
    return yaml.safe_dump(
        {"apiVersion": "fairlead.dev/v1alpha1", "kind": "RoutePolicy", "metadata": metadata, "status": status}
    )
