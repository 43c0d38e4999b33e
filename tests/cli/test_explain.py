"""`fairlead explain` tells what the live proxy would decide."""

import json
from pathlib import Path
from typing import Any

import pytest
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
        (["--operation", "sing"], "--operation sing: not an operation; there is chat"),
        (["--gateway", "default/none"], "--gateway default/none: no such ModelGateway in the files"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(source: Path, options: list[str], message: str) -> None:
    result = invoke("explain", "-f", source, "--model", "smart", *options)
    assert (result.exit_code, result.stderr.startswith(message)) == (2, True), result.stderr
