"""Figures of several rounds: what they come to, and how they read."""

import math

import pytest

from fairlead_bench.results import Results, spread
from fairlead_bench.tables import number, table
from fairlead_bench.workloads.workload import CPU, GAUGE, Figures, Workload

COSTS = ((100.0, 1000.0), (300.0, 3000.0), (110.0, 1000.0))
WORKLOAD = Workload("W0", "A test", (CPU, "word"), lambda *_: {}, cost=CPU)


def measured(**targets: tuple[tuple[float, float], ...]) -> Results:
    results = Results()
    for name, rounds in targets.items():
        for cpu, gauge in rounds:
            results.add(name, {CPU: cpu, GAUGE: gauge})
    return results


def test_a_ratio_compares_what_was_measured_in_the_same_round() -> None:
    twice = tuple((2 * cpu, gauge) for cpu, gauge in COSTS)
    assert measured(envoy=COSTS, ours=twice).ratio("ours", "envoy", CPU) == 2.0


def test_the_gauge_takes_a_slow_minute_out_of_a_ratio() -> None:
    slow = tuple((3 * cpu, 3 * gauge) for cpu, gauge in COSTS)
    results = measured(envoy=COSTS, ours=slow)
    assert results.ratio("ours", "envoy", CPU, by_gauge=True) == pytest.approx(1.0)


def test_there_is_no_ratio_to_a_target_that_was_not_measured() -> None:
    assert measured(ours=COSTS).ratio("ours", "envoy", CPU) is None


def test_a_round_that_failed_does_not_shift_those_after_it() -> None:
    results = measured(envoy=COSTS)
    results.add("ours", {})
    for cpu, gauge in COSTS[1:]:
        results.add("ours", {CPU: 4 * cpu, GAUGE: gauge})
    assert results.ratio("ours", "envoy", CPU) == 4.0


def test_a_spread_is_least_median_and_most() -> None:
    assert spread([3.0, 1.0, 2.0]) == (1.0, 2.0, 3.0)


@pytest.mark.parametrize(
    ("value", "text"), [(1234.6, "1,235"), (12.34, "12.3"), (1.234, "1.23"), (0.0, "0"), (math.nan, "–")]
)
def test_a_number_has_as_many_digits_as_are_worth_reading(value: float, text: str) -> None:
    assert number(value) == text


def test_a_table_shows_ratios_spreads_and_words() -> None:
    results = measured(envoy=COSTS)
    words: Figures = {CPU: 50.0, GAUGE: 500.0, "word": "all of it"}
    results.add("ours", words)
    assert table(WORKLOAD, results).splitlines()[-1] == "| ours | 0.50 | 1 | 50 | all of it |"


def test_a_table_says_why_a_target_is_absent() -> None:
    results = measured(envoy=COSTS)
    results.absent["ours"] = "it did not start"
    assert table(WORKLOAD, results).endswith("ours: it did not start")
