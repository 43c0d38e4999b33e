"""The threat model names tests for each promise and each attack, and those tests exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "threat-model.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PROMISES = [str(number) for number in range(1, 11)]
ATTACKS = [f"T{number}" for number in (*range(1, 9), 10, 11, 13, 15)]
UNPROVED = ["T9", "T12", "T14"]


def rows() -> Iterator[tuple[str, str]]:
    """Yield the first cell and the last one of each row."""
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and re.fullmatch(r"T?\d+", cells[0]):
            yield cells[0], cells[3]


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(PAGE.read_text()))))
def test_a_test_that_the_page_names_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_promise_and_every_attack_has_one_row_with_a_test() -> None:
    assert [first for first, _ in rows()] == [*PROMISES, *ATTACKS]
    assert [first for first, last in rows() if not NAMED.search(last)] == []


def test_what_no_test_proves_is_said_and_has_no_row() -> None:
    _, _, unproved = PAGE.read_text().partition("## What no test proves yet")
    assert sorted(re.findall(r"\bT\d+\b", unproved)) == sorted(UNPROVED)


def test_the_page_on_security_leads_to_it() -> None:
    assert "(docs/reference/threat-model.md)" in (ROOT / "SECURITY.md").read_text()
