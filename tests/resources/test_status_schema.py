"""What the operator writes to status is what the definitions allow: the statuses of the golden cases are held to it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from fairlead_operator.resources.status_schema import (
    CommonStatus,
    ModelGatewayStatus,
    ModelProviderStatus,
    RoutePolicyStatus,
)

CASES = Path(__file__).parents[1] / "cases" / "status"
MODELS: dict[str, type[CommonStatus]] = {
    "provider": ModelProviderStatus,
    "policy": RoutePolicyStatus,
    "gateway": ModelGatewayStatus,
}


def statuses_of(kind: str) -> Iterator[Any]:
    for path in sorted(CASES.glob(f"{kind}-*.out.yaml")):
        yield from (step["status"] for step in yaml.safe_load(path.read_text()) if isinstance(step["status"], dict))


@pytest.mark.parametrize("kind", sorted(MODELS))
def test_every_status_of_the_cases_fits(kind: str) -> None:
    statuses = list(statuses_of(kind))
    assert statuses
    for status in statuses:
        MODELS[kind].model_validate_json(json.dumps(status), strict=True)


def test_a_status_with_a_field_that_users_could_not_see_is_refused() -> None:
    with pytest.raises(ValidationError, match="helth"):
        ModelProviderStatus.model_validate({"helth": {}})
