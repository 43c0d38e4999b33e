"""`fairlead cost` says what was spent: exactly, the same in every form, and never without what is not known."""

import asyncio
import csv
import io
import json
import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from doubles.command_line import invoke
from doubles.usage_records import usage_record

from fairlead_ledger.sinks.sqlite import SqliteSink
from fairlead_ledger.spending.focus import FOCUS_COLUMNS, HEADER
from fairlead_ledger.spending.money import decimal_text, money_text, percent_text
from fairlead_ledger.store.batch import Batch, Loss, Reason
from fairlead_ledger.store.rollups import HOUR_MS
from fairlead_proxy.contract.usage_record import UsageRecord

NOW_MS = int(time.time() * 1000)
THIS_HOUR = NOW_MS // HOUR_MS * HOUR_MS
TIERED = json.dumps({"source": "genai-prices 0.2.3", "above": 200_000, "rates": {"input": 3, "output": 7}})

RECORDS = (
    usage_record("a1", at=NOW_MS),
    usage_record("a2", at=NOW_MS, cost_nano=2_250_001, rule="other"),
    usage_record("a3", at=NOW_MS, basis="estimated"),
    usage_record("a4", at=NOW_MS, basis="unbilled", input_tokens=0, output_tokens=0, cost_nano=0),
    usage_record("b1", at=NOW_MS, namespace="team-b", cost_nano=None, currency="", price="", model="free"),
    usage_record("b2", at=NOW_MS, namespace="team-b", currency="EUR", cached_input_tokens=40, caller="batch"),
    usage_record("c1", at=NOW_MS, namespace="team-c", cost_nano=None, currency="", price=""),
    usage_record("d1", at=NOW_MS, namespace="team-d", cost_nano=0, price=TIERED, input_tokens=300_000),
    usage_record("old", at=THIS_HOUR - 30 * HOUR_MS),
)
LOSS = Loss(id="main-0-1/killed", at=NOW_MS, proxy="main-0-1", reason=Reason.KILLED, attempts=4)


def fill(path: Path, records: tuple[UsageRecord, ...], *losses: Loss) -> None:
    async def work() -> None:
        sink = SqliteSink(path)
        await sink.open("")
        await sink.write(Batch(records, losses))
        await sink.close()

    asyncio.run(work())


@pytest.fixture
def state(tmp_path: Path) -> Path:
    fill(tmp_path / "ledger.sqlite", RECORDS, LOSS)
    return tmp_path


def ask(state: Path, *arguments: str) -> Any:
    result = invoke("cost", "--state", state, "--format", "json", *arguments)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def rows_of(state: Path, *arguments: str) -> list[dict[str, str]]:
    result = invoke("cost", "--state", state, *arguments)
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_a_namespace_is_a_row_with_its_exact_cost(state: Path) -> None:
    rows = {row["namespace"]: row for row in ask(state)["rows"]}
    assert rows["team-a"] == {
        "namespace": "team-a",
        "attempts": 4,
        "unpriced": 0,
        "unbilled": 1,
        "estimated": 1,
        "input_tokens": 3_000,
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "output_tokens": 300,
        "reasoning_tokens": 0,
        "currency": "USD",
        "cost": "0.006750001",
        "estimated_cost": "0.00225",
    }


def test_an_unknown_cost_is_absent_and_a_zero_is_a_zero(state: Path) -> None:
    rows = {row["namespace"]: row for row in ask(state)["rows"]}
    assert (rows["team-c"]["cost"], rows["team-c"]["unpriced"]) == (None, 1)
    assert (rows["team-d"]["cost"], rows["team-d"]["unpriced"]) == ("0.00", 0)


