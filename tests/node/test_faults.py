"""Providers break in seven ways on a real node: every call is answered all the same, and status says what is wrong."""

from collections.abc import Iterator, Mapping

import pytest
from cluster.binaries import locate
from cluster.helm import Helm
from doubles.figures import Figures
from node.faults import BATCHES, CALLS_PER_SECOND, FAULTS, WELL, Fault, Outcome, experiment
from node.fleet import Fleet, installed
from node.node import Node


@pytest.fixture(scope="module")
def fleet(node: Node) -> Iterator[Fleet]:
    """A release for the experiment."""
    with installed(node, Helm(locate("helm")["helm"], node.kubectl.kubeconfig)) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def outcomes(fleet: Fleet) -> Mapping[str, Outcome]:
    """What happened, by fault."""
    found: dict[str, Outcome] = {}
    for faults in BATCHES:
        found |= experiment(fleet, faults)
    print(fleet.diagnosis())
    return found


def name_of(fault: Fault) -> str:
    """Return what a fault is called."""
    return fault.name


each_fault = pytest.mark.parametrize("fault", FAULTS, ids=name_of)


@each_fault
def test_every_call_is_answered_by_an_allowed_target(
    fault: Fault, outcomes: Mapping[str, Outcome], fleet: Fleet
) -> None:
    outcome = outcomes[fault.name]
    assert outcome.failures == []
    assert outcome.answered > 60 * CALLS_PER_SECOND
    assert outcome.by <= {f"{fleet.namespace}/{fault.name}", f"{fleet.namespace}/{WELL}"}


@each_fault
def test_the_callers_themselves_kept_their_pace(fault: Fault, outcomes: Mapping[str, Outcome]) -> None:
    assert outcomes[fault.name].callers_late < 2


@each_fault
def test_the_fault_had_an_effect(fault: Fault, outcomes: Mapping[str, Outcome]) -> None:
    assert outcomes[fault.name].had_effect > 0


@each_fault
def test_status_tells_the_fault_with_its_reason_in_under_ten_seconds(
    fault: Fault, outcomes: Mapping[str, Outcome], figures: Figures
) -> None:
    outcome = outcomes[fault.name]
    assert outcome.told_after is not None, outcome.last_status
    figures.hold(f"{fault.name}: from the fault to its reason in status", outcome.told_after, bound=10.0)


@each_fault
def test_status_tells_within_thirty_seconds_that_it_is_healed(
    fault: Fault, outcomes: Mapping[str, Outcome], figures: Figures
) -> None:
    outcome = outcomes[fault.name]
    assert outcome.healed_after is not None, outcome.last_status
    figures.hold(f"{fault.name}: from the healing to True in status", outcome.healed_after, bound=30.0)
