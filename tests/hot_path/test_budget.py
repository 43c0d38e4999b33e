"""A call does no more than the budget of the hot path says: counted, and so the same on every machine.

In the lane of the compiled proxy this is not among the rooms: compiled functions tell nobody that they are called.
"""

import sys

import pytest
from hot_path.budget import Budget, Counts, count, excess, leeway, read_budget, read_places
from hot_path.counting import MEASURES
from hot_path.scripts import SCRIPTS

counted_on_3_11 = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="each version counts differently; the budget is CPython 3.11's"
)
each_measure = pytest.mark.parametrize("what", MEASURES)
each_script = pytest.mark.parametrize("script", SCRIPTS)


@pytest.fixture(scope="module")
def counts() -> Counts:
    return count()


@pytest.fixture(scope="module")
def budget(counts: Counts) -> Budget:
    return read_budget(counts)


@counted_on_3_11
@each_measure
@each_script
def test_script_does_no_more_than_its_budget(counts: Counts, budget: Budget, script: str, what: str) -> None:
    before = read_places()[script].get(what, {})
    too_much = excess(what, counts[script][what], budget[script][what], before)
    assert not too_much, too_much


@counted_on_3_11
@each_measure
@each_script
def test_budget_is_close_to_what_is_done(counts: Counts, budget: Budget, script: str, what: str) -> None:
    too_little = leeway(what, counts[script][what], budget[script][what])
    assert not too_little, too_little


@counted_on_3_11
def test_budget_is_for_every_script_and_nothing_else(budget: Budget) -> None:
    assert {script: tuple(most) for script, most in budget.items()} == dict.fromkeys(SCRIPTS, MEASURES)


def test_excess_says_what_has_grown_and_where_the_most_is_done() -> None:
    places = {"a.py rarely": 1, "b.py often": 9}
    before = {"a.py rarely": 2, "b.py often": 9, "c.py gone": 1}
    assert excess("entered", places, 10, before) == ""
    assert excess("entered", {**places, "d.py new": 2}, 11, before).splitlines() == [
        "entered: 12, and the budget is 11. Do less, or raise it in budget.yaml and say why.",
        "since the budget was written:",
        "    +2  d.py new",
        "    -1  a.py rarely",
        "    -1  c.py gone",
        "in all:",
        "     9  b.py often",
        "     2  d.py new",
        "     1  a.py rarely",
    ]


def test_memory_has_a_little_slack_and_calls_have_none() -> None:
    places = {"a.py all": 101}
    assert excess("taken", places, 100, {}) == ""
    assert excess("called", places, 100, {}) != ""


def test_a_gain_of_more_than_a_tenth_is_to_be_locked_in() -> None:
    assert leeway("called", {"a.py all": 90}, 100) == ""
    assert leeway("called", {"a.py all": 89}, 100).startswith("called: only 89, and the budget is 100.")