@pytest.mark.parametrize("cost", [None, 0])
def test_where_nothing_has_a_price_the_cost_is_unknown_though_a_failure_cost_nothing(
    tmp_path: Path, cost: int | None
) -> None:
    failed = usage_record("failed", at=NOW_MS, basis="unbilled", cost_nano=cost, currency="", price="")
    answered = usage_record("answered", at=NOW_MS, cost_nano=None, currency="", price="")
    fill(tmp_path / "ledger.sqlite", (failed, answered))
    answer = ask(tmp_path)
    for row in (*answer["rows"], *answer["totals"]):
        assert (row["attempts"], row["unpriced"], row["unbilled"]) == (2, 1, 1)
        assert (row["currency"], row["cost"], row["estimated_cost"]) == (None, None, None)
    cells = [line.split() for line in invoke("cost", "--state", tmp_path).stdout.splitlines()]
    assert ["total", "2", "2000", "0", "0", "200", "1", "0", "unknown"] in cells
    assert {charge["BilledCost"] for charge in rows_of(tmp_path, "--format", "focus")} == {""}


def test_what_has_no_price_stands_beside_what_has_one(state: Path) -> None:
    rows = [row for row in ask(state)["rows"] if row["namespace"] == "team-b"]
    assert [(row["attempts"], row["unpriced"], row["currency"], row["cost"]) for row in rows] == [
        (2, 1, "EUR", "0.00225")
    ]


@pytest.mark.parametrize("by", ["namespace", "route", "provider", "model", "caller"])
def test_every_question_has_the_same_totals(state: Path, by: str) -> None:
    answer = ask(state, "--by", by)
    assert [(row["currency"], row["cost"]) for row in answer["totals"]] == [("EUR", "0.00225"), ("USD", "0.006750001")]
    assert sum(row["attempts"] for row in answer["rows"]) == sum(row["attempts"] for row in answer["totals"]) == 8
    for currency in ("EUR", "USD"):
        rows = [row for row in answer["rows"] if row["currency"] == currency and row["cost"]]
        (total,) = [row for row in answer["totals"] if row["currency"] == currency]
        assert sum(Decimal(row["cost"]) for row in rows) == Decimal(total["cost"])


@pytest.mark.parametrize(
    ("by", "key"),
    [
        ("route", {"policy": "team-a/bot", "rule": "usual"}),
        ("provider", {"provider": "default/openai"}),
        ("model", {"provider": "default/openai", "model": "large"}),
        ("caller", {"namespace": "team-a", "caller": "app"}),
    ],
)
def test_a_row_is_named_by_what_was_asked_for(state: Path, by: str, key: dict[str, str]) -> None:
    assert any(key.items() <= row.items() for row in ask(state, "--by", by)["rows"])


def test_one_namespace_alone(state: Path) -> None:
    assert [row["namespace"] for row in ask(state, "-n", "team-a")["rows"]] == ["team-a"]


def test_what_was_lost_is_told(state: Path) -> None:
    assert ask(state)["lost"] == {"killed": 4}
    assert "lost: 4 attempts are in no row (killed 4)" in invoke("cost", "--state", state).stdout


def test_the_time_is_told_in_full_hours(state: Path) -> None:
    answer = ask(state, "--since", "2026-01-01T06:59:59Z", "--until", "2026-01-01T08:00:01Z")
    assert (answer["since"], answer["until"]) == ("2026-01-01T06:00:00Z", "2026-01-01T09:00:00Z")
    assert answer["rows"] == []


def test_a_longer_time_holds_more(state: Path) -> None:
    assert sum(row["attempts"] for row in ask(state, "--since", "40h")["rows"]) == 9


def test_the_table_shows_totals_and_what_is_not_known(state: Path) -> None:
    lines = invoke("cost", "--state", state).stdout.splitlines()
    cells = [line.split() for line in lines]
    assert cells[0] == [
        *("NAMESPACE", "ATTEMPTS", "INPUT", "CACHED", "CACHE-WRITE", "OUTPUT", "UNPRICED", "ESTIMATED", "COST")
    ]
    assert ["team-a", "4", "3000", "0", "0", "300", "0", "1", "0.006750001", "USD"] in cells
    assert ["team-c", "1", "1000", "0", "0", "100", "1", "0", "unknown"] in cells
    assert ["total", "1", "1000", "40", "0", "100", "0", "0", "0.00225", "EUR"] in cells
    assert "unpriced: 2 attempts (25.0 %) have no known price and are in no cost" in lines
    assert "estimated: 1 attempts (12.5 %); 0.00225 USD of the cost is by estimate" in lines


