"""A served definition against this program's: what is missing, what is more, and what may not be read."""

from copy import deepcopy
from typing import Any

import pytest

from fairlead_operator.cli.crd_skew import INSTALL, check_definition, published_definition
from fairlead_operator.cli.diagnosis import Level, Unread
from fairlead_operator.resources.meta import Kind
from fairlead_operator.resources.schema import crd_of


def served(kind: Kind = Kind.MODEL_PROVIDER) -> dict[str, Any]:
    """Return our definition as an API server holds it once it is established."""
    return {**deepcopy(crd_of(kind)), "status": {"conditions": [{"type": "Established", "status": "True"}]}}


def spec_of(definition: dict[str, Any]) -> dict[str, Any]:
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields: dict[str, Any] = schema["properties"]["spec"]["properties"]
    return fields


@pytest.mark.parametrize("kind", Kind)
def test_our_own_definition_is_well(kind: Kind) -> None:
    assert check_definition(kind, served(kind)).level is Level.OK


def test_a_field_that_is_missing_is_named_without_what_stands_in_it() -> None:
    definition = served()
    del spec_of(definition)["maintenance"]
    found = check_definition(Kind.MODEL_PROVIDER, definition)
    assert (found.level, found.remedy) == (Level.FAIL, INSTALL)
    assert found.why == "older than this program: it lacks spec.maintenance; what users write there is dropped"


def test_a_value_of_a_closed_choice_that_is_missing_is_named() -> None:
    definition = served()
    spec_of(definition)["type"]["enum"].remove("Bedrock")
    assert "it lacks spec.type=Bedrock;" in check_definition(Kind.MODEL_PROVIDER, definition).why


def test_a_field_within_a_list_is_found() -> None:
    definition = served()
    del spec_of(definition)["models"]["items"]["properties"]["contextWindow"]
    assert "it lacks spec.models[].contextWindow;" in check_definition(Kind.MODEL_PROVIDER, definition).why


def test_a_newer_definition_is_a_warning() -> None:
    definition = served()
    spec_of(definition)["later"] = {"type": "string"}
    found = check_definition(Kind.MODEL_PROVIDER, definition)
    assert (found.level, found.why) == (Level.WARN, "newer than this program: it also has spec.later")


def test_another_version_alone_fails() -> None:
    definition = served()
    definition["spec"]["versions"][0]["name"] = "v1"
    found = check_definition(Kind.MODEL_PROVIDER, definition)
    assert (found.level, found.why) == (Level.FAIL, "it serves v1, not v1alpha1")


def test_a_version_that_is_no_longer_served_fails() -> None:
    definition = served()
    definition["spec"]["versions"][0]["served"] = False
    assert check_definition(Kind.MODEL_PROVIDER, definition).why == "it serves no version, not v1alpha1"


def test_a_definition_that_is_not_established_fails() -> None:
    assert check_definition(Kind.MODEL_PROVIDER, crd_of(Kind.MODEL_PROVIDER)).level is Level.FAIL


def test_none_at_all_fails_and_one_that_may_not_be_read_is_unknown() -> None:
    assert check_definition(Kind.MODEL_GATEWAY, None).level is Level.FAIL
    found = check_definition(Kind.MODEL_GATEWAY, Unread("you lack a right", "ask"))
    assert (found.level, found.why, found.remedy) == (Level.UNKNOWN, "you lack a right", "ask")


def test_what_is_published_is_as_good_as_the_definition_itself() -> None:
    schema = deepcopy(crd_of(Kind.ROUTE_POLICY))["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    names = [{"group": "fairlead.dev", "version": "v1alpha1", "kind": "RoutePolicy"}]
    published = {"components": {"schemas": {"any": {**schema, "x-kubernetes-group-version-kind": names}}}}
    assert check_definition(Kind.ROUTE_POLICY, published_definition(Kind.ROUTE_POLICY, published)).level is Level.OK
    assert published_definition(Kind.MODEL_GATEWAY, published) is None
    del schema["properties"]["spec"]["properties"]["rules"]
    found = check_definition(Kind.ROUTE_POLICY, published_definition(Kind.ROUTE_POLICY, published))
    assert "it lacks spec.rules;" in found.why
