"""Objects that the definitions accept or refuse, judged here by `parse_resource`; tests/cluster asks an API server.

The first line of a refused one, `# message:`, is what the API server must say. Where that is a rule of ours, we say
it in the same words; where the API server words it itself, a second line, `# problem:`, is ours.
"""

from pathlib import Path

import pytest

from fairlead_operator.resources.documents import read_documents
from fairlead_operator.resources.parse import parse_resource
from fairlead_operator.resources.rules import RULES

CASES = Path(__file__).parents[1] / "cases" / "crds"
ACCEPTED = sorted(CASES.glob("accept/*.yaml"))
REFUSED = sorted(CASES.glob("reject/*.yaml"))


def named(path: Path) -> str:
    return path.stem


def problems_of(path: Path) -> tuple[str, ...]:
    [document] = read_documents(path.read_text(), path.name)
    return parse_resource(document.content).problems


def expectations_of(path: Path) -> dict[str, str]:
    comments = [line[2:] for line in path.read_text().splitlines() if line.startswith("# ")]
    return dict(comment.split(": ", 1) for comment in comments)


@pytest.mark.parametrize("path", ACCEPTED, ids=named)
def test_what_the_definitions_accept_has_no_problem(path: Path) -> None:
    assert problems_of(path) == ()


@pytest.mark.parametrize("path", REFUSED, ids=named)
def test_what_the_definitions_refuse_has_one_problem_that_says_why(path: Path) -> None:
    expected = expectations_of(path)
    [problem] = problems_of(path)
    assert expected.get("problem", problem) == problem
    assert "problem" in expected or expected["message"] in problem


def test_every_rule_has_a_case_that_breaks_it() -> None:
    messages = {expectations_of(path)["message"] for path in REFUSED}
    assert {rule.message for rule in RULES} <= messages


def test_every_kind_is_accepted_at_its_smallest_and_whole() -> None:
    kinds = ("modelprovider", "routepolicy", "modelgateway")
    assert {f"{kind}-{size}" for kind in kinds for size in ("smallest", "whole")} <= {path.stem for path in ACCEPTED}
