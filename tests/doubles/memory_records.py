"""A spool in memory: it keeps what is booked as whoever ships it would read it."""

from collections.abc import Sequence

import msgspec

from fairlead_proxy.contract.usage_record import DROPPED, SPOOLED, Entry, Kind, UsageRecord, record_of


class MemoryRecords:
    """See telemetry.booking.Records. `full`: it takes nothing more."""

    def __init__(self) -> None:
        self.counters = memoryview(bytearray(24)).cast("Q")
        self.kinds: dict[int, Kind] = {}
        self.records: list[UsageRecord] = []
        self.full = False

    def append(self, kinds: Sequence[str], entries: Sequence[str], *, renew: bool) -> bool:
        if self.full:
            self.drop(len(entries), "it is full")
            return False
        if renew:
            self.kinds = {}
        for line in kinds:
            kind = msgspec.json.decode(line, type=Kind)
            assert kind.kind not in self.kinds, "this number is taken"
            self.kinds[kind.kind] = kind
        for line in entries:
            entry = msgspec.json.decode(line, type=Entry)
            self.records.append(record_of(self.kinds[entry.kind], entry))
        self.counters[SPOOLED] += len(entries)
        return True

    def drop(self, records: int, why: str) -> None:
        self.counters[DROPPED] += records
