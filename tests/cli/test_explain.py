"""`fairlead explain` tells what the live proxy would decide."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from doubles.command_line import invoke
from typer.testing import Result


def explained(result: Result) -> dict[str, Any]:
    explanation: dict[str, Any] = json.loads(result.stdout)
    return explanation


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ([], "usual"),
        (["--intent", "code"], "coding"),
        (["--header", "x-fairlead-intent=code"], "coding"),
        (["--header", "X-Task=long"], "long"),
        (["--prompt-tokens", "1000"], "long"),
        (["--prompt-tokens", "999"], "usual"),
    ],
)
def test_the_rule_that_matches_is_named(source: Path, options: list[str], rule: str) -> None:
    result = invoke("explain", "-f", source, "--model", "smart", "-o", "json", *options)
    assert (explained(result)["rule"], result.exit_code) == (rule, 0)


def test_targets_stand_in_order_of_trial_with_their_part(source: Path) -> None:
    targets = explained(invoke("explain", "-f", source, "--model", "smart", "-o", "json"))["targets"]
    assert [(target["target"], target["used"], target["share"]) for target in targets] == [
        ("default/fast/tiny", True, 1.0),
        ("default/slow/huge", True, 0.0),
    ]


def test_shares_follow_the_weights(source: Path) -> None:
    targets = explained(invoke("explain", "-f", source, "--model", "cheap", "-o", "json"))["targets"]
    assert [(target["target"], target["share"]) for target in targets] == [
        ("default/fast/tiny", 0.75),
        ("default/slow/huge", 0.25),
    ]


def test_a_provider_that_is_down_is_skipped_with_its_class(source: Path) -> None:
    result = invoke("explain", "-f", source, "--model", "smart", "--down", "default/fast=RateLimited")
    assert "1. default/slow/huge" in result.stdout
    assert "2. default/fast/tiny  priority 0  skipped    Cooling: RateLimited" in result.stdout


def test_with_every_target_down_the_call_is_refused(source: Path) -> None:
    down = ["--down", "default/fast", "--down", "default/slow"]
    result = invoke("explain", "-f", source, "--model", "smart", "-o", "json", *down)
    assert (explained(result)["refused"]["code"], result.exit_code) == ("no_target", 1)


def test_a_capability_that_a_target_lacks_skips_it(source: Path) -> None:
    result = invoke("explain", "-f", source, "--model", "smart", "--needs", "vision")
    assert "default/fast/tiny  priority 0  skipped    CapabilityMissing: vision" in result.stdout


def test_a_target_that_seems_too_small_stands_last_with_the_estimate(source: Path) -> None:
    result = invoke("explain", "-f", source, "--model", "cheap", "--prompt-tokens", "900", "--max-tokens", "1101")
    too_small = "ContextTooSmall: about 900 tokens and 1101 of answer, window 2000"
    assert "  1. default/slow/huge  weight 1  first\n" in result.stdout
    assert f"  2. default/fast/tiny  weight 3  last       {too_small}\n" in result.stdout


def test_a_target_that_seems_too_small_is_first_where_no_other_can_serve(source: Path) -> None:
    long = ["--model", "cheap", "--prompt-tokens", "2001", "--down", "default/slow"]
    targets = explained(invoke("explain", "-f", source, "-o", "json", *long))["targets"]
    assert [(target["target"], target["used"], target["share"]) for target in targets] == [
        ("default/fast/tiny", True, 1.0),
        ("default/slow/huge", False, 0.0),
    ]


MIXED = """
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {plain: a-key}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: claude}
spec: {type: Anthropic, models: [{name: opus}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: openai}
spec: {type: OpenAI, models: [{name: gpt, operations: [chat, responses]}, {name: old}]}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: vertex}
spec:
  type: VertexAI
  vertex: {project: my-project, location: global}
  credentials: [{name: main, secretRef: {name: keys, key: plain}}]
  models: [{name: opus, upstreamName: claude-opus-4-5}, {name: pro}]
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: policy}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules:
  - name: counting
    match: [{operations: [countTokens]}]
    route:
      targets:
      - {provider: {name: claude}, model: opus, priority: 0}
      - {provider: {name: openai}, model: old, priority: 1}
  - name: rest
    route:
      targets:
      - {provider: {name: claude}, model: opus, priority: 0}
      - {provider: {name: openai}, model: gpt, priority: 1}
      - {provider: {name: openai}, model: old, priority: 2}
      - {provider: {name: vertex}, model: opus, priority: 3}
      - {provider: {name: vertex}, model: pro, priority: 4}
