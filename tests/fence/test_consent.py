"""No reference leaves its namespace without consent: every reference field of every kind, as the schema has them."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import pytest
import yaml
from doubles.compiled import published_by
from fence.references import CONSENTED, FORMS, ITSELF, LABELLED, NAMESPACES, OWN_NAMESPACE, OWNER, compiled
from fence.schema_walk import UNKNOWN, all_leaves, complaints, leaves_of, plain_fields
from pydantic import create_model

from fairlead_operator.fleet.render import FleetSettings, FleetSpec, render_fleet
from fairlead_operator.resources.gateway import ADMIN_PORT
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.schema import KINDS
from fairlead_operator.verdict import Reason, Truth
from fairlead_proxy.contract.config import Gateway
from fairlead_proxy.contract.keys import fingerprint
from fairlead_proxy.upstream.egress import may_connect

CASES = [
    pytest.param(field, form, namespace, id=f"{field}-{form}-{namespace}")
    for field in CONSENTED
    for form in FORMS
    for namespace in NAMESPACES
]
GATEWAY = ObjectRef(Kind.MODEL_GATEWAY, OWNER, "main")
CALLERS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: owner}
spec:
  auth: {apiKeys: {selector: {matchLabels: {fleet: main}}}}
  tenants: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: friend}}}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: bot, namespace: NAMESPACE}
spec:
  gatewayRef: {name: main, namespace: owner}
  models: [smart]
  rules: [{name: r, route: {targets: [{provider: {name: p}, model: m}]}}]
---
apiVersion: v1
kind: Secret
metadata: {name: caller, namespace: NAMESPACE, labels: {fairlead.dev/key: "true", fleet: main, CLAIM}}
stringData: {key: canary-caller-key-0123}
"""
RANGES = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: owner}
spec: {egress: {allowCIDRs: [{cidr: 10.20.0.0/16, namespaces: [friend]}]}}
"""
SCRAPED = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: owner}
spec:
  telemetry:
    scrapeFrom:
    - namespaceSelector: {matchLabels: {tier: gold}, matchExpressions: [{key: old, operator: DoesNotExist}]}
      podSelector: {matchLabels: {app: prometheus}, matchExpressions: [{key: v, operator: In, values: ["2", "3"]}]}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
"""


def test_an_own_namespace_needs_no_consent_and_another_one_does() -> None:
    """What the forms are said to mean covers both answers, or the tests below would say little."""
    assert {OWNER} & FORMS["none"][1] == set()
    assert {namespace in granted for _, granted in FORMS.values() for namespace in NAMESPACES} == {True, False}


@pytest.mark.parametrize(("field", "form", "namespace"), CASES)
def test_a_reference_is_served_in_its_own_namespace_and_where_the_owner_consents(
    field: str, form: str, namespace: str
) -> None:
    reference, (consent, granted) = CONSENTED[field], FORMS[form]
    compilation = compiled(reference.build(consent, namespace, reference.referred))
    verdict = compilation.verdicts[reference.ref(namespace)]
    permitted = namespace == OWNER or namespace in granted
    assert reference.served(compilation, namespace) is permitted
    expected = Truth.TRUE if permitted else Truth.FALSE
    assert verdict.resolved_refs is not None
    assert verdict.resolved_refs.truth is expected
    assert (verdict.resolved_refs.reason is reference.missing) is not permitted


@pytest.mark.parametrize("field", CONSENTED)
def test_without_consent_an_object_reads_as_one_that_is_not_there(field: str) -> None:
    reference = CONSENTED[field]
    there = compiled(reference.build("{}", "stranger", reference.referred)).verdicts[reference.ref("stranger")]
    absent = compiled(reference.build("{}", "stranger", "absent")).verdicts[reference.ref("stranger")]
    assert there.resolved_refs is not None
    assert absent.resolved_refs is not None
    told = absent.resolved_refs.message.replace(f"{OWNER}/absent", f"{OWNER}/{reference.referred}")
    assert (there.resolved_refs.reason, there.resolved_refs.message) == (absent.resolved_refs.reason, told)
    assert there.accepted == absent.accepted


