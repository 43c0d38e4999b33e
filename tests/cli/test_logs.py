"""Log lines: one event, one line, with its facts, for people or for machines."""

import json
import logging
import sys

from fairlead_operator.cli.logs import JsonLines, TextLines


def record(level: int = logging.INFO, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("fairlead", level, __file__, 1, "condition changed", (), None)
    made.__dict__.update(facts)
    return made


def test_a_line_for_people_ends_with_the_facts() -> None:
    line = TextLines().format(record(object="ModelProvider a/b", status="False", detail=""))
    assert line.endswith(' info    condition changed  object="ModelProvider a/b"  status=False')


def test_a_fact_never_breaks_the_line() -> None:
    assert "\n" not in TextLines().format(record(detail="one\ntwo"))


def test_a_line_for_machines_is_json_with_the_facts_as_fields() -> None:
    line = json.loads(JsonLines().format(record(logging.WARNING, proxy="worker-0", exit_code=1)))
    assert (line["message"], line["level"], line["proxy"], line["exit_code"]) == (
        "condition changed",
        "warning",
        "worker-0",
        1,
    )


def test_an_exception_is_told_in_both() -> None:
    made = record()
    try:
        raise ValueError("of the test")
    except ValueError:
        made.exc_info = sys.exc_info()
    assert "ValueError: of the test" in TextLines().format(made)
    assert "ValueError: of the test" in json.loads(JsonLines().format(made))["exception"]
