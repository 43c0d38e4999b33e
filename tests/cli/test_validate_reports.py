"""`fairlead validate` in the shapes of other programs, at the place of each fault, and past the first fault."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from doubles.command_line import invoke

from fairlead_operator.resources.documents import read_documents
from fairlead_operator.resources.parse import parse_resource

REFUSED = sorted((Path(__file__).parents[1] / "cases" / "crds" / "reject").glob("*.yaml"))

FAULTS = """apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab}
spec:
  type: OpenAI
  credentials:
  - name: main
    secretRef: {name: lab, key: apiKey}
  models: [{name: a}]
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: bot}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules:
  - name: usual
    match: [{models: [clever]}]
    route:
      targets:
      - {provider: {name: lab}, model: a}
    resilience: {retry: {backoff: {base: 3s, max: 2s}}}
"""


@pytest.fixture
def faults(tmp_path: Path) -> Path:
    path = tmp_path / "two words.yaml"
    path.write_text(FAULTS)
    return path


def findings_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(invoke("validate", path, "-o", "json").stdout)
    return found


def test_paths_may_stand_without_an_option(source: Path) -> None:
    result = invoke("validate", source)
    assert (result.exit_code, result.stdout) == (0, "3 objects: nothing to complain about\n")


def test_each_fault_is_found_at_its_own_line_and_column(faults: Path) -> None:
    places = [(each["field"], each["line"], each["column"]) for each in findings_of(faults)]
    assert places == [
        ("spec.credentials[main].secretRef", 8, 5),
        ("spec.rules", 17, 3),
        ("spec.rules[0].resilience.retry.backoff.base", 23, 36),
    ]


def test_each_absent_target_is_a_finding_of_its_own(source: Path) -> None:
    text = source.read_text().replace("provider: {name: slow}", "provider: {name: gone}")
    source.write_text(text)
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "provider: {name: gone}" in line]
    assert [each["line"] for each in findings_of(source)] == lines
    assert {each["reason"] for each in findings_of(source)} == {"PartiallyResolved"}


def test_json_files_have_places_too(tmp_path: Path) -> None:
    content = {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": {"name": "lab"},
        "spec": {"type": "Simulated", "models": [{"name": "a"}, {"name": "a/b"}]},
    }
    path = tmp_path / "lab.json"
    path.write_text(json.dumps(content, indent=2))
    [finding] = findings_of(path)
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if '"a/b"' in text)
    assert (finding["field"], finding["line"], finding["column"]) == ("spec.models[1].name", line, 9)


def test_a_name_that_yaml_reads_as_true_hides_nothing_of_its_document_or_file(tmp_path: Path) -> None:
    path = tmp_path / "y.yaml"
    path.write_text(
        FAULTS.replace("metadata: {name: lab}", "metadata: {name: y}").replace("type: OpenAI", "type: OpenIA")
    )
    told = [(each["line"], each["message"].partition(";")[0]) for each in findings_of(path)]
    assert told[:2] == [
        (3, "metadata.name: true is not a text"),
        (
            5,
            'spec.type: "OpenIA" is not one of OpenAI, OpenAICompatible, AzureOpenAI, Anthropic, Gemini, VertexAI, '
            "Bedrock, Simulated",
        ),
    ]
    assert [line for line, _ in told[2:]] == [17, 23]


def test_a_document_without_a_name_is_told_once_and_with_the_rest_of_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "nameless.yaml"
    path.write_text("apiVersion: fairlead.dev/v1alpha1\nkind: RoutePolicy\nspec: {models: [smart]}\n")
    told = [each["message"].partition(":")[0] for each in findings_of(path)]
    assert told == ["metadata", "spec.gatewayRef", "spec.rules"]


def test_a_deadline_without_a_unit_is_told_how_durations_are_written(faults: Path) -> None:
    faults.write_text(FAULTS.replace("{retry: {backoff: {base: 3s, max: 2s}}}", "{timeouts: {total: 20}}"))
    messages = [each["message"] for each in findings_of(faults)]
    assert (
        "spec.rules[0].resilience.timeouts.total: 20 does not fit; write a duration such as 250ms, 30s, 5m or 1h30m"
    ) in messages


def test_a_price_of_nothing_is_an_error(faults: Path) -> None:
    faults.write_text(FAULTS.replace("{name: a}]", "{name: a, price: {perMTok: {}}}]"))
    assert any(
        each["message"].startswith("spec.models[0].price.perMTok: names no price") for each in findings_of(faults)
    )


def test_junit_has_a_case_for_each_object_which_fails_by_errors_only(faults: Path) -> None:
    result = invoke("validate", faults, "-o", "junit")
    root = ElementTree.fromstring(result.stdout)
    assert result.exit_code == 1
    assert root.tag == "testsuites"
    assert {name: root.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "2",
        "failures": "1",
        "errors": "0",
    }
    provider, policy = root.iter("testcase")
    assert (provider.get("classname"), provider.get("name"), provider.get("line")) == (
        "ModelProvider",
        "default/lab",
        "1",
    )
    assert (provider.find("failure"), "SecretNotFound" in (provider.findtext("system-out") or "")) == (None, True)
    [failure] = policy.iter("failure")
    assert (failure.get("type"), failure.get("message")) == ("Invalid", "2 errors")
    assert f"{faults}:23: error: RoutePolicy default/bot: spec.rules[0]" in (failure.text or "")


def test_junit_has_a_case_for_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("kind: [\n")
    root = ElementTree.fromstring(invoke("validate", path, "-o", "junit").stdout)
    [case] = root.iter("testcase")
    assert (case.get("classname"), case.get("name"), len(case.findall("failure"))) == ("file", str(path), 1)


def test_junit_blames_no_object_for_a_copy_or_a_stranger_that_follows_it(source: Path) -> None:
    provider = source.read_text().partition("---\n")[0]
    stranger = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
    source.write_text(f"{source.read_text()}---\n{provider}---\n{stranger}")
    root = ElementTree.fromstring(invoke("validate", source, "-o", "junit").stdout)
    *objects, file = root.iter("testcase")
    assert [list(case) for case in objects] == [[], [], []]
    assert (file.get("classname"), [part.tag for part in file]) == ("file", ["failure", "system-out"])


def test_junit_of_good_files_has_no_failure(source: Path) -> None:
    root = ElementTree.fromstring(invoke("validate", source, "-o", "junit").stdout)
    assert [case.get("name") for case in root.iter("testcase")] == ["default/fast", "default/slow", "default/policy"]
    assert root.get("failures") == "0"


def test_sarif_has_rule_level_and_region_of_each_finding(faults: Path) -> None:
    log = json.loads(invoke("validate", faults, "-o", "sarif").stdout)
    assert (log["version"], log["$schema"].rpartition("/")[2]) == ("2.1.0", "sarif-schema-2.1.0.json")
    [run] = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert run["tool"]["driver"]["name"] == "fairlead"
    assert rules == ["Invalid", "SecretNotFound"]
    assert all(rule["shortDescription"]["text"] != rule["id"] for rule in run["tool"]["driver"]["rules"])
    results = run["results"]
    assert [(each["ruleId"], each["level"], rules[each["ruleIndex"]]) for each in results] == [
        ("SecretNotFound", "warning", "SecretNotFound"),
        ("Invalid", "error", "Invalid"),
        ("Invalid", "error", "Invalid"),
    ]
    [location] = results[2]["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": faults.as_uri()},
        "region": {"startLine": 23, "startColumn": 36},
    }
    assert location["logicalLocations"][0]["fullyQualifiedName"] == (
        "RoutePolicy default/bot spec.rules[0].resilience.retry.backoff.base"
    )
    assert results[2]["message"]["text"].startswith("RoutePolicy default/bot: spec.rules[0].resilience.retry")


def test_sarif_of_good_files_has_no_result(source: Path) -> None:
    result = invoke("validate", source, "-o", "sarif")
    assert (result.exit_code, json.loads(result.stdout)["runs"][0]["results"]) == (0, [])


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_the_api_server_refuses_is_refused_here_with_the_same_finding(path: Path) -> None:
    [document] = read_documents(path.read_text(), path.name)
    errors = [each for each in findings_of(path) if each["severity"] == "error"]
    assert [each["message"] for each in errors] == list(parse_resource(document.content).problems)
    assert all(each["line"] > document.line or "spec" not in document.content for each in errors)
