"""What is told as an event: what turned bad, or good again, and each turn once."""

from typing import Any

import pytest

from fairlead_operator.happening import Happening
from fairlead_operator.status.happenings import happenings

Word = tuple[str, str, str]


def status(*conditions: Word) -> dict[str, Any]:
    return {
        "conditions": [
            {"type": kind, "status": truth, "reason": reason, "message": "why"} for kind, truth, reason in conditions
        ]
    }


SERVING: Word = ("Healthy", "True", "Serving")
LIMITED: Word = ("Healthy", "False", "RateLimited")
QUIET: Word = ("Healthy", "Unknown", "NoTraffic")


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [("Accepted", "False", "Invalid")], [Happening("Accepted", "Invalid", "why", bad=True)]),
        ([], [("Accepted", "True", "Accepted"), QUIET], []),
        ([SERVING], [LIMITED], [Happening("Healthy", "RateLimited", "why", bad=True)]),
        ([LIMITED], [LIMITED], []),
        ([LIMITED], [("Healthy", "False", "Unreachable")], [Happening("Healthy", "Unreachable", "why", bad=True)]),
        ([LIMITED], [SERVING], [Happening("Healthy", "Serving", "why", bad=False)]),
        ([SERVING], [QUIET], []),
        ([QUIET], [SERVING], []),
        ([LIMITED], [QUIET], []),
        ([], [("Programmed", "False", "Pending")], []),
        ([("Programmed", "False", "Pending")], [("Programmed", "True", "Programmed")], []),
        ([("Ready", "True", "Ready")], [("Ready", "False", "Invalid")], []),
        (
            [("Drained", "False", "InFlight")],
            [("Drained", "True", "Drained")],
            [Happening("Drained", "Drained", "why", bad=False)],
        ),
        ([("Drained", "True", "Drained")], [("Drained", "True", "Drained")], []),
        ([("Drained", "False", "Pending")], [("Drained", "False", "InFlight")], []),
    ],
)
def test_a_turn_is_told_and_a_state_is_not(before: list[Word], after: list[Word], told: list[Happening]) -> None:
    assert list(happenings(status(*before), status(*after))) == told
