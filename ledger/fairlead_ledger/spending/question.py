"""What is asked of the ledger, and the one statement that answers it: whoever shows money has it from here."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from fairlead_ledger.spending.choices import By
from fairlead_ledger.store.rollups import HOUR_MS, SUMS

COLUMNS: dict[By, tuple[str, ...]] = {
    By.NAMESPACE: ("namespace",),
    By.ROUTE: ("policy", "rule"),
    By.PROVIDER: ("provider",),
    By.MODEL: ("provider", "model"),
    By.CALLER: ("namespace", "caller"),
}
"""The columns of the sums that tell one row of an answer from another."""


_PART = 10**9
"""Rows are added up in two parts, what is above this and what is below: together they may be more than 64 bits hold."""


class Spending(Struct, frozen=True):
    """A question. `since` and `until` are Unix milliseconds, both full hours; `namespace` empty: all of them."""

    by: By
    since: int
    until: int
    namespace: str = ""


def spending(by: By, since_ms: int, until_ms: int, namespace: str = "") -> Spending:
    """Return the question; the hours in which it begins and ends count whole, since the sums are kept by the hour."""
    return Spending(by, since_ms // HOUR_MS * HOUR_MS, -(-until_ms // HOUR_MS) * HOUR_MS, namespace)


def statement_of(question: Spending, columns: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the statement that groups the sums by these columns, and its values; its rows are read by `read_row`."""
    sums = ", ".join(f"cast(sum({high}) as bigint), cast(sum({low}) as bigint)" for high, low in map(_parts, SUMS))
    named = ", ".join(columns)
    values: list[Any] = [question.since, question.until]
    where = "hour >= $1 and hour < $2"
    if question.namespace:
        values.append(question.namespace)
        where += " and namespace = $3"
    return (
        f"select {named}, {sums} from fairlead_rollups where {where} group by {named} order by {named}",  # noqa: S608
        values,
    )


def read_row(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    """Return a row of the statement with these columns, by name: what it is grouped by, and SUMS."""
    parts = row[len(columns) :]
    sums = [high * _PART + low for high, low in zip(parts[::2], parts[1::2], strict=True)]
    return dict(zip((*columns, *SUMS), (*row[: len(columns)], *sums), strict=True))


def losses_of(question: Spending) -> tuple[str, list[Any]]:
    """Return the statement for what was lost, by reason; of a loss nobody knows whose attempts they were."""
    statement = (
        "select reason, cast(sum(attempts) as bigint) from fairlead_losses"
        " where at >= $1 and at < $2 group by reason order by reason"
    )
    return statement, [question.since, question.until]


def moment_text(moment_ms: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(moment_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parts(name: str) -> tuple[str, str]:
    return f"({name} - {name} % {_PART}) / {_PART}", f"{name} % {_PART}"