def test_csv_leaves_an_unknown_cost_empty(state: Path) -> None:
    rows = {row["namespace"]: row for row in rows_of(state, "--format", "csv")}
    assert (rows["team-c"]["cost"], rows["team-d"]["cost"]) == ("", "0.00")
    assert rows["team-a"]["cost"] == "0.006750001"


def test_focus_has_the_columns_of_version_1_4_in_their_order_and_its_own_after_them(state: Path) -> None:
    result = invoke("cost", "--state", state, "--format", "focus")
    header = result.stdout.splitlines()[0].split(",")
    assert tuple(header) == HEADER
    assert len(FOCUS_COLUMNS) == 65
    assert all(name.startswith("x_") for name in header[65:])


def test_the_charges_of_focus_add_up_to_the_totals(state: Path) -> None:
    charges = rows_of(state, "--format", "focus")
    for total in ask(state)["totals"]:
        own = [charge for charge in charges if charge["BillingCurrency"] == total["currency"]]
        for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
            assert sum(Decimal(charge[column]) for charge in own) == Decimal(total["cost"])


def test_a_charge_is_a_kind_of_tokens_with_its_price(state: Path) -> None:
    charges = rows_of(state, "--format", "focus", "-n", "team-b")
    cached = next(charge for charge in charges if charge["SkuMeter"] == "Cached Input Tokens")
    expected = {
        "BillingCurrency": "EUR",
        "ChargeCategory": "Usage",
        "ConsumedQuantity": "40",
        "ConsumedUnit": "Tokens",
        "ListUnitPrice": "0.125",
        "PricingQuantity": "0.00004",
        "PricingUnit": "1000000 Tokens",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceProviderName": "default/openai",
        "SkuId": "gpt-5.4/Cached Input Tokens",
        "SubAccountId": "team-b",
        "SubAccountName": "team-b",
        "x_Caller": "batch",
        "x_PriceSource": "ModelProvider",
    }
    assert expected.items() <= cached.items()
    assert json.loads(cached["Tags"]) == {"fairlead.dev/policy": "team-a/bot", "fairlead.dev/rule": "usual"}


def test_a_price_times_its_quantity_is_the_cost_but_for_the_rounding(state: Path) -> None:
    for charge in rows_of(state, "--format", "focus", "-n", "team-a"):
        exact = Fraction(charge["ListUnitPrice"]) * Fraction(charge["PricingQuantity"])
        assert abs(exact - Fraction(charge["ListCost"])) <= Fraction(3, 10**9)


def test_an_unknown_cost_is_null_in_focus_and_counted(state: Path) -> None:
    charges = rows_of(state, "--format", "focus", "-n", "team-c")
    assert [(charge["BilledCost"], charge["ListUnitPrice"], charge["BillingCurrency"]) for charge in charges] == [
        ("", "", ""),
        ("", "", ""),
    ]
    assert [charge["x_UnpricedAttemptCount"] for charge in charges] == ["1", ""]


