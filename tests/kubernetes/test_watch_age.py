"""The truth of the watches: what is held against what is listed, and what follows from a difference that lasts."""

import pytest

from fairlead_operator.handlers.watch_age import Finding, WatchAge


def compared(listed: dict[str, int], held: dict[str, int], *times: float, at_version: int = 100) -> WatchAge:
    age = WatchAge()
    for now in times:
        age.compare("RoutePolicy", listed, at_version, held, now)
    return age


def test_equal_contents_are_true() -> None:
    assert compared({"a/x": 5}, {"a/x": 5}, 0.0).finding(0.0) is Finding.TRUE


def test_newer_state_than_the_list_is_no_difference() -> None:
    assert compared({"a/x": 5}, {"a/x": 6, "a/new": 120}, 0.0, 300.0).finding(300.0) is Finding.TRUE


@pytest.mark.parametrize(
    ("listed", "held"),
    [({"a/x": 5}, {"a/x": 4}), ({"a/x": 5}, {}), ({}, {"a/x": 5})],
    ids=["missed edit", "missed creation", "missed deletion"],
)
@pytest.mark.parametrize(
    ("lasted", "finding"),
    [(0.0, Finding.BEHIND), (29.0, Finding.BEHIND), (30.0, Finding.RELIST), (180.0, Finding.END)],
)
def test_difference_is_judged_by_how_long_it_lasts(
    listed: dict[str, int], held: dict[str, int], lasted: float, finding: Finding
) -> None:
    assert compared(listed, held, 0.0, lasted).finding(lasted) is finding


def test_difference_that_goes_away_is_forgotten() -> None:
    age = compared({"a/x": 5}, {"a/x": 4}, 0.0)
    age.compare("RoutePolicy", {"a/x": 5}, 100, {"a/x": 5}, 60.0)
    assert age.finding(60.0) is Finding.TRUE


def test_object_that_changes_all_the_time_but_is_followed_is_not_old() -> None:
    age = WatchAge()
    for step in range(20):
        age.compare("RoutePolicy", {"a/x": step + 1}, 100, {"a/x": step}, step * 15.0)
    assert age.age(300.0) == 15.0


def test_kinds_do_not_answer_for_each_other() -> None:
    age = compared({"a/x": 5}, {}, 0.0)
    age.compare("ModelProvider", {}, 100, {}, 60.0)
    assert age.finding(60.0) is Finding.RELIST
    assert age.examples() == ["RoutePolicy/a/x"]
