"""An effort and a budget of tokens are told from each other alike, whoever is asked."""

import json

import pytest

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.dialects.reasoning_effort import budget_of, effort_in
from fairlead_proxy.dialects.registry import provider_dialect
from fairlead_proxy.exchange.conversation import Conversation, Role, Text, Thinking, Turn

ASKED = (Turn(Role.USER, (Text("hello"),)),)
BY_EFFORT = {
    DialectName.OPENAI_CHAT: ("gpt-5.2", b'"reasoning_effort":"%b"'),
    DialectName.OPENAI_RESPONSES: ("gpt-5.2", b'"effort":"%b"'),
    DialectName.ANTHROPIC: ("claude-opus-4-7", b'"effort":"%b"'),
    DialectName.BEDROCK: ("openai.gpt-oss-120b-1:0", b'"reasoning_effort":"%b"'),
}
BY_BUDGET = {
    DialectName.ANTHROPIC: "claude-sonnet-4-5",
    DialectName.GEMINI: "gemini-2.5-flash",
    DialectName.BEDROCK: "anthropic.claude-sonnet-4-5-20250929-v1:0",
}


def written(dialect: DialectName, model: str, thinking: Thinking) -> bytes:
    writer = provider_dialect(dialect, Operation.CHAT)
    return writer.write_request(Conversation(ASKED, max_tokens=30_000, thinking=thinking), model=model).body


@pytest.mark.parametrize("dialect", BY_EFFORT)
@pytest.mark.parametrize(
    ("budget", "effort"),
    [(1, b"low"), (1024, b"low"), (1025, b"medium"), (8192, b"medium"), (8193, b"high"), (50_000, b"high")],
)
def test_a_budget_is_the_same_effort_to_everybody(dialect: DialectName, budget: int, effort: bytes) -> None:
    model, words = BY_EFFORT[dialect]
    assert words % effort in written(dialect, model, Thinking(budget_tokens=budget))


@pytest.mark.parametrize("dialect", BY_BUDGET)
@pytest.mark.parametrize(
    ("effort", "budget"), [("minimal", 1024), ("low", 1024), ("medium", 8192), ("high", 24576), ("xhigh", 24576)]
)
def test_an_effort_is_the_same_budget_to_everybody(dialect: DialectName, effort: str, budget: int) -> None:
    body = written(dialect, BY_BUDGET[dialect], Thinking(effort))
    assert str(budget) in json.dumps(json.loads(body))


@pytest.mark.parametrize("effort", ["none", "low", "medium", "high"])
def test_an_effort_made_a_budget_is_that_effort_again(effort: str) -> None:
    assert effort_in(Thinking(budget_tokens=budget_of(effort))) == effort


@pytest.mark.parametrize("thinking", [Thinking(), Thinking(budget_tokens=-1), Thinking(adaptive=True)])
def test_what_is_left_to_the_model_is_no_effort(thinking: Thinking) -> None:
    assert effort_in(thinking) is None
