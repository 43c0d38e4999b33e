"""The search for canaries finds them: whole, in part and in disguise, and finds nothing where there is none."""

import pytest
from fence.canaries import PARTIAL, Search, disguises, least_of, make_canary

CANARIES = {name: make_canary(name) for name in ("one", "two")}
SEARCH = Search(CANARIES)
FORMS = sorted(disguises(CANARIES["one"]))
TOLD_APART = ("plain", "hex", "reversed", "base64 at 0", "base64 at 1", "base64 at 2")
"""Forms of which every part is one of no other form."""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CANARIES)
def test_a_planted_canary_is_found_in_every_form(name: str, form: str) -> None:
    planted = b"level=info " + disguises(CANARIES[name])[form].encode() + b" end\n"
    assert SEARCH.hits(planted) == {name}
    assert SEARCH.places({"log": planted, "other": b"level=info\n"}) == {"log": {name}}


@pytest.mark.parametrize("form", FORMS)
def test_a_part_that_is_long_enough_is_found_wherever_it_stands_and_a_shorter_one_is_not(form: str) -> None:
    text, length = disguises(CANARIES["one"])[form].encode(), least_of(form)
    parts = [text[start : start + length] for start in range(len(text) - length + 1)]
    assert parts
    for before in (b"." * count for count in range(PARTIAL)):
        assert [SEARCH.hits(before + part) for part in parts] == [{"one"}] * len(parts)
        assert [SEARCH.hits(before + part[1:] + b".") for part in parts] == [set()] * len(parts)


@pytest.mark.parametrize("form", TOLD_APART)
def test_the_disguise_is_told(form: str) -> None:
    assert SEARCH.findings(b"> " + disguises(CANARIES["two"])[form].encode()) == {"two": form}


def test_it_is_found_at_the_very_end_of_much_else() -> None:
    other = make_canary("three").encode() * 5000
    assert SEARCH.hits(other) == set()
    assert SEARCH.hits(other + CANARIES["one"].encode()) == {"one"}
    assert SEARCH.hits(CANARIES["two"].encode() + other + CANARIES["one"].encode()) == {"one", "two"}


def test_what_holds_none_is_no_hit() -> None:
    assert SEARCH.hits(b"") == set()
    assert SEARCH.hits(make_canary("three").encode() * 50) == set()
    assert SEARCH.hits(CANARIES["one"][4:10].encode()) == set()
