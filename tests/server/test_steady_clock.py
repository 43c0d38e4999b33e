"""The clock of breakers and records."""

import time

import pytest

from fairlead_proxy.server.steady_clock import steady_clock


class Hands:
    """Two clocks that a test sets."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.steady = 500.0


@pytest.mark.parametrize("step", [-3600.0, 0.0, 3600.0])
def test_a_step_of_the_wall_clock_does_not_move_it(step: float) -> None:
    hands = Hands()
    clock = steady_clock(lambda: hands.wall, lambda: hands.steady)
    hands.wall += 10.0 + step
    hands.steady += 10.0
    assert clock() == 1_700_000_010.0


def test_it_starts_with_the_wall_clock() -> None:
    assert steady_clock()() == pytest.approx(time.time(), abs=1.0)
