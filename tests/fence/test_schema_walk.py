"""No field of a schema is passed over, wherever it stands, and the tables say neither too little nor too much."""

from typing import Annotated, Any

import pytest
from fence.schema_walk import GONE, TWICE, UNKNOWN, NotWalked, complaints, leaves_of
from pydantic import Field

from fairlead_operator.resources.meta import ObjectReference, Resource

NAMES = {"New.spec.peer": (".name", ".namespace")}
PLAIN = ["New.spec.title"]


class _Part(Resource):
    tags: list[str] | None = None
    owner: str | None = None


class _Whole(Resource):
    """One field of every form that our kinds have, and of some that they have not."""

    one: _Part = _Part()
    one_of: _Part | None = None
    listed: Annotated[list[_Part] | None, Field(max_length=4)] = None
    mapped: dict[str, _Part] | None = None
    labels: dict[str, str] | None = None
    empty: Resource | None = None
    anything: Any = None


class _ByPattern(Resource):
    named: dict[Annotated[str, Field(pattern="^[a-z]+$")], _Part] | None = None


class _Peers(Resource):
    peer: ObjectReference
    title: str = ""


class _FurtherReference(ObjectReference):
    cluster: str = ""


class _FurtherPeers(Resource):
    peer: _FurtherReference
    title: str = ""


def test_leaves_are_found_in_objects_lists_and_maps() -> None:
    places = ("one", "oneOf", "listed[]", "mapped{}")
    assert leaves_of("New", _Whole) == [
        *(f"New.spec.{place}.{leaf}" for place in places for leaf in ("tags[]", "owner")),
        "New.spec.labels{}",
        "New.spec.empty",
        "New.spec.anything",
    ]


def test_a_form_that_the_walk_does_not_know_is_refused_rather_than_passed_over() -> None:
    with pytest.raises(NotWalked, match=r"^New\.spec\.named: patternProperties; teach "):
        leaves_of("New", _ByPattern)


def test_tables_that_fit_are_nothing_to_complain_about() -> None:
    assert complaints(leaves_of("New", _Peers), NAMES, PLAIN) == []


def test_a_plain_field_that_is_not_listed_is_named_with_what_to_do() -> None:
    [complaint] = complaints(leaves_of("New", _Peers), NAMES, [])
    assert complaint == UNKNOWN.format(field="New.spec.title")
    assert complaint.startswith("New.spec.title: ")
    assert {"CONSENTED", "OWN_NAMESPACE", "GRANTS", "tests/fence/plain_fields.yaml."} <= set(complaint.split())


def test_a_part_that_is_new_in_a_reference_is_found() -> None:
    found = complaints(leaves_of("New", _FurtherPeers), NAMES, PLAIN)
    assert found == [UNKNOWN.format(field="New.spec.peer.cluster")]


def test_an_entry_whose_field_is_gone_is_told() -> None:
    found = complaints(leaves_of("New", _Peers), {**NAMES, "New.spec.old": ("",)}, [*PLAIN, "New.spec.older"])
    assert found == [GONE.format(field="New.spec.old"), GONE.format(field="New.spec.older")]


def test_a_field_that_is_both_plain_and_a_reference_is_told() -> None:
    found = complaints(leaves_of("New", _Peers), NAMES, [*PLAIN, "New.spec.peer.namespace"])
    assert found == [TWICE.format(field="New.spec.peer.namespace")]
