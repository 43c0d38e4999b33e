"""`fairlead diff` says what changes for callers, and nothing of what does not."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles.command_line import invoke

PLATFORM = """
apiVersion: v1
kind: Namespace
metadata: {name: team-support, labels: {tier: gold}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main, namespace: ai-platform}
spec: {tenants: {namespaceSelector: {}}, enforce: {maxAttempts: 4}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: openai, namespace: ai-platform}
spec:
  type: Simulated
  consumers: {namespaceSelector: {matchLabels: {tier: gold}}}
  models: [{name: gpt-large, contextWindow: 1000}, {name: gpt-small}]
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: lab, namespace: ai-platform}
spec: {type: Simulated, consumers: {namespaceSelector: {}}, models: [{name: qwen}]}
"""

POLICY = """
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: bot, namespace: team-support}
spec:
  gatewayRef: {name: main, namespace: ai-platform}
  models: [smart, cheap]
  rules:
  - name: reasoning
    match: [{models: [smart], intent: {anyOf: [code, analysis]}}]
    route:
      targets:
      - {provider: {name: openai, namespace: ai-platform}, model: gpt-large, priority: 0}
      - {provider: {name: lab, namespace: ai-platform}, model: qwen, priority: 1}
    resilience: {timeouts: {total: 5m}}
  - name: rest
    route:
      strategy: Weighted
      targets:
      - {provider: {name: openai, namespace: ai-platform}, model: gpt-small, weight: 3}
      - {provider: {name: lab, namespace: ai-platform}, model: qwen, weight: 1}
