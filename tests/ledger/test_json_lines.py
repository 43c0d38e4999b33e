"""A file of JSON lines holds every record once, whatever happened between writing it and remembering that."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from doubles.spool_writer import LONG_AGO_MS
from doubles.usage_records import usage_record

from fairlead_ledger.sinks.json_lines import JsonLinesFile, lines_of
from fairlead_ledger.sinks.sink import SinkDown
from fairlead_ledger.store.batch import Batch, Loss, Reason


def lines_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def calls_in(path: Path) -> list[str]:
    return [line["call"] for line in lines_in(path)]


async def write(path: Path, mark: str, *calls: str) -> str:
    """Write a batch through a sink of its own, begun at this mark; return the mark after it."""
    sink = JsonLinesFile(path)
    await sink.open(mark)
    written = await sink.write(Batch(tuple(usage_record(call) for call in calls)))
    await sink.close()
    return written.mark


async def test_a_line_holds_every_field_and_an_unknown_cost_is_null(tmp_path: Path) -> None:
    record = usage_record("a", cost_nano=None)
    sink = JsonLinesFile(tmp_path / "ledger.jsonl")
    await sink.open("")
    await sink.write(Batch((record,)))
    await sink.close()
    (line,) = lines_in(tmp_path / "ledger.jsonl")
    assert line == {name: getattr(record, name) for name in record.__struct_fields__}
    assert line["cost_nano"] is None


async def test_what_was_written_after_the_saved_mark_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    saved = await write(path, "", "a")
    await write(path, saved, "b", "c")
    await write(path, saved, "b", "c", "d")
    assert calls_in(path) == ["a", "b", "c", "d"]


async def test_half_a_line_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    saved = await write(path, "", "a")
    with path.open("a") as file:
        file.write('{"id": "half')
    await write(path, saved, "b")
    assert calls_in(path) == ["a", "b"]


async def test_a_batch_that_is_written_again_within_one_process_stands_there_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    sink = JsonLinesFile(path)
    saved = await sink.open("")
    for _ in range(2):
        await sink.open(saved)
        await sink.write(Batch((usage_record("a"),)))
    await sink.close()
    assert calls_in(path) == ["a"]


async def test_a_file_that_was_there_before_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"call": "old"}\n')
    await write(path, "", "new")
    assert calls_in(path) == ["old", "new"]


@pytest.mark.parametrize("way", ["renamed", "emptied", "deleted"])
async def test_a_file_that_is_rotated_meanwhile_is_begun_anew(tmp_path: Path, way: str) -> None:
    path, old = tmp_path / "ledger.jsonl", tmp_path / "ledger.jsonl.1"
    sink = JsonLinesFile(path)
    mark = await sink.open("")
    mark = (await sink.write(Batch((usage_record("a"),)))).mark
    rotate: dict[str, Callable[[], object]] = {
        "renamed": lambda: path.rename(old),
        "emptied": lambda: os.truncate(path, 0),
        "deleted": path.unlink,
    }
    rotate[way]()
    mark = await sink.open(mark)
    await sink.write(Batch((usage_record("b"),)))
    await sink.close()
    await write(path, mark, "b", "c")
    assert calls_in(path) == ["b", "c"]


async def test_a_file_that_cannot_be_written_is_told_with_its_path(tmp_path: Path) -> None:
    sink = JsonLinesFile(tmp_path / "none" / "ledger.jsonl")
    with pytest.raises(SinkDown, match=r"none/ledger\.jsonl: .*No such file or directory"):
        await sink.open("")
    await sink.close()


async def test_a_full_disk_keeps_nothing_of_the_batch(tmp_path: Path) -> None:
    sink = JsonLinesFile(Path("/dev/full"))
    await sink.open("")
    with pytest.raises(SinkDown, match=r"/dev/full: .*No space left on device"):
        await sink.write(Batch((usage_record("a"),)))
    await sink.close()


def test_a_loss_is_a_line_too() -> None:
    loss = Loss(id="main-0-1/killed", at=LONG_AGO_MS, proxy="main-0-1", reason=Reason.KILLED, attempts=3)
    assert json.loads(lines_of(Batch((), (loss,)))) == {
        "id": "main-0-1/killed",
        "at": LONG_AGO_MS,
        "proxy": "main-0-1",
        "lost": 3,
        "reason": "killed",
    }
