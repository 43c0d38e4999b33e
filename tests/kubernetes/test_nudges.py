"""Nudging the pods of a fleet: at once, again until they acknowledge, and in rounds that are not too frequent."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_operator.cluster.nudges import Nudges

PODS = ["a", "b", "c"]


def wanting(pods: list[str] = PODS) -> Nudges:
    """Return nudges whose first round, over all pods, is done."""
    nudges = Nudges()
    nudges.want("r-1")
    nudges.due(pods, [], 0.0)
    return nudges


def test_nothing_is_nudged_before_something_is_published() -> None:
    assert Nudges().due(PODS, [], 0.0) == ([], None)


def test_everything_that_is_there_is_nudged_at_once() -> None:
    nudges = Nudges()
    nudges.want("r-1")
    assert nudges.due(PODS, [], 0.0) == (PODS, 2.0)


def test_pod_that_serves_it_already_is_left_alone() -> None:
    nudges = Nudges()
    nudges.want("r-1")
    assert nudges.due(PODS, ["a", "c"], 0.0)[0] == ["b"]


def test_silent_pod_is_nudged_again_after_2_4_8_up_to_60_seconds() -> None:
    nudges = wanting()
    times = []
    now = 0.0
    for _ in range(8):
        _, again = nudges.due(["a"], [], now)
        assert again is not None
        now = again
        times.append(now)
    assert times == [2.0, 6.0, 14.0, 30.0, 62.0, 122.0, 182.0, 242.0]


def test_acknowledgement_ends_it() -> None:
    nudges = wanting()
    assert nudges.due(PODS, PODS, 5.0) == ([], None)


MANY_PODS = [f"pod-{number:02}" for number in range(40)]


@pytest.mark.parametrize(("pods", "pause"), [(PODS, 0.25), (MANY_PODS[:10], 0.5), (MANY_PODS, 1.0)])
def test_second_edit_waits_for_the_end_of_a_pause_that_grows_with_the_fleet(pods: list[str], pause: float) -> None:
    nudges = wanting(pods)
    nudges.want("r-2")
    assert nudges.due(pods, [], pause / 2) == ([], pause)
    assert nudges.due(pods, [], pause)[0] == pods


def test_pod_that_comes_later_gets_time_to_say_what_it_has_mounted() -> None:
    nudges = wanting()
    assert "d" not in nudges.due([*PODS, "d"], PODS, 10.0)[0]
    assert nudges.due([*PODS, "d"], PODS, 12.0)[0] == ["d"]


@given(st.lists(st.tuples(st.floats(0.01, 3.0), st.booleans()), max_size=60), st.integers(1, len(MANY_PODS)))
def test_rounds_are_a_quarter_of_a_second_apart_and_a_second_in_a_large_fleet(
    steps: list[tuple[float, bool]], size: int
) -> None:
    nudges, now, rounds = Nudges(), 0.0, [float("-inf")]
    for number, (wait, edit) in enumerate(steps):
        now += wait
        nudges.want(f"r-{number}" if edit else "r")
        due, _ = nudges.due(MANY_PODS[:size], [], now)
        rounds += [now] * bool(due)
    pause = 1.0 if size >= 20 else max(0.25, size / 20)
    assert all(later - earlier >= pause for earlier, later in pairwise(rounds))
