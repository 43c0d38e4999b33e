"""What an object says, or what is wrong with it: field, value and remedy, in one line each."""

import copy
from typing import Any

import pytest

from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.parse import UnknownKind, parse_resource
from fairlead_operator.resources.problems import MAX_PROBLEMS
from fairlead_operator.resources.provider import ModelProviderSpec

PROVIDER: dict[str, Any] = {
    "apiVersion": "fairlead.dev/v1alpha1",
    "kind": "ModelProvider",
    "metadata": {"name": "openai", "namespace": "lab"},
    "spec": {
        "type": "OpenAI",
        "credentials": [{"name": "main", "secretRef": {"name": "openai", "key": "apiKey"}}],
        "models": [{"name": "gpt", "capabilities": ["tools"]}],
    },
}
SECRET = "sk-live-0123456789"


def provider(**spec: Any) -> dict[str, Any]:
    content = copy.deepcopy(PROVIDER)
    content["spec"].update(spec)
    return content


def problems_of(content: dict[str, Any]) -> tuple[str, ...]:
    found = parse_resource(content)
    assert (found.spec is None) == bool(found.problems)
    return found.problems


def test_an_object_of_the_api_server_keeps_its_identity_and_status() -> None:
    content = provider()
    content["metadata"] |= {
        "uid": "u-1",
        "generation": 3,
        "resourceVersion": "77",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{}],
    }
    content["status"] = {"conditions": []}
    found = parse_resource(content)
    assert found.ref == ObjectRef(Kind.MODEL_PROVIDER, "lab", "openai")
    assert (found.uid, found.generation, found.resource_version) == ("u-1", 3, "77")
    assert (found.created, found.status) == ("2026-01-01T00:00:00Z", {"conditions": []})
    assert isinstance(found.spec, ModelProviderSpec)


def test_an_object_of_a_file_may_lack_what_the_api_server_adds() -> None:
    content = provider()
    del content["metadata"]["namespace"]
    found = parse_resource(content)
    assert found.ref.id == "default/openai"
    assert (found.uid, found.generation, found.resource_version, found.created) == ("", 1, "", "")


def test_null_counts_as_omitted() -> None:
    found = parse_resource(provider(endpoint=None, health={"passive": {"window": None}}))
    assert found.spec == parse_resource(provider()).spec


def test_a_null_within_a_map_is_refused_where_dropping_it_would_widen_what_matches() -> None:
    selector = {"namespaceSelector": {"matchLabels": {"team": None}}}
    [problem] = problems_of(provider(consumers=selector))
    assert problem.startswith("spec.consumers.namespaceSelector.matchLabels.team: the value is not a text")


def test_defaults_of_a_spec_that_says_little() -> None:
    spec = parse_resource(provider()).spec
    assert isinstance(spec, ModelProviderSpec)
    assert (spec.models[0].operations, spec.models[0].upstream_name) == (["chat"], None)
    assert (spec.health.passive.window, spec.health.active.mode, spec.credentials[0].weight) == ("30s", None, 1)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (
            {"type": "openai"},
            'spec.type: "openai" is not one of OpenAI, OpenAICompatible, AzureOpenAI, Anthropic, Gemini, VertexAI, '
            "Bedrock, Simulated; did you mean OpenAI?",
        ),
        ({"modells": []}, "spec.modells: there is no such field; did you mean models?"),
        (
            {"placement": {"zone": "a"}},
            "spec.placement.zone: there is no such field; the fields here are failureDomain",
        ),
        ({"models": []}, "spec.models: has 0 entries; write 1 to 128"),
        ({"models": {}}, "spec.models: an object is not a list; write a list"),
        ({"models": ["gpt"]}, "spec.models[0]: a text is not an object with fields; write an object with fields"),
        ({"models": [{"name": ""}]}, "spec.models[0].name: has 0 characters; write 1 to 128"),
        (
            {"models": [{"name": "m" * 129}]},
            "spec.models[0].name: has 129 characters; write 1 to 128",
        ),
        (
            {"models": [{"name": "gpt", "contextWindow": "9"}]},
            'spec.models[0].contextWindow: "9" is not a whole number; write a whole number',
        ),
        (
            {"models": [{"name": "gpt", "contextWindow": 0}]},
            "spec.models[0].contextWindow: 0 is less than 1; write a whole number from 1 to 100000000",
        ),
        (
            {"models": [{"name": "gpt", "contextWindow": True}]},
            "spec.models[0].contextWindow: true is not a whole number; write a whole number",
        ),
        (
            {"health": {"passive": {"window": "5x"}}},
            'spec.health.passive.window: "5x" does not fit; write a duration such as 250ms, 30s, 5m or 1h30m',
        ),
        (
            {"health": {"passive": {"window": "0s"}}},
            'spec.health.passive.window: "0s" must be a duration from 1s to 1h',
        ),
        (
            {"health": {"passive": {"errorRate": 0.5}}},
            "spec.health.passive.errorRate: 0.5 is not a text; put it in quotes",
        ),
        (
            {"models": [{"name": "a"}, {"name": "a"}]},
            'spec.models[1]: the name "a" stands more than once; each may stand once',
        ),
        (
            {"models": [{"name": "a", "price": {}}]},
            "spec.models[0].price.perMTok: is missing; write it: prices per million tokens",
        ),
        (
            {"gatewayRefs": [{"name": "main"}, {"name": "main"}]},
            'spec.gatewayRefs: a gateway is named more than once; name each once (here: "main")',
        ),
    ],
)
def test_a_problem_names_field_value_and_remedy(spec: dict[str, Any], problem: str) -> None:
    assert problems_of(provider(**spec)) == (problem,)


