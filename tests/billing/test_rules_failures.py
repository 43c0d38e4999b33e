"""Of a call that is repeated, that moves on or is gone on with, each attempt is booked with its own provider (B2)."""

from typing import Any

import pytest
from billing.demands import check_cost, check_estimated, check_exact, check_unbilled
from billing.house import SOME, Cell, House
from billing.objects import BACKUP, backed, repeated
from doubles.invoice import PARTIAL

FAILURES: dict[str, dict[str, dict[str, Any]]] = {
    "plain": {
        "500": {"kind": "status", "status": 500},
        "429": {"kind": "status", "status": 429},
        "reset": {"kind": "reset"},
        "html": {"kind": "html"},
        "garbage": {"kind": "garbage"},
    },
    "stream": {
        "500": {"kind": "status", "status": 500},
        "429": {"kind": "status", "status": 429},
        "reset": {"kind": "reset"},
        "cut-before": {"kind": "cut_before"},
        "error-first": {"kind": "error_first"},
    },
}
FAILING = [pytest.param(cell, name, id=f"{cell}-{name}") for cell in SOME for name in FAILURES[cell.mode]]
BREAKING = ("cut_after", "end_after", "reset_after", "error_after")


@pytest.mark.parametrize(("cell", "name"), FAILING)
def test_b2_an_attempt_that_fails_is_unbilled_and_the_next_one_is_charged_by_its_own_provider(
    house: House, cell: Cell, name: str
) -> None:
    house.upstream.behave(**FAILURES[cell.mode][name])
    house.backup.behave(tokens=8, input_tokens=501)
    got = house.ask(cell.caller, backed(cell.provider), stream=cell.stream)
    assert got.status == 200
    failed, answered = house.records(got.decision, number=2)
    # A request on a connection that had been kept is sent again where that turns out to be closed.
    *firsts, second = house.settled_lines(got.tag, number=len(house.lines(got.tag)))
    # Anthropic counts the prompt in a stream's first event; nothing of it is charged here, as no content came.
    assert firsts
    for first in firsts:
        check_unbilled(failed, first, cell.provider)
    assert failed.outcome != "Answered"
    check_exact(answered, second, BACKUP)
    assert (failed.call, failed.policy, failed.virtual_model) == (
        answered.call,
        answered.policy,
        answered.virtual_model,
    )


@pytest.mark.parametrize("cell", [cell for cell in SOME if not cell.stream], ids=str)
def test_b2_of_an_answer_that_is_cut_no_usage_was_reported(house: House, cell: Cell) -> None:
    """Its vendor has made all of it, and may charge it: what is not told is not known here."""
    house.upstream.behave("cut_body")
    got = house.ask(cell.caller, backed(cell.provider), stream=False)
    failed, answered = house.records(got.decision, number=2)
    first, second = house.settled_lines(got.tag, number=2)
    assert first.charge == PARTIAL
    check_unbilled(failed, None, cell.provider)
    check_exact(answered, second, BACKUP)


@pytest.mark.parametrize("cell", SOME, ids=str)
def test_b2_a_repeat_on_the_same_provider_is_an_attempt_of_its_own(house: House, cell: Cell) -> None:
    assert house.ask(cell.caller, cell.provider, stream=cell.stream).status == 200  # whatever rested it is over
    house.upstream.behave("status", status=500, times=1, tokens=8, input_tokens=501)
    got = house.ask(cell.caller, repeated(cell.provider), stream=cell.stream)
    assert got.status == 200
    failed, answered = house.records(got.decision, number=2)
    first, second = house.settled_lines(got.tag, number=2)
    check_unbilled(failed, first, cell.provider)
    check_exact(answered, second, cell.provider)


@pytest.mark.parametrize("cell", SOME, ids=str)
def test_b2_a_call_that_no_provider_answers_costs_nothing_and_every_attempt_is_there(house: House, cell: Cell) -> None:
    house.upstream.behave("status", status=500)
    house.backup.behave("status", status=503)
    got = house.ask(cell.caller, backed(cell.provider), stream=cell.stream)
    assert got.status == 502
    records = house.records(got.decision, number=2)
    for record, line, provider in zip(
        records, house.settled_lines(got.tag, number=2), (cell.provider, BACKUP), strict=True
    ):
        check_unbilled(record, line, provider)
    assert [record.status for record in records] == [500, 503]


@pytest.mark.parametrize("kind", BREAKING)
@pytest.mark.parametrize("cell", [cell for cell in SOME if cell.stream], ids=str)
def test_b2_a_stream_that_another_target_goes_on_with_is_charged_by_both(house: House, cell: Cell, kind: str) -> None:
    """The first is an estimate, the second as reported; the caller is told the sum."""
    house.upstream.behave(kind, before_tokens=3, pace=0.03, input_tokens=301)
    house.backup.behave(text="from the backup", input_tokens=501)
    got = house.ask(cell.caller, backed(cell.provider), stream=True)
    assert b"gamma" in got.body
    assert b"backup" in got.body
    broken, answered = house.records(got.decision, number=2)
    first, second = house.settled_lines(got.tag, number=2)
    prompt = f"Be brief.{got.tag} say something"
    check_estimated(broken, first, cell.provider, prompt_bytes=len(prompt), output_bytes=len("alpha beta gamma delta "))
    check_exact(answered, second, BACKUP)
    check_cost(answered, BACKUP)
    assert broken.cost_nano is not None
    assert answered.cost_nano is not None
    told = None if cell.caller == "gemini" else broken.cost_nano + answered.cost_nano
    assert got.cost_nano == told
