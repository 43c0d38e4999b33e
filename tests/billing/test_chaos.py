"""The billing run in its short form, and what its promises let pass and do not."""

from dataclasses import replace
from pathlib import Path

import pytest
from doubles.cost_oracle import nano_cost
from doubles.figures import Figures
from doubles.invoice import NOTHING, PARTIAL, WHOLE, Line
from doubles.vendor_counts import Tokens

from fairlead_bench.billing.comparing import Booked, compare
from fairlead_bench.billing.killing import Killed
from fairlead_bench.billing.page import render
from fairlead_bench.billing.prices import PRICES
from fairlead_bench.billing.promises import balances, checks
from fairlead_bench.billing.running import Form, Ran, run

CALLS, RATE, KILL_SECONDS, SHIP_KILL_SECONDS = 600, 40.0, 4.0, 5.0
TOLD = Tokens(30, 5, output=12)
COST = nano_cost(TOLD, PRICES["chat"])
assert COST is not None
RECORD = Booked("d1", 1, 100.0, "chat", "model", "reported", "Answered", TOLD, COST)
LINE = Line(1, 100.0, "openai-chat", "OpenAI", "sk", "model", False, tag="call-1", ended_at=101.0)
CHARGED = replace(LINE, charge=WHOLE, tokens=TOLD)
TAGS = {"d1": "call-1"}


def ran_of(records: list[Booked], lines: list[Line], *, began: int = 0, lost: int = 0) -> Ran:
    """Return a run of one call, in which so many attempts began and so many were lost with a killed proxy."""
    ran = Ran(Form(1, 1.0, 1, 1.0, 1.0), records=records, lines={"chat": lines})
    ran.ends["answered"] = 1
    ran.killed.append(Killed(101.5, "worker-0-1", began, began - lost, 0))
    ran.losses["killed"] = lost
    ran.rollups = (len(records), sum(record.cost or 0 for record in records), 0)
    ran.compared = compare(records, ran.lines, TAGS, PRICES)
    return ran


def broken(ran: Ran) -> list[str]:
    """Return the promises that were not kept, but for those on estimates, of which there are none here."""
    return [each.what for each in checks(ran) if not each.kept and "estimate" not in each.what]


def test_the_ledger_holds_what_is_charged_whatever_is_killed_meanwhile(tmp_path: Path, figures: Figures) -> None:
    ran = run(Form(CALLS, RATE, 1, KILL_SECONDS, SHIP_KILL_SECONDS), tmp_path)
    assert [each for each in checks(ran) if not each.kept] == [], render(ran)
    assert len(ran.killed) >= 2
    assert ran.shippers_killed >= 1
    assert sum(ran.faults.values()) >= 2
    share = len(ran.compared.lost) / len(ran.records)
    figures.hold("billing run, share of the attempts that killed proxies lost", share, bound=0.05, unit="of all")


def test_a_record_that_is_its_line_is_even() -> None:
    ran = ran_of([RECORD], [CHARGED], began=1)
    assert broken(ran) == []
    assert balances(ran)["chat"].charged.cost == COST


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, tokens=replace(TOLD, output=13)),
        replace(RECORD, tokens=replace(TOLD, cached=0, plain=35)),
        replace(RECORD, cost=COST + 1),
        replace(RECORD, cost=None),
    ],
    ids=["tokens", "kind", "nano-unit", "unpriced"],
)
def test_a_record_that_is_off_by_the_least_is_strange(record: Booked) -> None:
    assert any("not their invoice's line" in each for each in broken(ran_of([record], [CHARGED], began=1)))


def test_a_line_that_is_booked_twice_is_seen() -> None:
    twice = ran_of([RECORD, replace(RECORD, call="d2")], [CHARGED], began=2)
    assert "providers whose balance is not even" in broken(twice)
    assert "calls whose attempts are not booked once each" in broken(ran_of([RECORD, RECORD], [CHARGED], began=2))


def test_what_is_charged_and_not_booked_must_have_been_counted_as_lost() -> None:
    assert "charged and not in the ledger" in broken(ran_of([], [CHARGED], began=1))
    counted = ran_of([], [CHARGED], began=1, lost=1)
    assert not any("not in the ledger" in each or "balance" in each for each in broken(counted))


def test_what_was_over_long_before_a_kill_must_not_be_lost() -> None:
    early = replace(CHARGED, at=90.0, ended_at=91.0)
    assert any("before a kill" in each for each in broken(ran_of([], [early], began=1, lost=1)))


def test_an_attempt_that_began_and_is_neither_booked_nor_lost_is_seen() -> None:
    assert broken(ran_of([RECORD], [CHARGED], began=2)) == ["attempts that began: booked, or counted as lost"]


def test_the_attempts_of_one_call_find_their_own_lines() -> None:
    failed = replace(LINE, number=1, status=500, charge=NOTHING)
    part = replace(LINE, number=2, at=100.5, charge=PARTIAL, tokens=Tokens(35, output=3), stream=True)
    answered = replace(CHARGED, number=3, at=101.0)
    records = [
        replace(RECORD, attempt=1, basis="unbilled", outcome="ServerError", tokens=Tokens(), cost=0),
        replace(RECORD, attempt=2, basis="estimated", outcome="StreamBroken", tokens=Tokens(34, output=2), cost=1),
        replace(RECORD, attempt=3),
    ]
    compared = compare(records, {"chat": [answered, failed, part]}, TAGS, PRICES)
    assert [pair.line.number for pair in (*compared.unbilled, *compared.estimated, *compared.exact)] == [1, 2, 3]
    assert (compared.lost, compared.strange) == ([], [])


def test_a_record_of_a_call_that_nobody_knows_is_found_by_its_tokens() -> None:
    other = replace(CHARGED, number=2, tag="call-2", tokens=replace(TOLD, output=9))
    compared = compare([replace(RECORD, call="unknown")], {"chat": [other, CHARGED]}, {}, PRICES)
    assert [pair.line.number for pair in compared.exact] == [1]
    assert [line.number for _, line, _ in compared.lost] == [2]
