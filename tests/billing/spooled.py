"""Reads what a proxy has spooled, by the form that its contract documents: for tests that run without a shipper."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from doubles.vendor_counts import Tokens

from fairlead_proxy.contract.usage_record import COUNTERS_FILE, SEGMENT_SUFFIX, Entry, Kind, UsageRecord, record_of


@dataclass(frozen=True)
class Counters:
    """Of one life of a proxy, or summed over several."""

    began: int
    spooled: int
    dropped: int


def read_spool(root: Path) -> list[UsageRecord]:
    """Return every record that is written whole, in the order in which each life wrote them."""
    return [record for directory in _lives(root) for record in _read_life(directory)]


def read_counters(root: Path) -> Counters:
    found = [struct.unpack("=3Q", directory.joinpath(COUNTERS_FILE).read_bytes()) for directory in _lives(root)]
    return Counters(*(sum(each[place] for each in found) for place in range(3)))


def tokens_of(record: UsageRecord) -> Tokens:
    return Tokens(
        record.input_tokens,
        record.cached_input_tokens,
        record.cache_write_tokens,
        record.cache_write_long_tokens,
        record.output_tokens,
        record.reasoning_tokens,
    )


def _lives(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _read_life(directory: Path) -> Iterator[UsageRecord]:
    for segment in sorted(directory.glob(f"*{SEGMENT_SUFFIX}")):
        kinds: dict[int, Kind] = {}
        *lines, _ = segment.read_bytes().split(b"\n")  # what follows the last newline is not written yet
        for line in lines:
            content = json.loads(line)
            if isinstance(content, dict):
                kind = msgspec.convert(content, Kind)
                kinds[kind.kind] = kind
            else:
                entry = msgspec.convert(content, Entry)
                yield record_of(kinds[entry.kind], entry)