"""

WHOLE = PLATFORM + POLICY

Difference = Callable[[str, str], tuple[int, list[str]]]


@pytest.fixture
def difference(tmp_path: Path) -> Difference:
    """Return exit code and lines of the difference between two texts."""

    def compare(old: str, new: str) -> tuple[int, list[str]]:
        paths = tmp_path / "old.yaml", tmp_path / "new.yaml"
        for path, text in zip(paths, (old, new), strict=True):
            path.write_text(text)
        result = invoke("diff", *paths)
        return result.exit_code, result.stdout.splitlines()

    return compare


def edited(text: str, old: str, new: str) -> str:
    """Return the text with this edit, which must be one."""
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("models: [smart, cheap]", "models: [cheap, smart]  # a comment"),
        ("anyOf: [code, analysis]", "anyOf: [analysis, code]"),
        ("priority: 1}", "priority: 7}"),
        ("weight: 3}", "weight: 3, priority: 5}"),
        ("gpt-large, priority: 0}", "gpt-large, priority: 0, weight: 9}"),
        ("total: 5m", "total: 300s"),
        ("- name: rest", "- name: everything-else"),
        ("metadata: {name: bot,", "metadata: {labels: {a: b}, name: bot,"),
        ("{timeouts: {total: 5m}}", "{retry: {backoff: {max: 3s}}, timeouts: {total: 5m}}"),
        ("models: [{name: qwen}]", "models: [{name: qwen}, {name: unused}]"),
        (
            "enforce: {maxAttempts: 4}",
            "enforce: {maxAttempts: 4}, telemetry: {decisionRing: 0, scrapeFrom: [{podSelector: {}}]}",
        ),
        (
            "      - {provider: {name: lab, namespace: ai-platform}, model: qwen, weight: 1}\n",
            "      - {provider: {name: lab, namespace: ai-platform}, model: qwen, weight: 1}\n"
            "  - name: never\n"
            "    route: {targets: [{provider: {name: lab, namespace: ai-platform}, model: qwen}]}\n",
        ),
    ],
)
def test_what_has_no_effect_is_no_difference(old: str, new: str, difference: Difference) -> None:
    assert difference(WHOLE, edited(WHOLE, old, new)) == (0, ["no difference in routing"])


def test_weights_in_the_same_proportion_are_no_difference(difference: Difference) -> None:
    scaled = edited(edited(WHOLE, "weight: 3", "weight: 30"), "weight: 1}", "weight: 10}")
    assert difference(WHOLE, scaled)[0] == 0


def test_another_target_is_told_by_tenant_model_and_rule(difference: Difference) -> None:
    code, lines = difference(WHOLE, edited(WHOLE, "model: gpt-large, priority: 0", "model: gpt-small, priority: 0"))
    assert (code, lines) == (
        1,
        [
            "team-support/smart rule reasoning: target 1 was ai-platform/openai/gpt-large, "
            "is ai-platform/openai/gpt-small"
        ],
    )


def test_another_weight_is_told_for_every_model_that_it_concerns(difference: Difference) -> None:
    _, lines = difference(WHOLE, edited(WHOLE, "weight: 3", "weight: 1"))
    shares = [
        "target 1 was ai-platform/lab/qwen 1 of 4 + ai-platform/openai/gpt-small 3 of 4, "
        "is ai-platform/lab/qwen 1 of 2 + ai-platform/openai/gpt-small 1 of 2"
    ]
    assert lines == [f"team-support/{model} rule rest: {share}" for model in ("cheap", "smart") for share in shares]


def test_withdrawn_consent_is_told_with_its_cause(difference: Difference) -> None:
    _, lines = difference(WHOLE, edited(WHOLE, "{matchLabels: {tier: gold}}", "{matchLabels: {tier: platinum}}"))
    assert lines[0] == (
        "team-support/cheap rule rest: target 1 was ai-platform/lab/qwen 1 of 4 + ai-platform/openai/gpt-small 3 of 4, "
        "is ai-platform/lab/qwen (ModelProvider ai-platform/openai does not admit the namespace team-support: "
        "see its consumers)"
    )
    assert any("rule reasoning: target 2 was ai-platform/lab/qwen, is gone" in line for line in lines)


def test_a_policy_that_loses_all_consent_is_told_as_no_longer_offered(difference: Difference) -> None:
    refused = edited(WHOLE, "{matchLabels: {tier: gold}}", "{matchLabels: {tier: platinum}}")
    refused = edited(refused, "consumers: {namespaceSelector: {}}, models", "models")
    _, lines = difference(WHOLE, refused)
    assert [line.partition(" (")[0] for line in lines] == [
        f"team-support/{model}: is no longer offered by the gateway ai-platform/main" for model in ("cheap", "smart")
    ]
    assert all("does not admit the namespace team-support" in line for line in lines)


def test_a_tenant_that_the_gateway_admits_no_more_is_told_so(difference: Difference) -> None:
    _, lines = difference(WHOLE, edited(WHOLE, "tenants: {namespaceSelector: {}}, ", ""))
    assert len(lines) == 2
    assert all("(spec.gatewayRef: no ModelGateway ai-platform/main exists that admits this" in line for line in lines)


def test_a_policy_that_wins_a_conflict_is_told_by_what_it_does_otherwise(difference: Difference) -> None:
    rival = edited(POLICY, "{name: bot,", "{name: abc,")
    _, lines = difference(WHOLE, WHOLE + edited(rival, "{timeouts: {total: 5m}}", "{timeouts: {total: 1m}}"))
    assert lines == ["team-support/smart rule reasoning: timeouts.total was 300s, is 60s"]


def test_a_key_that_is_no_longer_there_is_told_at_its_target(difference: Difference) -> None:
    keyed = edited(
        WHOLE,
        "spec: {type: Simulated, consumers: {namespaceSelector: {}}, models: [{name: qwen}]}",
        """spec:
  type: OpenAI
  consumers: {namespaceSelector: {}}
  credentials: [{name: main, secretRef: {name: lab, key: apiKey}}]
  models: [{name: qwen}]""",
    )
    secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: lab, namespace: ai-platform}\n"
    secret += "stringData: {apiKey: a-key}\n"
    _, lines = difference(keyed + secret, keyed)
    assert (
        "team-support/smart rule reasoning: target 2 was ai-platform/lab/qwen, is ai-platform/lab/qwen (without a key)"
    ) in lines
    assert not any("a-key" in line for line in lines)


def test_a_removed_policy_and_its_return_are_told_by_model(difference: Difference) -> None:
    gone, back = difference(WHOLE, PLATFORM), difference(PLATFORM, WHOLE)
    assert gone[1][0] == (
        "team-support/cheap: is no longer offered by the gateway ai-platform/main "
        "(RoutePolicy team-support/bot is gone)"
    )
    assert back[1][1].startswith(
        "team-support/smart: is new, offered by the gateway ai-platform/main: rule reasoning: "
        "intent analysis or code to ai-platform/openai/gpt-large, then ai-platform/lab/qwen; rule rest: every call to "
    )


def test_a_model_that_the_policy_stops_offering_needs_no_cause(difference: Difference) -> None:
    _, lines = difference(WHOLE, edited(WHOLE, "models: [smart, cheap]", "models: [smart]"))
    assert lines == ["team-support/cheap: is no longer offered by the gateway ai-platform/main"]


def test_an_invalid_policy_is_told_with_its_problem(difference: Difference) -> None:
    _, lines = difference(WHOLE, edited(WHOLE, "weight: 3", "weight: 0"))
    assert "(RoutePolicy team-support/bot is Invalid: spec.rules[1].route.targets[0].weight: 0 is less than" in lines[0]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("total: 5m", "total: 2m", "team-support/smart rule reasoning: timeouts.total was 300s, is 120s"),
        (
            "{timeouts: {total: 5m}}",
            "{timeouts: {total: 5m}, fallback: {midStream: Continue}}",
            "team-support/smart rule reasoning: fallback.midStream was Error, is Continue",
        ),
        (
            "anyOf: [code, analysis]",
            "anyOf: [code]",
            "team-support/smart rule reasoning: match was intent analysis or code, is intent code",
        ),
        (
            "contextWindow: 1000",
            "contextWindow: 2000",
            "team-support/smart: contextWindow of ai-platform/openai/gpt-large was 1000, is 2000",
        ),
        ("maxAttempts: 4", "maxAttempts: 2", "gateway ai-platform/main: maxAttempts was 4, is 2"),
        (
            "models: [{name: qwen}]}",
            "models: [{name: qwen}], maintenance: {state: Cordoned}}",
            "team-support/smart rule reasoning: target 2 was ai-platform/lab/qwen, "
            "is ai-platform/lab/qwen (in maintenance)",
        ),
    ],
)
def test_other_changes_are_told_in_one_line(old: str, new: str, told: str, difference: Difference) -> None:
    code, lines = difference(WHOLE, edited(WHOLE, old, new))
    assert code == 1
    assert told in lines


def test_rules_are_told_when_they_come_go_and_change_places(difference: Difference) -> None:
    extra = "  - name: long\n    match: [{models: [smart], promptTokens: {min: 9}}]\n    route: {targets: [{provider: "
    extra += "{name: lab, namespace: ai-platform}, model: qwen}]}\n"
    added = edited(WHOLE, "  - name: rest\n", f"{extra}  - name: rest\n")
    first = edited(WHOLE, "  - name: reasoning\n", f"{extra}  - name: reasoning\n")
    assert difference(WHOLE, added)[1] == [
        "team-support/smart rule long: is new: at least 9 prompt tokens to ai-platform/lab/qwen"
    ]
    assert difference(added, WHOLE)[1] == [
        "team-support/smart rule long: is gone; it was: at least 9 prompt tokens to ai-platform/lab/qwen"
    ]
    assert difference(added, first)[1] == [
        "team-support/smart: order of rules was reasoning, long, rest, is long, reasoning, rest"
    ]


def test_programs_get_every_change_as_json(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(WHOLE)
    new.write_text(edited(WHOLE, "total: 5m", "total: 2m"))
    assert json.loads(invoke("diff", old, new, "-o", "json").stdout) == [
        {
            "kind": "Resilience",
            "gateway": "ai-platform/main",
            "namespace": "team-support",
            "model": "smart",
            "rule": "reasoning",
            "what": "timeouts.total",
            "was": "300s",
            "is": "120s",
        }
    ]
    assert json.loads(invoke("diff", old, old, "-o", "json").stdout) == []


def test_files_that_cannot_be_read_are_refused_not_compared(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(WHOLE)
    bad.write_text("kind: [\n")
    broken, absent = invoke("diff", good, bad), invoke("diff", good, tmp_path / "nowhere")
    assert (broken.exit_code, absent.exit_code) == (2, 2)
    assert f"{bad}:" in broken.stderr
    assert "no such file or directory" in absent.stderr


def test_a_policy_that_nothing_serves_on_either_side_is_noted(tmp_path: Path) -> None:
    lonely = tmp_path / "lonely.yaml"
    lonely.write_text(POLICY)
    result = invoke("diff", lonely, lonely)
    assert result.exit_code == 0
    assert "note: RoutePolicy team-support/bot is served neither before nor after" in result.stderr
