"""The goals: each reads its figure, and a bound that is missed is called so."""

import pytest

from fairlead_bench.goals import GOALS, Goal, readings
from fairlead_bench.results import Results
from fairlead_bench.workloads.registry import WORKLOADS
from fairlead_bench.workloads.workload import CPU, GAUGE


def of_envoy(cpu: float) -> Results:
    results = Results()
    results.add("envoy", {CPU: 100.0, GAUGE: 1.0})
    results.add("fairlead", {CPU: cpu, GAUGE: 1.0, "idle MiB": 50.0})
    return results


@pytest.mark.parametrize(("cpu", "kept"), [(99.0, True), (101.0, False)])
def test_a_plain_call_may_cost_what_it_costs_envoy(cpu: float, kept: bool) -> None:
    found = {reading.goal.what: reading.kept for reading in readings({"W1": of_envoy(cpu)})}
    assert found["CPU of a plain call, ÷ Envoy"] is kept


def test_a_goal_without_a_figure_is_left_out() -> None:
    assert readings({"W4": Results()}) == []


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: f"{goal.workload} {goal.what}")
def test_every_goal_is_of_a_workload_and_has_one_bound(goal: Goal) -> None:
    assert goal.workload in WORKLOADS
    assert (goal.most is None) != (goal.least is None)
