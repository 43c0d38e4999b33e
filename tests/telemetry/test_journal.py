"""The journal: nothing is booked twice, late or out of order."""

import asyncio
from collections.abc import Sequence

import pytest
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.names import Operation
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.telemetry.journal import BATCH, SOON_SECONDS, Journal


class Reader:
    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def __call__(self, records: Sequence[CallRecord]) -> None:
        self.batches.append([record.call for record in records])


def record(number: int) -> CallRecord:
    return CallRecord(f"d-{number}", "", "team", "", "r-1", Operation.CHAT, 0.0)


def journal_of(*readers: Reader) -> Journal:
    journal = Journal()
    journal.hand_to(*readers)
    return journal


def test_calls_are_handed_to_every_reader_together_and_in_order() -> None:
    async def main() -> None:
        one, two = Reader(), Reader()
        journal = journal_of(one, two)
        for number in range(3):
            journal.add(record(number))
        assert one.batches == []
        await asyncio.sleep(SOON_SECONDS)
        assert one.batches == two.batches == [["d-0", "d-1", "d-2"]]

    run_virtual(main())


def test_whoever_cannot_wait_has_the_journal_catch_up_and_nothing_comes_twice() -> None:
    async def main() -> None:
        reader = Reader()
        journal = journal_of(reader)
        journal.add(record(1))
        journal.catch_up()
        journal.catch_up()
        await asyncio.sleep(SOON_SECONDS / 2)
        journal.add(record(2))
        await asyncio.sleep(SOON_SECONDS * 0.75)
        assert reader.batches == [["d-1"]]
        await asyncio.sleep(SOON_SECONDS)
        assert reader.batches == [["d-1"], ["d-2"]]

    run_virtual(main())


def test_many_calls_do_not_wait_for_the_time_to_be_up() -> None:
    async def main() -> None:
        reader = Reader()
        journal = journal_of(reader)
        for number in range(BATCH + 1):
            journal.add(record(number))
        assert [len(batch) for batch in reader.batches] == [BATCH]

    run_virtual(main())


def test_fault_of_one_reader_is_not_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def fail(records: Sequence[CallRecord]) -> None:
            raise ValueError("secret")

        reader = Reader()
        journal = Journal()
        journal.hand_to(fail, reader)
        journal.add(record(1))
        journal.catch_up()
        assert reader.batches == [["d-1"]]

    run_virtual(main())
    assert "calls could not be booked: ValueError" in caplog.text
