"""What status, providers, routes and top make of a fleet in many states: each table as it stands beside the case."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import yaml
from docs.fences import GUIDES
from doubles.case_files import CASES, input_of

from fairlead_operator.cli.answer import Answer
from fairlead_operator.cli.cluster_options import Shape
from fairlead_operator.cli.provider_view import provider_answer
from fairlead_operator.cli.route_view import route_answer
from fairlead_operator.cli.status_view import SHOWN, status_answer
from fairlead_operator.cli.top_view import top_providers, top_teams

Json = dict[str, Any]

NOW = datetime.fromisoformat("2026-11-27T10:42:00+00:00").timestamp()
FLEET: list[Json] = yaml.safe_load(input_of("kubectl", "fleet").read_text())


def of(kind: str, contents: list[Json] = FLEET) -> list[Json]:
    return [content for content in contents if content["kind"] == kind]


def status(contents: list[Json] = FLEET) -> Answer:
    kinds = (of(kind, contents) for kind in ("ModelGateway", "ModelProvider", "RoutePolicy"))
    gateways, providers, policies = kinds
    return status_answer(gateways, providers, policies, now=NOW, namespaces=True)


ANSWERS: dict[str, Callable[[], Answer]] = {
    "status": status,
    "providers": lambda: provider_answer(of("ModelProvider"), now=NOW, namespaces=True),
    "routes": lambda: route_answer(of("RoutePolicy"), namespaces=True),
    "top-providers": lambda: top_providers(of("ModelProvider"), now=NOW, namespaces=True),
    "top-teams": lambda: top_teams(of("RoutePolicy"), now=NOW),
}


@pytest.mark.parametrize("command", ANSWERS)
def test_a_command_prints_the_table_that_stands_beside_the_case(command: str) -> None:
    printed = ANSWERS[command]().render(Shape.TABLE)
    expected = CASES / "kubectl" / f"fleet.{command}.txt"
    if os.environ.get("UPDATE_CASES") == "1":
        expected.write_text(printed)
    assert printed == expected.read_text()


@pytest.mark.parametrize("command", ANSWERS)
def test_yaml_and_json_say_the_same(command: str) -> None:
    answer = ANSWERS[command]()
    assert yaml.safe_load(answer.render(Shape.YAML)) == yaml.safe_load(answer.render(Shape.JSON)) == answer.document


def test_names_are_those_that_kubectl_takes() -> None:
    assert ANSWERS["routes"]().render(Shape.NAME).splitlines() == [
        "routepolicy.fairlead.dev/bot",
        "routepolicy.fairlead.dev/search",
        "routepolicy.fairlead.dev/wrong",
        "routepolicy.fairlead.dev/never-looked-at",
    ]


def test_the_names_of_a_status_are_the_gateways_and_what_is_not_well() -> None:
    assert status().render(Shape.NAME).splitlines() == [
        "modelgateway.fairlead.dev/main",
        "modelgateway.fairlead.dev/spare",
        "modelprovider.fairlead.dev/openai",
        "modelprovider.fairlead.dev/vllm",
        "routepolicy.fairlead.dev/bot",
        "routepolicy.fairlead.dev/wrong",
        "routepolicy.fairlead.dev/never-looked-at",
    ]


def test_a_namespace_with_nothing_in_it_is_told_in_words() -> None:
    lines = status([]).text.splitlines()
    assert [line.split("  ")[0] for line in lines if "none here" in line] == ["GATEWAYS", "PROVIDERS", "POLICIES"]


def test_only_some_of_many_that_are_not_well_are_named_and_the_others_counted() -> None:
    [ailing] = [each for each in FLEET if each["metadata"]["name"] == "vllm"]
    many = [{**ailing, "metadata": {**ailing["metadata"], "name": f"vllm-{number}"}} for number in range(SHOWN + 3)]
    text = status(many).text
    assert f"vllm-{SHOWN - 1} " in text
    assert f"vllm-{SHOWN} " not in text
    assert "  and 3 more: fairlead providers\n" in text


def test_a_status_of_an_older_generation_is_not_well_and_says_so() -> None:
    [search] = [each for each in FLEET if each["metadata"]["name"] == "search"]
    edited = {**search, "metadata": {**search["metadata"], "generation": 4}}
    assert status([edited]).document["policies"]["notWell"][0]["why"] == "the status speaks of an older generation"
    assert route_answer([edited], namespaces=False).document["rules"][0]["why"].startswith("the status speaks of")


def test_currencies_are_never_added_up_and_the_common_one_sorts() -> None:
    names = [each["name"] for each in ANSWERS["top-providers"]().document["providers"]]
    assert names == ["anthropic", "openai", "vllm"]
    assert ANSWERS["top-providers"]().document["providers"][0]["cost"] == [
        {"currency": "EUR", "amount": "1.5"},
        {"currency": "USD", "amount": "31"},
    ]


def test_what_was_used_on_another_day_is_not_of_today() -> None:
    [vllm] = [each for each in ANSWERS["top-providers"]().document["providers"] if each["name"] == "vllm"]
    assert (vllm["inputTokens"], vllm["unpricedAttempts"]) == (0, 0)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("providers -n ai", lambda: provider_answer(own("ModelProvider", "ai"), now=NOW, namespaces=False)),
        ("routes -n team-a", lambda: route_answer(own("RoutePolicy", "team-a"), namespaces=False)),
    ],
)
def test_the_guide_shows_what_a_command_prints(command: str, answer: Callable[[], Answer]) -> None:
    assert f"$ kubectl fairlead {command}\n{answer().text}" in (GUIDES / "kubectl.md").read_text()


def own(kind: str, namespace: str) -> list[Json]:
    """Return the objects of a namespace in the order of an API server."""
    found = [each for each in of(kind) if each["metadata"]["namespace"] == namespace]
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))
