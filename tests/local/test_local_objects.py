"""Documents become objects as an API server would hold them."""

import textwrap
from typing import Any

import pytest

from fairlead_operator.cluster.local_objects import Known, LocalObjects, fault_of, load_objects
from fairlead_operator.resources.documents import read_documents
from fairlead_operator.resources.meta import Kind, ObjectRef

NOW = "2026-11-22T10:00:00Z"
PROVIDER = """
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelProvider
    metadata: {name: fast}
    spec: {type: Simulated, models: [{name: tiny}]}
"""
COMPATIBLE = """
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelProvider
    metadata: {name: lab, namespace: team}
    spec: {type: OpenAICompatible, endpoint: {url: "${BASE}"}, models: [{name: tiny}]}
"""
GATEWAY = """
    apiVersion: fairlead.dev/v1alpha1
    kind: ModelGateway
    metadata: {name: mine, namespace: platform}
    spec: {}
"""
SECRET = """
    apiVersion: v1
    kind: Secret
    metadata: {name: keys, namespace: team, labels: {a: b}}
    data: {one: "c2stMQ=="}
    stringData: {two: "${KEY}"}
"""
FAST = ObjectRef(Kind.MODEL_PROVIDER, "default", "fast")
LAB = ObjectRef(Kind.MODEL_PROVIDER, "team", "lab")
MINE = ObjectRef(Kind.MODEL_GATEWAY, "platform", "mine")
MAIN = ObjectRef(Kind.MODEL_GATEWAY, "default", "main")


def objects(
    *texts: str,
    environ: dict[str, str] | None = None,
    known: dict[ObjectRef, Known] | None = None,
    owners: dict[str, str] | None = None,
) -> LocalObjects:
    documents = [
        document
        for number, text in enumerate(texts)
        for document in read_documents(textwrap.dedent(text), f"{number}.yaml")
    ]
    return load_objects(documents, environ=environ or {}, known=(known or {}).get, created=NOW, owners=owners)


def spec_of(loaded: LocalObjects, ref: ObjectRef) -> Any:
    spec = loaded.found[ref].spec
    assert spec is not None, loaded.found[ref].problems
    return spec


def test_an_object_gets_a_namespace_an_age_and_an_identity() -> None:
    found = objects(PROVIDER).found[FAST]
    assert (found.created, found.generation, len(found.uid)) == (NOW, 1, 36)
    assert found.spec is not None


def test_the_identity_is_the_same_in_every_process_and_different_for_each_object() -> None:
    first, second = objects(PROVIDER).found[FAST], objects(PROVIDER, GATEWAY).found[FAST]
    assert first.uid == second.uid != objects(PROVIDER).found[MAIN].uid


def test_an_object_that_was_known_keeps_its_age_generation_and_status() -> None:
    before = objects(PROVIDER).contents[FAST]
    known = {FAST: Known(before["spec"], 7, "2020-01-01T00:00:00Z", {"observedGeneration": 7})}
    found = objects(PROVIDER, known=known).found[FAST]
    assert (found.created, found.generation, found.status) == (
        "2020-01-01T00:00:00Z",
        7,
        {"observedGeneration": 7},
    )


def test_a_changed_spec_is_a_new_generation_and_a_changed_label_is_not() -> None:
    known = {FAST: Known(objects(PROVIDER).contents[FAST]["spec"], 7, NOW)}
    changed = objects(PROVIDER.replace("tiny", "huge"), known=known).found[FAST]
    labelled = objects(PROVIDER.replace("{name: fast}", "{name: fast, labels: {a: b}}"), known=known).found[FAST]
    assert (changed.generation, labelled.generation) == (8, 7)


def test_every_change_is_a_new_resource_version() -> None:
    labelled = PROVIDER.replace("{name: fast}", "{name: fast, labels: {a: b}}")
    assert objects(PROVIDER).found[FAST].resource_version != objects(labelled).found[FAST].resource_version


def test_what_a_file_says_of_status_and_of_identity_is_not_taken() -> None:
    text = PROVIDER.replace("{name: fast}", "{name: fast, uid: x, generation: 99, resourceVersion: '4'}")
    found = objects(text + "    status: {observedGeneration: 99}\n").found[FAST]
    assert (found.uid != "x", found.generation, found.status) == (True, 1, {})


def test_a_gateway_exists_where_none_is_given() -> None:
    spec = spec_of(objects(PROVIDER), MAIN)
    assert spec.egress.deny_private_ranges is False
    assert spec.tenants.selects({})


def test_a_gateway_that_is_given_is_the_only_one_and_has_the_defaults_of_a_cluster() -> None:
    loaded = objects(GATEWAY)
    assert list(loaded.found) == [MINE]
    assert spec_of(loaded, MINE).egress.deny_private_ranges is True


def test_a_namespace_exists_once_an_object_names_it() -> None:
    namespaces = objects(PROVIDER, COMPATIBLE, SECRET, environ={"BASE": "http://lab/v1", "KEY": "k"}).namespaces
    assert namespaces == {
        "default": {"kubernetes.io/metadata.name": "default"},
        "team": {"kubernetes.io/metadata.name": "team"},
    }


