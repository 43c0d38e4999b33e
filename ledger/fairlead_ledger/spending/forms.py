"""An answer as text for programs: CSV, JSON, and the CSV of FOCUS."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fairlead_ledger.spending.answer import Answer, Row
from fairlead_ledger.spending.focus import HEADER
from fairlead_ledger.spending.money import money_text
from fairlead_ledger.spending.question import COLUMNS, moment_text

_NUMBERS = (
    "attempts",
    "unpriced",
    "unbilled",
    "estimated",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)


def csv_text(answer: Answer) -> str:
    """Return one line a row; an unknown cost is empty."""
    names = COLUMNS[answer.question.by]
    header = (*names, *_NUMBERS, "currency", "cost", "estimated_cost")
    return _csv(header, (_named(row, names) for row in answer.rows))


def focus_text(charges: Iterable[Mapping[str, str]]) -> str:
    return _csv(HEADER, charges)


def json_text(answer: Answer) -> str:
    """Return the whole answer; money is text, so that no reader makes a float of it, and null where it is unknown."""
    names = COLUMNS[answer.question.by]
    told: dict[str, Any] = {
        "since": moment_text(answer.question.since),
        "until": moment_text(answer.question.until),
        "by": answer.question.by,
        "namespace": answer.question.namespace or None,
        "rows": [_json_row(row, names) for row in answer.rows],
        "totals": [_json_row(row, ()) for row in answer.totals],
        "lost": answer.losses,
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _named(row: Row, names: Sequence[str]) -> dict[str, Any]:
    cost = "" if row.cost_nano is None else money_text(row.cost_nano)
    estimated = "" if row.cost_nano is None else money_text(row.estimated_cost_nano)
    told: dict[str, Any] = dict(zip(names, row.key, strict=True)) | {name: getattr(row, name) for name in _NUMBERS}
    return told | {"currency": row.currency, "cost": cost, "estimated_cost": estimated}


def _json_row(row: Row, names: Sequence[str]) -> dict[str, Any]:
    told = _named(row, names)
    return told | {name: told[name] or None for name in ("currency", "cost", "estimated_cost")}


def _csv(header: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
