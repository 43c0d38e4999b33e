"""Every case in tests/cases/status: verdicts and reports in, the statuses that users read out."""

from typing import Any

import pytest
import yaml
from doubles.case_files import case_names, expected_output, input_of
from doubles.status_passes import run_passes

from fairlead_operator.resources.status_schema import (
    CommonStatus,
    ModelGatewayStatus,
    ModelProviderStatus,
    RoutePolicyStatus,
)

SCHEMAS: dict[str, type[CommonStatus]] = {
    "ModelProvider": ModelProviderStatus,
    "RoutePolicy": RoutePolicyStatus,
    "ModelGateway": ModelGatewayStatus,
}


def read_passes(name: str) -> Any:
    return yaml.safe_load(input_of("status", name).read_text())


@pytest.mark.parametrize("name", case_names("status"))
def test_case_gives_its_statuses(name: str) -> None:
    actual = run_passes(read_passes(name))
    assert actual == expected_output("status", name, actual)


@pytest.mark.parametrize("name", case_names("status"))
def test_every_status_fits_the_schema_that_users_install(name: str) -> None:
    case = read_passes(name)
    written = [each["status"] for each in run_passes(case) if isinstance(each["status"], dict)]
    assert written
    for status in written:
        SCHEMAS[case["verdict"]["kind"]].model_validate(status)
