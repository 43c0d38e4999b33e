"""`fairlead trace` against a run: the record of a real call, and what is said where there is none."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles.command_line import invoke
from doubles.processes import Standalone, standalone

from fairlead_operator.cli.trace_view import trace_answer

OBJECTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: broken}
spec: {type: Simulated, models: [{name: m}], simulated: {errorRate: "1", failure: ServerError}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: sound}
spec: {type: Simulated, models: [{name: m}], simulated: {ttft: 1ms, tokensPerSecond: 5000}}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: policy}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules:
  - name: all
    route:
      targets:
      - {provider: {name: broken}, model: m, priority: 0}
      - {provider: {name: sound}, model: m, priority: 1}
"""
FORGETFUL = """
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main}
spec: {telemetry: {decisionRing: 0}}
"""

RECORD: dict[str, Any] = {
    "call": "0a1b",
    "request_id": "mine",
    "at": 1_795_776_120.0,
    "namespace": "team",
    "caller": "key bot",
    "revision": "r-1",
    "operation": "chat",
    "dialect": "openai-chat",
    "mode": "stream",
    "model": "smart",
    "prompt_tokens": 12,
    "max_tokens": 0,
    "intent": "code",
    "needs": ["tools"],
    "policy": "team/bot",
    "rule": "all",
    "refusal": "",
    "targets": [
        {"target": "ai/openai/m", "skipped": "Cooling"},
        {"target": "ai/other/m", "late": "Overdue", "skipped_credentials": {"spill": "Cooling"}},
    ],
    "attempts": [
        {
            "target": "ai/other/m",
            "credential": "main",
            "outcome": "RateLimited",
            "status": 429,
            "detail": "",
            "duration_seconds": 0.25,
            "first_token_seconds": None,
            "retry_after_seconds": 3.0,
            "usage": None,
            "cost": None,
            "currency": "",
            "lost": ["images by URL"],
        }
    ],
    "code": 429,
    "reason": "RateLimited",
    "duration_seconds": 0.3,
    "ttft_seconds": None,
    "cost": {},
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standalone]:
    directory = tmp_path_factory.mktemp("trace")
    (directory / "objects.yaml").write_text(OBJECTS)
    with standalone(directory, "-f", str(directory / "objects.yaml")) as run:
        yield run


def called(run: Standalone) -> str:
    """Make a call; return its id."""
    body = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "Hello"}]}).encode()
    request = urllib.request.Request(
        f"{run.url}/chat/completions", data=body, headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.headers["x-fairlead-decision"])


def test_a_call_that_fell_back_is_told_attempt_by_attempt(running: Standalone) -> None:
    call = called(running)
    told = invoke("trace", call, "--state", running.state).stdout
    lines = told.splitlines()
    assert lines[0].startswith(f"call       {call} at 20")
    assert "rule       all of policy default/policy, revision " in told
    assert [line.split()[1] for line in lines if line.startswith("  1 ")] == ["default/broken/m", "default/broken/m"]
    assert any("Answered" in line and "default/sound/m" in line for line in lines)


def test_the_same_as_values_is_the_record_itself(running: Standalone) -> None:
    call = called(running)
    told = json.loads(invoke("trace", call, "-o", "json", "--state", running.state).stdout)
    assert {name: value for name, value in told.items() if name != "proxy"} == running.decision(call)
    assert invoke("trace", call, "-o", "name", "--state", running.state).stdout == f"decision/{call}\n"


def test_a_call_that_nobody_remembers_is_a_finding(running: Standalone) -> None:
    result = invoke("trace", "no-such-call", "--state", running.state)
    assert (result.exit_code, "no worker remembers the call no-such-call" in result.stderr) == (1, True)


def test_a_run_that_remembers_no_call_says_why(tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text(OBJECTS + FORGETFUL)
    with standalone(tmp_path, "-f", str(tmp_path / "objects.yaml")) as run:
        call = called(run)
        result = invoke("trace", call, "--state", run.state)
    assert (result.exit_code, result.stderr) == (
        1,
        f"no worker remembers the call {call}, nor any other: telemetry.decisionRing of the gateway is 0; raise it to "
        "trace calls that come after that\n",
    )


def test_without_a_run_there_is_nothing_to_ask(tmp_path: Path) -> None:
    result = invoke("trace", "any", "--state", tmp_path)
    assert (result.exit_code, "nobody runs on it" in result.stderr) == (2, True)


def test_a_gateway_that_is_not_named_whole_is_refused() -> None:
    result = invoke("trace", "any", "--gateway", "main")
    assert (result.exit_code, result.stderr) == (
        2,
        "--gateway main: not NAMESPACE/NAME; write for example ai-platform/main\n",
    )


def test_why_a_target_was_skipped_and_what_was_lost_are_told() -> None:
    text = trace_answer(RECORD, "ai/main-0").text
    assert "skipped: Cooling" in text
    assert "late: Overdue; credential spill skipped: Cooling" in text
    assert "asked to wait 3.000 s; not told: images by URL" in text
    assert "facts      12 prompt tokens estimated; intent code; needs tools\n" in text
    assert "outcome    429 RateLimited after 0.300 s\n" in text


def test_a_call_that_no_provider_was_asked_for_says_so() -> None:
    text = trace_answer({**RECORD, "attempts": [], "targets": [], "refusal": "no rule matches"}, "here").text
    assert "refused    no rule matches\n" in text
    assert text.endswith("\nATTEMPTS\n  none: no provider was asked\n")


def test_tokens_that_no_provider_told_are_called_estimated() -> None:
    usage = {"input_tokens": 12, "output_tokens": 3, "estimated": True}
    attempt = {**RECORD["attempts"][0], "usage": usage, "cost": "0.00042", "currency": "USD"}
    text = trace_answer({**RECORD, "attempts": [attempt], "cost": {"USD": "0.00042"}}, "here").text
    assert "12 in, 3 out, estimated   0.00042 USD" in text
    assert "cost       0.00042 USD\n" in text
