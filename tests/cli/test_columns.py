"""The table of `fairlead get` is that of kubectl."""

from typing import Any

import pytest

from fairlead_operator.cli.columns import human_age, render_table, table_of, value_at
from fairlead_operator.resources.meta import Kind
from fairlead_operator.resources.schema import KINDS, Column

PROVIDER: dict[str, Any] = {
    "metadata": {"name": "fast", "namespace": "team", "creationTimestamp": "2026-11-22T10:00:00Z"},
    "spec": {"type": "Simulated"},
    "status": {
        "conditions": [
            {"type": "Accepted", "status": "True"},
            {"type": "Ready", "status": "False", "reason": "SecretNotFound"},
        ],
        "health": {"state": "Degraded", "since": "2026-11-22T10:01:00Z"},
        "dependents": {"policies": 3},
    },
}
NOW = 1_795_341_725.0
"""2026-11-22T10:02:05Z."""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (599, "9m59s"),
        (600, "10m"),
        (3599, "59m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (11_220, "3h7m"),
        (28_800, "8h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (187_200, "2d4h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (252_288_000, "8y"),
    ],
)
def test_an_age_is_written_as_kubectl_writes_it(seconds: float, text: str) -> None:
    assert human_age(seconds) == text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".spec.type", "Simulated"),
        ('.status.conditions[?(@.type=="Ready")].reason', "SecretNotFound"),
        ('.status.conditions[?(@.type=="Healthy")].status', None),
        (".status.conditions[0].type", "Accepted"),
        (".status.conditions[9].type", None),
        (".status.rules[0].active", None),
        (".spec.type.below", None),
    ],
)
def test_a_path_finds_the_value_or_nothing(path: str, value: object) -> None:
    assert value_at(PROVIDER, path) == value


def test_every_printer_column_has_a_path_that_is_understood() -> None:
    paths = [column.path for facts in KINDS.values() for column in facts.columns]
    assert [value_at({}, path) for path in paths] == [None] * len(paths)


def test_the_columns_are_those_of_the_definition() -> None:
    columns = KINDS[Kind.MODEL_PROVIDER].columns
    assert table_of(columns, [PROVIDER], now=NOW, wide=False, namespaces=False) == [
        ["NAME", "TYPE", "READY", "HEALTH", "SINCE", "TTFT-P95", "USED-BY", "AGE"],
        ["fast", "Simulated", "False", "Degraded", "65s", "", "3", "2m5s"],
    ]


def test_wide_columns_and_namespaces_are_shown_when_asked_for() -> None:
    rows = table_of(KINDS[Kind.MODEL_PROVIDER].columns, [PROVIDER], now=NOW, wide=True, namespaces=True)
    assert rows[0][:2] == ["NAMESPACE", "NAME"]
    assert rows[1][rows[0].index("REASON")] == "SecretNotFound"


def test_each_column_is_as_wide_as_its_longest_cell() -> None:
    assert render_table([["NAME", "AGE"], ["a-long-name", "5s"]]) == "NAME          AGE\na-long-name   5s\n"


def test_a_date_that_is_none_is_shown_as_invalid() -> None:
    column = Column("Since", ".spec.type", "date")
    assert table_of([column], [PROVIDER], now=NOW, wide=False, namespaces=False)[1] == ["fast", "<invalid>"]
