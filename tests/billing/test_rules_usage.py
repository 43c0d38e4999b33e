"""Usage that nobody asked for is asked for, and taken out again; where none is told, it is estimated (B6)."""

import json
from typing import Any

import pytest
from billing.demands import check_estimated, check_exact
from billing.house import CELLS, Cell, House
from billing.objects import CALLERS, REFUSING
from doubles.invoice import NOTHING, PARTIAL

ASKED_FOR = [cell for cell in CELLS if cell.stream and cell.provider in ("chat", "azure")]
"""Only OpenAI's chat tells a stream's usage to nobody but who asks."""
WORDS = "alpha beta gamma delta epsilon zeta eta theta iota "


@pytest.mark.parametrize("cell", ASKED_FOR, ids=str)
def test_b6_usage_is_asked_for_though_the_caller_did_not(house: House, cell: Cell) -> None:
    house.upstream.behave(tokens=9, input_tokens=777)
    got = house.ask(cell.caller, cell.provider, stream=True)
    asked = json.loads(house.upstream.seen()["requests"][-1]["body"])
    assert asked["stream_options"]["include_usage"] is True
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    check_exact(record, line, cell.provider)


@pytest.mark.parametrize("provider", ["chat", "azure"])
@pytest.mark.parametrize("options", [None, {"include_usage": False}, {"include_usage": True}], ids=str)
def test_b6_only_a_caller_who_asked_for_usage_gets_it(
    house: House, provider: str, options: dict[str, Any] | None
) -> None:
    house.upstream.behave(tokens=9, input_tokens=777)
    more: dict[str, Any] = {} if options is None else {"stream_options": options}
    got = house.ask("chat", provider, stream=True, **more)
    wanted = bool(options and options["include_usage"])
    assert (b'"usage"' in got.body) is wanted
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    check_exact(record, line, provider)


@pytest.mark.parametrize("caller", CALLERS)
def test_b6_a_provider_that_refuses_the_question_is_one_attempt_and_estimated(house: House, caller: str) -> None:
    house.upstream.behave("refuse_stream_options", tokens=9)
    got = house.ask(caller, REFUSING, stream=True)
    assert got.status == 200
    (record,) = house.records(got.decision)
    *refused, answered = house.settled_lines(got.tag, number=len(house.lines(got.tag)))
    assert [line.charge for line in refused] in ([NOTHING], [])
    prompt = f"Be brief.{got.tag} say something"
    check_estimated(record, answered, REFUSING, prompt_bytes=len(prompt), output_bytes=len(WORDS))


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.stream], ids=str)
def test_b6_a_stream_that_says_nothing_of_tokens_is_estimated_by_its_text_however_it_comes(
    house: House, cell: Cell
) -> None:
    """Piece by piece: what has been looked at with care once may be looked at in passing from then on."""
    house.upstream.behave(tokens=9, usage="absent", pace=0.01)
    got = house.ask(cell.caller, cell.provider, stream=True)
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    prompt = f"Be brief.{got.tag} say something"
    check_estimated(record, line, cell.provider, prompt_bytes=len(prompt), output_bytes=len(WORDS))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_b6_an_answer_that_says_nothing_of_tokens_is_estimated_by_its_bytes(house: House, cell: Cell) -> None:
    house.upstream.behave(tokens=9, usage="absent")
    got = house.ask(cell.caller, cell.provider, stream=cell.stream)
    assert got.status == 200
    (record,), (line,) = house.records(got.decision), house.settled_lines(got.tag)
    assert (line.charge, line.told) == (PARTIAL, None)
    assert record.outcome == "Answered"
    prompt = f"Be brief.{got.tag} say something"
    # Of a plain answer the bytes of its parts are counted, which hold more than the text.
    most = len(WORDS) if cell.stream else 3 * len(WORDS)
    check_estimated(record, line, cell.provider, prompt_bytes=len(prompt), output_bytes=most)
    assert record.output_tokens >= len(WORDS.strip()) // 4
