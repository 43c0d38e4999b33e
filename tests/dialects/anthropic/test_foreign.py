"""What other providers have sealed does not reach Anthropic where the bytes pass."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.anthropic.citations import CITED_BY_OTHERS
from fairlead_proxy.dialects.anthropic.foreign import without_foreign_seals
from fairlead_proxy.dialects.anthropic.thoughts import UNSIGNED, write_call_seal
from fairlead_proxy.exchange.conversation import Seal
from fairlead_proxy.exchange.seals import write_seal

FOREIGN = write_seal(Seal(DialectName.GEMINI, "CoQB"), DialectName.ANTHROPIC)
CALL = {"type": "tool_use", "id": "call_1", "name": "look", "input": {}}
OWN_THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "EqQB"}
USER = {"role": "user", "content": "hello"}


def passed(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    body = json.dumps({"temperature": 1.50, "messages": messages, "model": "m"}).encode()
    kept: list[dict[str, Any]] = json.loads(without_foreign_seals(body))["messages"]
    return kept


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "hm", "signature": FOREIGN},
        {"type": "thinking", "thinking": "hm", "signature": UNSIGNED},
        {"type": "redacted_thinking", "data": FOREIGN},
        {"type": "redacted_thinking", "data": write_call_seal("call_1", Seal(DialectName.GEMINI, "x"))},
    ],
)
def test_blocks_that_only_others_can_use_are_taken_out(block: dict[str, Any]) -> None:
    assert passed(USER, {"role": "assistant", "content": [block, OWN_THOUGHT, CALL]}) == [
        USER,
        {"role": "assistant", "content": [OWN_THOUGHT, CALL]},
    ]


def test_a_message_of_which_nothing_is_left_goes() -> None:
    block = {"type": "thinking", "thinking": "hm", "signature": FOREIGN}
    assert passed(USER, {"role": "assistant", "content": [block]}, USER) == [USER, USER]


def test_citations_of_others_are_taken_out_of_their_text() -> None:
    theirs = {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": CITED_BY_OTHERS}
    own = {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": "Eo8B"}
    text = {"type": "text", "text": "ok"}
    assert passed(
        {"role": "assistant", "content": [{**text, "citations": [theirs, own]}, {**text, "citations": [theirs]}]}
    ) == [{"role": "assistant", "content": [{**text, "citations": [own]}, text]}]


def test_whatever_else_stands_there_keeps_its_bytes() -> None:
    thought = json.dumps({"type": "thinking", "thinking": "hm", "signature": FOREIGN}).encode()
    body = b'{ "a" : 1.50, "messages":[{"role":"user","content":[' + thought + b',{"type":"x"}]}], "model":"m" }'
    assert without_foreign_seals(body) == (
        b'{ "a" : 1.50, "messages":[{"role":"user","content":[{"type":"x"}]}], "model":"m" }'
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"fairlead","messages":[]}',
        b'{"model":"m","messages":[{"role":"user","content":"fairlead."}]}',
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"fairlead.unsigned"}]}]}',
        b'{"model":"fairlead","messages":5}',
        b'{"model":"fairlead"}',
        b'{"model":"fairlead","messages":[5,{"content":[5]}]}',
    ],
)
def test_a_body_without_such_seals_is_the_same(body: bytes) -> None:
    assert without_foreign_seals(body) is body