"""


@pytest.mark.parametrize(
    ("dialect", "operation", "spoken"),
    [
        (
            "openai-chat",
            "chat",
            ["anthropic-messages", "openai-chat", "openai-chat", "anthropic-messages", "gemini"],
        ),
        (
            "openai-responses",
            "responses",
            ["anthropic-messages", "openai-responses", "openai-chat", "anthropic-messages", "gemini"],
        ),
        (
            "anthropic-messages",
            "chat",
            ["anthropic-messages", "openai-chat", "openai-chat", "anthropic-messages", "gemini"],
        ),
        ("gemini", "chat", ["anthropic-messages", "openai-chat", "openai-chat", "anthropic-messages", "gemini"]),
    ],
)
def test_a_caller_of_each_dialect_is_served_and_each_target_is_spoken_to_in_its_own(
    tmp_path: Path, dialect: str, operation: str, spoken: list[str]
) -> None:
    (tmp_path / "mixed.yaml").write_text(MIXED)
    question = ["--model", "smart", "--dialect", dialect]
    explanation = explained(invoke("explain", "-f", tmp_path, "-o", "json", *question))
    assert (explanation["dialect"], explanation["operation"], explanation["rule"]) == (dialect, operation, "rest")
    assert [target["dialect"] for target in explanation["targets"]] == spoken


def test_what_is_translated_says_into_what(tmp_path: Path) -> None:
    (tmp_path / "mixed.yaml").write_text(MIXED)
    result = invoke("explain", "-f", tmp_path, "--model", "smart", "--dialect", "anthropic-messages")
    assert "call      model smart of namespace default, chat in anthropic-messages\n" in result.stdout
    assert "  1. default/claude/opus  priority 0  first\n" in result.stdout
    assert "  2. default/openai/gpt   priority 1  fallback, translated to openai-chat\n" in result.stdout


def test_tokens_are_counted_by_who_can(tmp_path: Path) -> None:
    (tmp_path / "mixed.yaml").write_text(MIXED)
    question = ["--model", "smart", "--dialect", "gemini", "--operation", "countTokens"]
    result = invoke("explain", "-f", tmp_path, *question)
    assert "rule      counting, Priority\n" in result.stdout
    assert "  1. default/claude/opus  priority 0  first, translated to anthropic-messages\n" in result.stdout
    assert "  2. default/openai/old   priority 1  skipped    OperationUnsupported: countTokens\n" in result.stdout


def test_a_target_whose_dialect_has_no_words_for_a_feature_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "mixed.yaml").write_text(MIXED)
    question = ["--model", "smart", "--feature", "audio", "--feature", "log probabilities"]
    targets = explained(invoke("explain", "-f", tmp_path, "-o", "json", *question))["targets"]
    assert {target["target"]: target["skipped"] for target in targets} == {
        "default/openai/gpt": None,
        "default/openai/old": None,
        "default/vertex/pro": None,
        "default/claude/opus": "CannotExpress: audio, log probabilities",
        "default/vertex/opus": "CannotExpress: audio, log probabilities",
    }


def test_a_feature_that_no_target_has_words_for_refuses_the_call(source: Path) -> None:
    result = invoke("explain", "-f", source, "--model", "smart", "--dialect", "gemini", "--feature", "videos by URL")
    assert result.exit_code == 1
    assert (
        "refused   capability_missing: no target of the model 'smart' offers what this request needs: videos by URL"
        in (result.stdout)
    )


def test_an_unknown_model_is_refused_and_those_that_exist_are_named(source: Path) -> None:
    result = invoke("explain", "-f", source, "--model", "smarter")
    assert result.exit_code == 1
    assert "model_not_found" in result.stdout
    assert "hint      the namespace default has the models cheap, smart" in result.stdout


def test_a_policy_that_is_not_in_force_is_named_with_the_cause(source: Path) -> None:
    source.write_text(source.read_text().replace("gatewayRef: {name: main}", "gatewayRef: {name: other}"))
    result = invoke("explain", "-f", source, "--model", "smart")
    assert "hint      RoutePolicy default/policy: spec.gatewayRef: no ModelGateway default/other " in result.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--down", "default/none"], "--down default/none: no such provider in this gateway; it holds default/fast"),
        (["--down", "default/fast=Broken"], "--down default/fast=Broken: not a failure class of a provider"),
        (["--header", "x-task"], "--header x-task: not a header; write NAME=VALUE"),
        (["--operation", "sing"], "--operation sing: not an operation; there is chat, responses, countTokens"),
        (
            ["--dialect", "bedrock-converse"],
            "--dialect bedrock-converse: not a dialect of callers; there are openai-chat, openai-responses, "
            "anthropic-messages, gemini",
        ),
        (
            ["--operation", "countTokens"],
            "--operation countTokens: no call of openai-chat asks for it; write --dialect with openai-responses, "
            "anthropic-messages, gemini",
        ),
        (
            ["--dialect", "gemini", "--operation", "responses"],
            "--operation responses: no call of gemini asks for it; write --dialect with openai-responses",
        ),
        (["--feature", "telepathy"], "--feature telepathy: not a feature; there are tools, tool choice, "),
        (["--gateway", "default/none"], "--gateway default/none: no such ModelGateway in the files"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(source: Path, options: list[str], message: str) -> None:
    result = invoke("explain", "-f", source, "--model", "smart", *options)
    assert (result.exit_code, result.stderr.startswith(message)) == (2, True), result.stderr


def test_the_shapes_of_the_other_commands_are_there_and_text_is_the_table(source: Path) -> None:
    told = {
        shape: invoke("explain", "-f", source, "--model", "smart", "-o", shape).stdout
        for shape in ("json", "yaml", "table", "text", "name")
    }
    assert yaml.safe_load(told["yaml"]) == json.loads(told["json"])
    assert told["text"] == told["table"] == invoke("explain", "-f", source, "--model", "smart").stdout
    assert told["name"].splitlines() == ["modelprovider.fairlead.dev/fast", "modelprovider.fairlead.dev/slow"]


def test_no_name_is_told_where_no_target_is_tried(source: Path) -> None:
    down = ["--down", "default/fast", "--down", "default/slow"]
    refused = invoke("explain", "-f", source, "--model", "smart", "-o", "name", *down)
    assert (refused.exit_code, refused.stdout) == (1, "")


@pytest.mark.parametrize("option", [["--state", "somewhere"], ["--context", "here"], ["--kubeconfig", "file"]])
def test_files_and_something_else_to_look_at_are_refused(source: Path, option: list[str]) -> None:
    refused = invoke("explain", "-f", source, "--model", "smart", *option)
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"-f and {option[0]}: files and something else to look at; give one of them\n",
    )


def test_a_form_that_there_is_not_is_refused_with_those_there_are(source: Path) -> None:
    refused = invoke("explain", "-f", source, "--model", "smart", "-o", "wide")
    assert refused.exit_code == 2
    assert all(form in refused.stderr for form in ("table", "json", "yaml", "name"))
