"""Writes a spool as a proxy does, from its documented form alone, and can stop at any byte of it."""

import fcntl
import json
import mmap
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LONG_AGO_MS = 1_700_000_000_000
"""14 November 2023, 22:13:20 UTC: a life that began then is past its birth."""

PRICE = {"currency": "USD", "rates": {"input": 1_250_000_000, "cached_input": 125_000_000, "output": 10_000_000_000}}
"""1.25, 0.125 and 10 dollars per million tokens."""

KIND: dict[str, Any] = {
    "gateway": "default/main",
    "proxy": "main-0",
    "namespace": "team-a",
    "caller": "app",
    "policy": "team-a/bot",
    "rule": "usual",
    "provider": "default/openai",
    "credential": "main",
    "model": "large",
    "upstream_model": "gpt-5.4",
    "virtual_model": "smart",
    "operation": "chat",
    "mode": "plain",
    "outcome": "Answered",
    "status": 200,
    "price": PRICE,
}


def kind_line(number: int, **other: Any) -> str:
    """Return a kind that differs from KIND so; a field that is None is left out."""
    fields = {"kind": number, **KIND, **other}
    return json.dumps({name: value for name, value in fields.items() if value is not None}) + "\n"


def entry_line(
    call: str,
    *,
    kind: int = 0,
    attempt: int = 1,
    at: int = LONG_AGO_MS,
    cost: int | None = 2_250_000,
    tokens: Iterable[int] = (1_000, 100),
) -> str:
    """Return a record; `tokens` in the order of an Entry: input, output, cached, written, written for long, reasoning.

    By PRICE the tokens cost 1,000 × 1.25 + 100 × 10 dollars per million: 2,250,000 nano-dollars.
    """
    return json.dumps([kind, call, attempt, at, 250, cost, *tokens]) + "\n"


class SpoolWriter:
    """One life of a proxy, holding its lock until `end`. Each segment begins with the kinds."""

    def __init__(
        self,
        root: Path,
        *,
        proxy: str = "main-0",
        started_ms: int = LONG_AGO_MS,
        kinds: Iterable[str] = (kind_line(0),),
        segment_records: int = 100,
    ) -> None:
        self.directory = root / f"{proxy}-{started_ms}"
        self.directory.mkdir(parents=True)
        self.calls: list[str] = []
        """The calls of all records written, in order."""
        self._kinds = list(kinds)
        self._segment_records = segment_records
        self._lock: int | None = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        with (self.directory / "counters").open("w+b") as file:
            file.truncate(24)
            self._memory = mmap.mmap(file.fileno(), 24)
        self._counters = memoryview(self._memory).cast("Q")
        self._segment: Path | None = None
        self._in_segment = 0

    def write(self, *calls: str, **fields: Any) -> None:
        """Begin, write and count one record for each call."""
        for call in calls:
            self.begin()
            self.write_line(entry_line(call, **fields))
            self.calls.append(call)
            self.confirm()

    def write_line(self, line: str) -> None:
        """Write any line, or part of one, that is not counted yet."""
        if self._segment is None or self._in_segment >= self._segment_records:
            self._segment = self.directory / f"{self._counters[1]:020}.spool"
            self._segment.write_text("".join(self._kinds))
            self._in_segment = 0
        with self._segment.open("a") as file:
            file.write(line)

    def begin(self, attempts: int = 1) -> None:
        self._counters[0] += attempts

    def confirm(self, records: int = 1) -> None:
        """Count records that were written."""
        self._counters[1] += records
        self._in_segment += records

    def drop(self, records: int) -> None:
        """Attempts that began and whose records were dropped before they had a number."""
        self.begin(records)
        self._counters[2] += records

    def segments(self) -> list[Path]:
        return sorted(self.directory.glob("*.spool"))

    def end(self) -> None:
        """The process is gone: its lock is free, what it counted stays."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            self._counters.release()
            self._memory.close()