@pytest.mark.parametrize("field", CONSENTED)
@pytest.mark.parametrize("namespace", ["friend", "stranger"])
@pytest.mark.parametrize("valid", [True, False], ids=["valid", "invalid meanwhile"])
def test_revoked_consent_takes_what_was_served_out_of_the_configuration(
    field: str, namespace: str, valid: bool
) -> None:
    """Also where the object is kept at its last good version."""
    reference = CONSENTED[field]
    before = compiled(reference.build("{namespaceSelector: {}}", namespace, reference.referred))
    assert reference.served(before, namespace)
    text = reference.build("{}", namespace, reference.referred)
    subject, own = f"{{name: subject, namespace: {namespace}}}\nspec: {{", "spec: {unknownField: 1, "
    now = text if valid else text.replace(subject, subject.replace("spec: {", own))
    after = compiled(now, published_by(before))
    verdict = after.verdicts[reference.ref(namespace)]
    assert (verdict.accepted.truth is Truth.TRUE) is valid
    assert not reference.served(after, namespace)
    assert not verdict.fragments


@pytest.mark.parametrize("field", CONSENTED)
def test_a_namespace_that_loses_its_label_loses_the_consent(field: str) -> None:
    reference = CONSENTED[field]
    text = reference.build(FORMS["by label"][0], "friend", reference.referred)
    before = compiled(text)
    after = compiled(text.replace("labels: {tier: gold}", "labels: {tier: silver}"), published_by(before))
    assert (reference.served(before, "friend"), reference.served(after, "friend")) == (True, False)


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize("field", OWN_NAMESPACE)
def test_a_secret_is_found_in_the_objects_own_namespace_only(field: str, namespace: str) -> None:
    reference = OWN_NAMESPACE[field]
    compilation = compiled(reference.build(namespace))
    resolved = compilation.verdicts[reference.ref].resolved_refs
    nowhere = compiled(reference.build(None)).verdicts[reference.ref].resolved_refs
    own = namespace == OWNER
    assert resolved is not None
    assert nowhere is not None
    assert nowhere.reason is Reason.SECRET_NOT_FOUND
    assert (resolved.truth is Truth.TRUE, reference.shows(compilation)) == (own, own and reference.carried)
    assert (resolved == nowhere) is not own


@pytest.mark.parametrize("field", OWN_NAMESPACE)
def test_a_secret_cannot_even_be_named_in_another_namespace(field: str) -> None:
    reference = OWN_NAMESPACE[field]
    for written in (
        reference.field.replace("}", ", namespace: stranger}"),
        reference.field.replace("wanted", "stranger/wanted"),
        reference.field.replace("wanted", "../stranger/wanted"),
    ):
        compilation = compiled(reference.build("stranger", field=written))
        accepted = compilation.verdicts[reference.ref].accepted
        assert (accepted.truth, accepted.reason) == (Truth.FALSE, Reason.INVALID)
        assert not reference.shows(compilation)


@pytest.mark.parametrize(("namespace", "tenant"), [(OWNER, OWNER), ("friend", "friend"), ("stranger", None)])
def test_callers_keys_are_taken_from_the_gateways_and_its_tenants_namespaces(
    namespace: str, tenant: str | None
) -> None:
    ring = compiled(CALLERS.replace("NAMESPACE", namespace).replace(", CLAIM", "")).gateways["owner/main"].keys
    assert [caller.tenant for caller in ring.callers] == ([tenant] if tenant else [])
    assert {caller.sha256 for caller in ring.callers} <= {fingerprint("canary-caller-key-0123")}


@pytest.mark.parametrize(("namespace", "tenants"), [(OWNER, ["other"]), ("friend", []), ("stranger", [])])
def test_only_in_the_gateways_namespace_may_a_key_say_whose_it_is(namespace: str, tenants: list[str]) -> None:
    claim = "fairlead.dev/tenant-namespace: other"
    admitting = CALLERS.replace("{matchLabels: {kubernetes.io/metadata.name: friend}}", "{}")
    ring = compiled(admitting.replace("NAMESPACE", namespace).replace("CLAIM", claim)).gateways["owner/main"].keys
    assert "other" not in [caller.tenant for caller in ring.callers] or namespace == OWNER
    assert [caller.tenant for caller in ring.callers if caller.tenant == "other"] == tenants


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_a_private_range_is_open_to_the_namespaces_that_it_names(namespace: str) -> None:
    (fragment,) = compiled(RANGES).gateways["owner/main"].fragments
    gateway = fragment.read()
    assert isinstance(gateway, Gateway)
    refused = may_connect(gateway.egress, namespace, "models.lab", ip_address("10.20.0.1"), scheme="http")
    assert (refused is None) is (namespace == "friend")


