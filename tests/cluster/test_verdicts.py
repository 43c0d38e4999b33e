"""The verdict of `fairlead validate` is the API server's: on every demand of every definition, at the same field.

Each field that we name is one that the API server names. It may name more: it goes on to the rules over fields whose
values it could not read, and says of them, too, that they are broken.
"""

import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster.breakages import Breakage, breakages_of, demands_of
from cluster.control_plane import ControlPlane

from fairlead_operator.resources.documents import read_documents
from fairlead_operator.resources.meta import API_VERSION, Kind
from fairlead_operator.resources.parse import parse_resource
from fairlead_operator.resources.schema import KINDS

CASES = Path(__file__).parents[1] / "cases" / "crds"
_UNKNOWN = re.compile(r'unknown field "([^"]+)"')

Fields = frozenset[str]
Judge = Callable[[dict[str, Any]], Fields]


def contents(folder: str, kind: Kind) -> dict[str, dict[str, Any]]:
    """Return the kept objects of a kind, by file name."""
    found = {}
    for path in sorted((CASES / folder).glob(f"{kind.lower()}-*.yaml")):
        [document] = read_documents(path.read_text(), path.name)
        found[path.stem] = document.content
    return found


def broken(kind: Kind) -> list[Breakage]:
    return list(breakages_of(kind, list(contents("accept", kind).values())).values())


@pytest.fixture(scope="module")
def api_server_verdict(crds: ControlPlane) -> Judge:
    """Ask the API server by a strict dry run; the answer names the fields at fault, none where it admits the object."""
    context = ssl.create_default_context(cafile=str(crds.authority.certificate))
    pki = crds.authority.directory
    context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def judge(content: dict[str, Any]) -> Fields:
        plural = KINDS[Kind(content["kind"])].plural
        request = urllib.request.Request(
            f"{crds.server}/apis/{API_VERSION}/namespaces/default/{plural}?dryRun=All&fieldValidation=Strict",
            data=json.dumps(content).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30.0, context=context):
                return frozenset()
        except urllib.error.HTTPError as error:
            return faults_told(json.load(error))

    return judge


def faults_told(answer: dict[str, Any]) -> Fields:
    """Return the fields that a refusal names; a note that rules were not looked at names none."""
    causes = answer.get("details", {}).get("causes", [])
    named = {cause["field"] for cause in causes if "were not checked" not in cause.get("message", "")}
    unknown = set(_UNKNOWN.findall(answer["message"]))
    assert named or unknown, answer
    return frozenset(named | unknown)


def our_verdict(content: dict[str, Any]) -> Fields:
    """Return the fields that `fairlead validate` names, in whose findings these lines stand as they are."""
    return frozenset(problem.partition(": ")[0] for problem in parse_resource(content).problems)


@pytest.mark.parametrize("kind", Kind)
def test_every_demand_of_the_definitions_is_broken_once(kind: Kind) -> None:
    assert demands_of(kind) - {breakage.demand for breakage in broken(kind)} == set()


@pytest.mark.parametrize("kind", Kind)
def test_what_breaks_one_demand_is_refused_by_both_at_the_same_field(kind: Kind, api_server_verdict: Judge) -> None:
    verdicts = [(each.demand, our_verdict(each.content), api_server_verdict(each.content)) for each in broken(kind)]
    assert len(verdicts) > 100
    assert [verdict for verdict in verdicts if not verdict[1] or not verdict[1] <= verdict[2]] == []


@pytest.mark.parametrize("kind", Kind)
def test_what_breaks_a_rule_over_several_fields_is_refused_by_both_at_the_same_field(
    kind: Kind, api_server_verdict: Judge
) -> None:
    cases = contents("reject", kind)
    verdicts = {name: (our_verdict(content), api_server_verdict(content)) for name, content in cases.items()}
    assert {name: each for name, each in verdicts.items() if not each[0] or each[0] != each[1]} == {}


@pytest.mark.parametrize("kind", Kind)
def test_what_is_good_is_admitted_by_both(kind: Kind, api_server_verdict: Judge) -> None:
    for content in contents("accept", kind).values():
        assert (our_verdict(content), api_server_verdict(content)) == (frozenset(), frozenset())
