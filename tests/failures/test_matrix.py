"""The failure matrix: every failure in every dialect and mode, seen by callers of every dialect for what it is.

What a run sees stands in docs/reference/failures.md, and is compared with it here. `make failures` writes it anew:
this file's tests with WRITE_FAILURES in the environment, one after the other, since the last one reads it whole.
"""

from collections.abc import Iterator

import pytest
from doubles.processes import eventually
from failures.demands import faults_of
from failures.house import MatrixHouse, matrix_house
from failures.manifests import cells_of
from failures.page import PAGE, differences, read_page, rendered, rows_of
from failures.table import FAILURES, Failure

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
"""google-genai makes such a class."""

SAMPLE = {
    "connection-refused": "Unreachable",
    "stall-in-body": "TimingOut",
    "bad-gateway": "Failing",
    "cut-after": "Failing",
    "bedrock-throttled": "RateLimited",
    "openai-insufficient-quota": "QuotaExhausted",
    "gemini-invalid-key": "CredentialRejected",
    "anthropic-no-model": "ModelUnavailable",
}
"""One failure or two for each reason of `Healthy`."""
BLAMELESS = ("responses-too-long", "azure-content-filter", "gemini-invalid", "slivers")


@pytest.fixture(scope="session")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MatrixHouse]:
    with matrix_house(tmp_path_factory.mktemp("matrix"), FAILURES) as running:
        yield running


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_a_failure_is_seen_for_what_it_is_and_as_the_page_says(matrix: MatrixHouse, failure: Failure) -> None:
    seen = matrix.see(failure)
    faults = faults_of(seen)
    assert not faults, "\n".join(faults)
    changed = differences(rows_of(failure, seen))
    assert not changed, "\n".join(changed)


def test_the_page_holds_every_failure_and_no_other() -> None:
    rows = read_page()
    assert {failure.name for failure in FAILURES} <= rows.keys()
    assert PAGE.read_text() == rendered(rows)


def test_status_says_what_the_matrix_saw(tmp_path_factory: pytest.TempPathFactory) -> None:
    sample = [failure for failure in FAILURES if failure.name in SAMPLE or failure.name in BLAMELESS]
    with matrix_house(tmp_path_factory.mktemp("status"), sample) as house:
        for failure in sample:
            house.see(failure)
        expected = {
            cell.place: SAMPLE[failure.name]
            for failure in sample
            if failure.name in SAMPLE
            for cell in cells_of(failure)
        }
        eventually(lambda: {place: _reason_of_ill_health(house, place) for place in expected} == expected, within=30)
        blameless = {cell.place for failure in sample if failure.name in BLAMELESS for cell in cells_of(failure)}
        assert {_reason_of_ill_health(house, place) for place in blameless} == {""}


def _reason_of_ill_health(house: MatrixHouse, place: str) -> str:
    healthy = house.gateway.condition("ModelProvider", "default", place, "Healthy")
    return str(healthy["reason"]) if healthy.get("status") == "False" else ""
