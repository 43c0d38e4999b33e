"""What one line of a segment says: a kind, a record, or nothing that can be booked."""

import msgspec

from fairlead_proxy.contract.usage_record import Entry, Kind, UsageRecord, record_of

MOST_TOKENS = 10**12
MOST_COST_NANO = 10**15
"""What one attempt may say it used of each kind and cost, a million units of the currency: more than any does, also
where the currency is a small one, and so little that a batch of them has room in a row of sums."""

MOST_STATUS = 999
"""Statuses of HTTP have three digits. Source: RFC 9110, section 15."""

_KIND = msgspec.json.Decoder(Kind)
_ENTRY = msgspec.json.Decoder(Entry)


def is_kind(line: bytes) -> bool:
    """Say whether a line is a kind; every other one is a record, readable or not, and has a number."""
    return line.startswith(b"{")


def read_kind(line: bytes) -> Kind | None:
    """Return a kind; None where this is none, so that the records of it cannot be read either."""
    try:
        kind = _KIND.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return kind if 0 <= kind.status <= MOST_STATUS else None


def read_record(line: bytes, kinds: dict[int, Kind]) -> UsageRecord | None:
    """Return a record in full; None where it cannot be read, is of no known kind, or says what cannot be."""
    try:
        entry = _ENTRY.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    kind = kinds.get(entry.kind)
    tokens = (
        entry.input,
        entry.output,
        entry.cached_input,
        entry.cache_write,
        entry.cache_write_long,
        entry.reasoning,
    )
    believable = (
        all(0 <= number <= MOST_TOKENS for number in tokens)
        and (entry.cost is None or 0 <= entry.cost <= MOST_COST_NANO)
        and all(0 <= number <= MOST_COST_NANO for number in (entry.at, entry.duration_ms, entry.attempt))
    )
    return record_of(kind, entry) if kind is not None and believable else None
