"""The search for canaries finds them: whole, in part and in disguise, and finds nothing where there is none."""

import pytest
from fence.canaries import PARTIAL, Search, disguises, make_canary

CANARIES = {name: make_canary(name) for name in ("one", "two")}
SEARCH = Search(CANARIES)
FORMS = sorted(disguises(CANARIES["one"]))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CANARIES)
def test_a_planted_canary_is_found_in_every_form(name: str, form: str) -> None:
    planted = b"level=info " + disguises(CANARIES[name])[form].encode() + b" end\n"
    assert SEARCH.hits(planted) == {name}
    assert SEARCH.places({"log": planted, "other": b"level=info\n"}) == {"log": {name}}


@pytest.mark.parametrize("start", [0, 7, 20])
def test_a_part_of_a_canary_is_found(start: int) -> None:
    assert SEARCH.hits(CANARIES["two"][start : start + PARTIAL].encode()) == {"two"}


def test_what_holds_none_is_no_hit() -> None:
    assert SEARCH.hits(make_canary("three").encode() * 50) == set()
    assert SEARCH.hits(CANARIES["one"][4:10].encode()) == set()
