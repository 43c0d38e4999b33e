"""What another provider's seals become when a Responses request passes to OpenAI itself."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.responses.call_seals import read_call_seal, write_call_seal
from fairlead_proxy.dialects.responses.dialect import OpenAIResponses
from fairlead_proxy.dialects.responses.foreign import without_foreign_seals
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.exchange.conversation import Seal
from fairlead_proxy.exchange.seals import write_seal

ANTHROPIC = Seal(DialectName.ANTHROPIC, "sig==")
USER = {"role": "user", "content": "fairlead.anthropic-messages.c2ln"}


def reasoning(encrypted: str | None) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted}


def body_of(*items: Any) -> bytes:
    return json.dumps({"model": "m", "x": [1.0, 2], "input": items, "store": False}).encode()


def test_only_what_others_sealed_is_taken_out() -> None:
    own, foreign = reasoning("gAAA"), reasoning(write_seal(ANTHROPIC, OWN))
    of_call = reasoning(write_call_seal("call_1", ANTHROPIC))
    kept = without_foreign_seals(body_of(USER, own, foreign, of_call, reasoning(None)))
    assert json.loads(kept) == json.loads(body_of(USER, own, reasoning(None)))
    assert OpenAIResponses().read_request(kept).model == "m"


@pytest.mark.parametrize(
    "body",
    [
        body_of(USER, reasoning("gAAA")),
        body_of(USER, reasoning("fairlead.nobody.x"), 5),
        b'{"model":"m","input":"fairlead.gemini.QUJD"}',
        b'{"model":"m","user":"fairlead.gemini.QUJD"}',
    ],
)
def test_any_other_body_stays_as_it_is(body: bytes) -> None:
    assert without_foreign_seals(body) == body


@pytest.mark.parametrize(
    "text", ["", "gAAA", "fairlead.gemini.QUJD", "fairlead.of-call.\xff.x", "fairlead.of-call._w.x"]
)
def test_what_is_no_seal_of_a_call_is_not_read_as_one(text: str) -> None:
    assert read_call_seal(text) is None


def test_the_seal_of_a_call_is_read_as_it_was_written() -> None:
    assert read_call_seal(write_call_seal("ä.b", ANTHROPIC)) == ("ä.b", ANTHROPIC)
