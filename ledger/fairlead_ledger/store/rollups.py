"""The sums of an hour: which records add up to one row, and what each kind of token has cost in it."""

import hashlib
from collections.abc import Container, Iterable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from fairlead_proxy.contract.price import Rates
from fairlead_proxy.contract.usage_record import Basis, UsageRecord

HOUR_MS = 3_600_000

DIMENSIONS = (
    "hour",
    "gateway",
    "namespace",
    "caller",
    "policy",
    "rule",
    "provider",
    "model",
    "upstream_model",
    "operation",
    "basis",
    "currency",
    "price",
)
"""What the records of one row have in common. Without a known cost, currency and price are empty. There may be several
rows of the same: one that is full is set aside."""

KINDS = ("input", "cached_input", "cache_write", "cache_write_long", "output")
"""The kinds of tokens that have a price of their own; they do not overlap."""

SUMS = (
    "attempts",
    "priced",
    "unpriced",
    *(f"{kind}_tokens" for kind in KINDS),
    "reasoning_tokens",
    "cost_nano",
    *(f"{kind}_cost_nano" for kind in KINDS),
)
"""What is added up. `priced` and `unpriced`: attempts whose cost is known, and is not; what is unbilled and has no
price is neither. The costs of the kinds add up to `cost_nano` exactly."""


class PriceUsed(Struct, frozen=True):
    """A record's `price`: the rates that were used, the tier they are of, and where the figures come from."""

    source: str
    above: int
    rates: Rates


def fold(records: Iterable[UsageRecord]) -> list[dict[str, Any]]:
    """Return the rows that these records add, each with its key, ordered by it: whoever writes them in this order
    waits for another writer and is never waited for in turn.
    """
    rows: dict[str, dict[str, Any]] = {}
    for record in records:
        values = _dimensions(record)
        key = hashlib.sha256("\0".join(map(str, values)).encode()).hexdigest()[:32]
        row = rows.get(key)
        if row is None:
            row = rows[key] = {"key": key, **dict(zip(DIMENSIONS, values, strict=True)), **dict.fromkeys(SUMS, 0)}
        _add(row, record)
    return [rows[key] for key in sorted(rows)]


def full_rows(rows: list[dict[str, Any]], added: Container[str]) -> list[dict[str, Any]]:
    """Return those that had no room in their row of the store, of which `added` are the keys of the others."""
    return [row for row in rows if row["key"] not in added]


def aside_of(new: Iterable[str]) -> str:
    """Return what tells the key of a row that is set aside from all others; `new`: ids that no store has had before."""
    return hashlib.sha256(min(new).encode()).hexdigest()[:16]


def split_cost(record: UsageRecord) -> tuple[int, ...]:
    """Return what each of KINDS has cost, in nano-units; they add up to the record's cost, the rest of the rounding
    being with the dearest kind.
    """
    cost = record.cost_nano or 0
    tokens = [getattr(record, f"{kind}_tokens") for kind in KINDS]
    rates = kind_rates(record.price)
    parts = [number * (rate or 0) for number, rate in zip(tokens, rates, strict=True)]
    if not any(parts):
        parts = tokens if any(tokens) else [1, 0, 0, 0, 0]
    whole = sum(parts)
    shares = [cost * part // whole for part in parts]
    shares[parts.index(max(parts))] += cost - sum(shares)
    return tuple(shares)


def kind_rates(price: str) -> tuple[int | None, ...]:
    """Return the rate of each of KINDS by a record's price, in nano-units per million tokens; None: unknown."""
    used = price_used(price)
    if used is None:
        return (None,) * len(KINDS)
    rates = used.rates
    write = rates.input if rates.cache_write is None else rates.cache_write
    return (
        rates.input,
        rates.input if rates.cached_input is None else rates.cached_input,
        write,
        write if rates.cache_write_long is None else rates.cache_write_long,
        rates.output,
    )


@lru_cache(maxsize=4096)
def price_used(price: str) -> PriceUsed | None:
    """Return a record's price; None where it has none, or one that a newer proxy wrote differently."""
    try:
        return msgspec.json.decode(price, type=PriceUsed) if price else None
    except msgspec.MsgspecError:
        return None


def _dimensions(record: UsageRecord) -> tuple[int | str, ...]:
    known = _has_cost(record)
    return (
        record.at // HOUR_MS * HOUR_MS,
        record.gateway,
        record.namespace,
        record.caller,
        record.policy,
        record.rule,
        record.provider,
        record.model,
        record.upstream_model,
        record.operation,
        record.basis,
        record.currency if known else "",
        record.price if known else "",
    )


def _has_cost(record: UsageRecord) -> bool:
    """Say whether the cost is known: a 0 of no currency is what a failure says whose model has no price."""
    return record.cost_nano is not None and record.currency != ""


def _add(row: dict[str, Any], record: UsageRecord) -> None:
    row["attempts"] += 1
    for kind in KINDS:
        row[f"{kind}_tokens"] += getattr(record, f"{kind}_tokens")
    row["reasoning_tokens"] += record.reasoning_tokens
    if not _has_cost(record):
        row["unpriced"] += record.basis != Basis.UNBILLED
        return
    row["priced"] += 1
    row["cost_nano"] += record.cost_nano or 0
    for kind, share in zip(KINDS, split_cost(record), strict=True):
        row[f"{kind}_cost_nano"] += share