def test_a_namespace_document_gives_labels_but_not_another_name() -> None:
    text = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: team, labels: {tier: a, kubernetes.io/metadata.name: x}}\n"
    )
    assert objects(text).namespaces["team"] == {"tier": "a", "kubernetes.io/metadata.name": "team"}


def test_a_secret_is_decoded_and_its_variables_are_filled_in() -> None:
    secret = objects(SECRET, environ={"KEY": "sk-2"}).secrets[0]
    assert (secret.namespace, secret.name, dict(secret.labels)) == ("team", "keys", {"a": "b"})
    assert secret.data == {"one": b"sk-1", "two": b"sk-2"}


def test_variables_in_encoded_data_are_never_filled_in() -> None:
    text = SECRET.replace("c2stMQ==", "JHtLRVl9")
    assert objects(text, environ={"KEY": "sk-2"}).secrets[0].data["one"] == b"${KEY}"


def test_a_secret_with_an_unset_variable_is_left_out_with_a_line_that_says_so() -> None:
    loaded = objects(SECRET)
    assert loaded.secrets == ()
    assert str(loaded.problems[0]).startswith(
        "0.yaml:2: Secret team/keys: stringData.two: the environment variable KEY is not set; "
    )


def test_the_url_of_an_endpoint_is_filled_in() -> None:
    loaded = objects(COMPATIBLE, environ={"BASE": "http://127.0.0.1:8000/v1"})
    assert spec_of(loaded, LAB).endpoint.url == "http://127.0.0.1:8000/v1"


def test_an_unset_variable_in_a_url_makes_that_object_invalid_and_no_other() -> None:
    loaded = objects(COMPATIBLE, PROVIDER)
    assert loaded.found[LAB].spec is None
    assert loaded.found[LAB].problems == (
        "spec.endpoint.url: the environment variable BASE is not set; set it, or write ${BASE:-default}",
    )
    assert loaded.found[FAST].spec is not None


def test_the_forward_proxy_of_an_endpoint_is_filled_in() -> None:
    text = COMPATIBLE.replace('"${BASE}"', 'http://127.0.0.1/v1, forwardProxy: "${PROXY:-http://127.0.0.1:3128}"')
    assert spec_of(objects(text), LAB).endpoint.forward_proxy == "http://127.0.0.1:3128"


def test_each_unset_variable_of_an_endpoint_is_told_once() -> None:
    text = COMPATIBLE.replace('"${BASE}"', '"${BASE}", forwardProxy: "${PROXY}"')
    assert [line.partition(";")[0] for line in objects(text).found[LAB].problems] == [
        "spec.endpoint.url: the environment variable BASE is not set",
        "spec.endpoint.forwardProxy: the environment variable PROXY is not set",
    ]


def test_variables_elsewhere_stay_as_they_are() -> None:
    text = PROVIDER.replace("{name: fast}", "{name: fast, annotations: {note: '${KEY}'}}")
    content = objects(text, environ={"KEY": "sk-2"}).contents[FAST]
    assert content["metadata"]["annotations"] == {"note": "${KEY}"}


def test_of_two_documents_for_one_object_the_first_is_in_force_and_both_places_are_named() -> None:
    loaded = objects(PROVIDER, PROVIDER.replace("tiny", "huge"))
    assert spec_of(loaded, FAST).models[0].name == "tiny"
    assert [str(problem) for problem in loaded.problems] == [
        "1.yaml:2: ModelProvider/default/fast stands also in 0.yaml:2, which is in force; remove one of them"
    ]


def test_a_duplicate_does_not_displace_the_object_that_was_there_before() -> None:
    owners = {"ModelProvider/default/fast": "1.yaml"}
    loaded = objects(PROVIDER, PROVIDER.replace("tiny", "huge"), owners=owners)
    assert spec_of(loaded, FAST).models[0].name == "huge"
    assert str(loaded.problems[0]).startswith("0.yaml:2: ")


def test_kinds_of_others_are_ignored_with_a_note() -> None:
    loaded = objects("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n")
    assert [(str(problem), problem.ignored) for problem in loaded.problems] == [
        ("0.yaml:1: Deployment web: not a kind that Fairlead reads; ignored", True)
    ]


@pytest.mark.parametrize("field", ["data: {one: '***'}", "data: {one: 'ü'}", "stringData: {one: 5}", "data: [a]"])
def test_a_secret_that_cannot_be_read_is_told_without_its_value(field: str) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: keys}}\n{field}\n"
    fault = fault_of(read_documents(text, "0.yaml")[0])
    assert fault.startswith("Secret keys: ")
    assert "***" not in fault


def test_an_unchanged_object_is_not_parsed_again() -> None:
    first = objects(PROVIDER)
    content, found = first.contents[FAST], first.found[FAST]
    known = {FAST: Known(content["spec"], 1, NOW, content=content, found=found)}
    assert objects(PROVIDER, known=known).found[FAST].spec is found.spec