def test_attempts_that_used_nothing_are_counted_in_focus(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {"at": NOW_MS, "input_tokens": 0, "output_tokens": 0}
    records = (
        usage_record("answered", at=NOW_MS),
        usage_record("failed", basis="unbilled", cost_nano=0, **nothing),
        usage_record("free", cost_nano=None, currency="", price="", **nothing),
    )
    fill(tmp_path / "ledger.sqlite", records)
    charges = rows_of(tmp_path, "--format", "focus")
    assert sum(int(charge["x_AttemptCount"] or 0) for charge in charges) == 3
    assert sum(int(charge["x_UnpricedAttemptCount"] or 0) for charge in charges) == 1
    unused = [charge for charge in charges if charge["ConsumedQuantity"] == "0"]
    assert sorted((charge["x_Basis"], charge["BilledCost"], charge["SkuMeter"]) for charge in unused) == [
        ("reported", "", "Input Tokens"),
        ("unbilled", "0", "Input Tokens"),
    ]


def test_a_tier_is_a_price_of_its_own_in_focus(state: Path) -> None:
    charges = rows_of(state, "--format", "focus", "-n", "team-d")
    assert {charge["SkuPriceId"] for charge in charges} == {
        "gpt-5.4/Input Tokens/above 200000",
        "gpt-5.4/Output Tokens/above 200000",
    }
    assert {charge["BilledCost"] for charge in charges} == {"0"}


def test_a_charge_lies_within_its_hour_and_its_month(tmp_path: Path) -> None:
    december = 1_767_222_000_000  # 31 December 2025, 23:00 UTC
    fill(tmp_path / "ledger.sqlite", (usage_record("a", at=december + 1),))
    charge, _ = rows_of(tmp_path, "--format", "focus", "--since", "2025-12-01", "--until", "2026-02-01")
    assert [charge[f"{period}Period{end}"] for period in ("Charge", "Billing") for end in ("Start", "End")] == [
        "2025-12-31T23:00:00Z",
        "2026-01-01T00:00:00Z",
        "2025-12-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    ]


def test_a_ledger_without_calls_is_an_empty_table(tmp_path: Path) -> None:
    fill(tmp_path / "ledger.sqlite", ())
    result = invoke("cost", "--state", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "nothing was called in this time\n")
    assert "NAMESPACE" in result.stdout


def test_a_ledger_that_is_not_there_is_refused_with_the_remedy(tmp_path: Path) -> None:
    result = invoke("cost", "--state", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == (
        f"{tmp_path}/ledger.sqlite: there is no ledger here; "
        "start fairlead run, or name the ledger with --database or --state\n"
    )
    assert not (tmp_path / "ledger.sqlite").exists()


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.sqlite").write_text("")
    result = invoke("cost", "--database", tmp_path / "empty.sqlite")
    assert (result.exit_code, "this is not a ledger" in result.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--since", "yesterday"), "--since yesterday: is no moment; write how long ago, like 24h or 7d"),
        (("--since", "1h", "--until", "3h"), "--since 1h: is not before --until 3h; give an earlier moment"),
        (("--database", "postgres://u:secret@127.0.0.1:1/x"), "the ledger cannot be asked: postgres://127.0.0.1:1/x: "),
        (("--database", "postgres://u:sec/ret@h/x"), "this is no address of a database"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_remedy(state: Path, arguments: tuple[str, ...], told: str) -> None:
    result = invoke("cost", "--state", state, *arguments)
    assert (result.exit_code, told in result.stderr) == (2, True), result.stderr
    assert "sec" not in result.stderr.replace("second", "")


def test_the_environment_names_the_ledger(state: Path) -> None:
    environ = {"FAIRLEAD_LEDGER_DATABASE": str(state / "ledger.sqlite")}
    assert "team-a" in invoke("cost", environ=environ).stdout


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (1_500_000_000, "1.50"),
        (-1, "-0.000000001"),
        (123_456_789_012_345_678, "123456789.012345678"),
    ],
)
def test_money_is_printed_exactly(nano: int, text: str) -> None:
    assert money_text(nano) == text
    assert Decimal(text) * 10**9 == nano


def test_quantities_and_shares_are_printed_without_floats() -> None:
    assert decimal_text(1_234_567, 6) == "1.234567"
    assert decimal_text(2_000_000, 6) == "2"
    assert [percent_text(part, 3) for part in range(4)] == ["0.0 %", "33.3 %", "66.7 %", "100.0 %"]
    assert percent_text(0, 0) == "0.0 %"
