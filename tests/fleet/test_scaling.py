"""Scaling by calls in flight: up at once, down after five minutes, never beyond the bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_operator.fleet.scaling import Scale, first_scale, next_scale
from fairlead_operator.resources.gateway import ReplicasSpec

SPEC = ReplicasSpec.model_validate({"min": 2, "max": 6, "targetInFlight": 10})


def test_more_calls_add_proxies_at_once() -> None:
    assert next_scale(Scale(2), SPEC, [25, 20], now=0.0).replicas == 5


def test_fewer_calls_take_none_away_before_five_minutes() -> None:
    falling = next_scale(Scale(5), SPEC, [1, 1, 1, 1, 1], now=0.0)
    assert next_scale(falling, SPEC, [1, 1, 1, 1, 1], now=299.0).replicas == 5


def test_after_five_minutes_the_highest_need_of_that_time_decides() -> None:
    scale = next_scale(Scale(5), SPEC, [0], now=0.0)
    scale = next_scale(scale, SPEC, [35], now=100.0)
    scale = next_scale(scale, SPEC, [0], now=300.0)
    assert scale.replicas == 4


def test_a_peak_starts_the_five_minutes_anew() -> None:
    scale = next_scale(Scale(5), SPEC, [0], now=0.0)
    scale = next_scale(scale, SPEC, [50], now=200.0)
    scale = next_scale(scale, SPEC, [0], now=250.0)
    assert next_scale(scale, SPEC, [0], now=400.0).replicas == 5


def test_proxy_that_was_not_heard_counts_as_loaded() -> None:
    scale = Scale(3)
    for now in (0.0, 400.0, 800.0):
        scale = next_scale(scale, SPEC, [None, None, None], now=now)
    assert scale.replicas == 3


@pytest.mark.parametrize(("running", "wanted"), [(0, 2), (4, 4), (9, 6)])
def test_an_operator_that_starts_keeps_what_runs_within_the_bounds(running: int, wanted: int) -> None:
    assert first_scale(SPEC, running).replicas == wanted


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0.0, 600.0)), max_size=30))
def test_replicas_never_leave_the_bounds(steps: list[tuple[int, float]]) -> None:
    scale, now = first_scale(SPEC, 0), 0.0
    for load, wait in steps:
        now += wait
        scale = next_scale(scale, SPEC, [load], now)
        assert SPEC.min <= scale.replicas <= SPEC.max