def test_every_problem_has_its_line() -> None:
    lines = problems_of(provider(type="X", models=[{"name": "a b"}, {"nam": "c"}], health={"passive": 1}))
    assert [line.partition(":")[0] for line in lines] == [
        "spec.type",
        "spec.models[0].name",
        "spec.models[1].name",
        "spec.models[1].nam",
        "spec.health.passive",
    ]


def test_more_problems_than_anyone_reads_are_counted() -> None:
    lines = problems_of(provider(models=[{"name": f"a b{number}"} for number in range(MAX_PROBLEMS + 5)]))
    assert len(lines) == MAX_PROBLEMS + 1
    assert lines[-1] == "5 more problems are not listed"


@pytest.mark.parametrize(
    "spec",
    [
        {"credentials": [{"name": "main", "secretRef": SECRET}]},
        {"credentials": [{"name": SECRET.upper(), "secretRef": {"name": "a", "key": "b"}}]},
        {"credentials": [{"name": "main", "secretRef": {"name": "a", "key": f"{SECRET} "}}]},
        {"credentials": [{"name": "main", "secretRef": {"name": "a", "key": "b"}, "apiKey": SECRET}]},
        {"credentials": SECRET},
        {"credentials": [SECRET]},
        {"credentials": [{"name": "main", "secretRef": {"name": "a", "key": "b"}, "weight": SECRET}]},
        {"endpoint": {"url": f"https://user:{SECRET}@example.com/v1"}},
        {"endpoint": {"url": f"https://example.com:99999/{SECRET}"}},
        {"endpoint": {"forwardProxy": f"http://user:{SECRET}@proxy.example:3128"}},
        {"endpoint": {"forwardProxy": f"http://{SECRET}:99999"}},
        {"endpoint": SECRET},
        {"apiKey": SECRET},
        {"models": SECRET},
    ],
)
def test_no_problem_shows_a_key_that_was_pasted(spec: dict[str, Any]) -> None:
    lines = problems_of(provider(**spec))
    assert len(lines) == 1
    assert SECRET.lower() not in lines[0].lower()


def test_a_long_value_is_not_repeated() -> None:
    assert problems_of(provider(placement={"failureDomain": "a b" * 40}))[0].startswith(
        "spec.placement.failureDomain: a text of 120 characters does not fit"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"metadata": None}, "metadata: is missing; write a name and a namespace"),
        ({"metadata": {}}, "metadata.name: is missing; write the name of the object"),
        ({"metadata": {"name": 12}}, "metadata.name: 12 is not a text; put it in quotes"),
        ({"metadata": {"name": "a", "namespace": True}}, "metadata.namespace: true is not a text; put it in quotes"),
        (
            {"metadata": {"name": "A"}},
            "metadata.name: the name must be a DNS label: at most 63 letters, digits and hyphens, all lower-case",
        ),
        ({"spec": None}, "spec: is missing; write it"),
        ({"spec": []}, "spec: a list is not an object with fields; write an object with fields"),
        (
            {"spec": {"type": {1, 2}}},
            "spec: cannot be written as JSON; write texts in UTF-8, numbers, lists and objects only",
        ),
        (
            {"spec": {"type": "\ud83d"}},
            "spec: cannot be written as JSON; write texts in UTF-8, numbers, lists and objects only",
        ),
        (
            {"data": {}},
            "data: there is no such field; the fields here are apiVersion, kind, metadata, spec, status",
        ),
    ],
)
def test_what_is_wrong_around_the_spec_is_a_problem_too(change: dict[str, Any], problem: str) -> None:
    assert problems_of({**PROVIDER, **change}) == (problem,)


@pytest.mark.parametrize(
    ("api_version", "kind", "text"),
    [
        ("v1", "Secret", "v1 Secret is not a kind of fairlead.dev"),
        (
            "fairlead.dev/v1",
            "ModelProvider",
            "there is no ModelProvider in fairlead.dev/v1; known in fairlead.dev/v1alpha1",
        ),
        ("fairlead.dev/v1alpha1", "ModelQuota", "there is no ModelQuota in fairlead.dev/v1alpha1; known in"),
        (None, None, "None None is not a kind of fairlead.dev"),
        ([], {}, "[] {} is not a kind of fairlead.dev"),
    ],
)
def test_objects_of_others_are_told_apart(api_version: Any, kind: Any, text: str) -> None:
    with pytest.raises(UnknownKind) as caught:
        parse_resource({"apiVersion": api_version, "kind": kind})
    assert str(caught.value).startswith(text)
