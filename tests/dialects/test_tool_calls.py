"""Ids, arguments and seals of tool calls, as every dialect's writers shape them."""

import re

import pytest
from msgspec import Raw

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.tool_calls import arguments_in, fit_call_id, read_call_seal, write_call_seal
from fairlead_proxy.exchange.conversation import Seal

UNFIT = re.compile(r"[^a-z_]")


@pytest.mark.parametrize(("call_id", "is_kept"), [("call_a", True), ("call.a", False), ("a" * 65, False), ("", False)])
def test_an_id_that_does_not_fit_is_made_one_that_does(call_id: str, is_kept: bool) -> None:
    fitted = fit_call_id(call_id, UNFIT, 64)
    assert (fitted == call_id) is is_kept
    assert 0 < len(fitted) <= 64
    assert fitted == fit_call_id(call_id, UNFIT, 64)


def test_two_ids_stay_two() -> None:
    assert fit_call_id("a.b", UNFIT) != fit_call_id("a-b", UNFIT)
    assert fit_call_id("x" * 70 + "a", most=64) != fit_call_id("x" * 70 + "b", most=64)


def test_arguments_are_an_object_or_stand_in_one() -> None:
    assert arguments_in(" ") == ({}, True)
    assert arguments_in("[1") == ({"arguments": "[1"}, False)
    written, whole = arguments_in('{"n": 1.10}')
    assert isinstance(written, Raw)
    assert (bytes(written), whole) == (b'{"n": 1.10}', True)


def test_a_seal_beside_a_call_names_the_call() -> None:
    seal = Seal(DialectName.GEMINI, "CoQB")
    text = write_call_seal("mark.", "call é", seal, DialectName.ANTHROPIC)
    assert read_call_seal("mark.", text, DialectName.ANTHROPIC) == ("call é", seal)
    for other in ("", "other." + text, "mark._w.x"):
        assert read_call_seal("mark.", other, DialectName.ANTHROPIC) is None