def test_the_admin_port_is_open_to_whom_the_gateway_names_and_the_operator() -> None:
    """What is named is said word for word: the cluster's network judges it. Nobody gets anything but the admin port."""
    fleet = compiled(SCRAPED).gateways["owner/main"]
    assert fleet.spec is not None
    manifests = render_fleet(FleetSpec("owner/main", "uid-1", fleet.spec, 1), FleetSettings(image="proxy:1"))
    [policy] = [each["spec"] for each in manifests if each["kind"] == "NetworkPolicy"]
    [rule] = [rule for rule in policy["ingress"] if "from" in rule]
    written = yaml.safe_load(SCRAPED)["spec"]["telemetry"]["scrapeFrom"]
    assert rule["from"][1:] == written
    assert [port["port"] for port in rule["ports"]] == [ADMIN_PORT]
    assert ADMIN_PORT not in [port["port"] for each in policy["ingress"] if each is not rule for port in each["ports"]]


@pytest.mark.parametrize("form", FORMS)
def test_what_a_proxy_is_told_of_consumers_is_what_the_owner_consents_to(form: str) -> None:
    """The proxy judges by this once more: see test_second_check.py."""
    reference, (consent, granted) = CONSENTED["RoutePolicy.spec.rules[].route.targets[].provider"], FORMS[form]
    for namespace in NAMESPACES:
        fleet = compiled(reference.build(consent, namespace, "p")).gateways["owner/main"]
        (provider,) = fleet.providers
        assert provider.consumers.admits(OWNER, namespace) is (namespace == OWNER or namespace in granted)


@dataclass(frozen=True)
class Granting:
    """A field that grants something to namespaces or pods: what stands below it, and the test that holds it to that."""

    parts: tuple[str, ...]
    test: Callable[..., None]


NAMESPACES_SELECTED = tuple(f".namespaceSelector{part}" for part in LABELLED)
PODS_SELECTED = tuple(f".podSelector{part}" for part in LABELLED)
GRANTS = {
    "ModelProvider.spec.consumers": Granting(
        NAMESPACES_SELECTED, test_what_a_proxy_is_told_of_consumers_is_what_the_owner_consents_to
    ),
    "ModelGateway.spec.tenants": Granting(
        NAMESPACES_SELECTED, test_a_reference_is_served_in_its_own_namespace_and_where_the_owner_consents
    ),
    "ModelGateway.spec.auth.apiKeys.selector": Granting(
        LABELLED, test_callers_keys_are_taken_from_the_gateways_and_its_tenants_namespaces
    ),
    "ModelGateway.spec.egress.allowCIDRs[].namespaces[]": Granting(
        ITSELF, test_a_private_range_is_open_to_the_namespaces_that_it_names
    ),
    "ModelGateway.spec.telemetry.scrapeFrom[]": Granting(
        (*NAMESPACES_SELECTED, *PODS_SELECTED, ".ipBlock.cidr", ".ipBlock.except[]"),
        test_the_admin_port_is_open_to_whom_the_gateway_names_and_the_operator,
    ),
}
REFERENCES = (
    {field: reference.parts for field, reference in CONSENTED.items()}
    | {field: reference.parts for field, reference in OWN_NAMESPACE.items()}
    | {field: granting.parts for field, granting in GRANTS.items()}
)


def test_every_reference_field_of_the_schema_is_held_to_something() -> None:
    """Every leaf is a part of a reference, whose row brings the tests above, or is listed as plain: none is guessed."""
    assert complaints(all_leaves(), REFERENCES, plain_fields()) == []


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        (Kind.ROUTE_POLICY, "fallback_provider", "RoutePolicy.spec.fallbackProvider"),
        (Kind.ROUTE_POLICY, "gateway", "RoutePolicy.spec.gateway"),
        (Kind.MODEL_PROVIDER, "price_book", "ModelProvider.spec.priceBook"),
        (Kind.MODEL_GATEWAY, "owner", "ModelGateway.spec.owner"),
    ],
)
def test_a_reference_field_that_is_new_is_found(kind: Kind, name: str, path: str) -> None:
    """A string like any other, of a name that says nothing: what the field means is for its author to say."""
    field: dict[str, Any] = {name: (str, "")}
    planted = create_model("Planted", __base__=KINDS[kind].spec, **field)
    leaves = [*all_leaves(), *leaves_of(kind, planted)]
    assert complaints(leaves, REFERENCES, plain_fields()) == [UNKNOWN.format(field=path)]
