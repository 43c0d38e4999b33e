"""Gives a store what it takes of a batch, finds the records that it will not have, and tells it those as lost."""

import hashlib
from typing import Protocol

from fairlead_ledger.sinks.sink import SinkDown, Written
from fairlead_ledger.store.batch import Batch, Loss, Reason
from fairlead_ledger.store.errors import StoreRefused
from fairlead_proxy.contract.usage_record import UsageRecord

HARMLESS = Batch(
    (
        UsageRecord(
            id="harmless",
            call="harmless",
            attempt=1,
            at=0,
            duration_ms=0,
            gateway="",
            proxy="",
            namespace="",
            caller="",
            policy="",
            rule="",
            provider="",
            credential="",
            model="",
            upstream_model="",
            virtual_model="",
            operation="chat",
            mode="plain",
            outcome="Answered",
            status=200,
            basis="reported",
            input_tokens=1,
            cached_input_tokens=0,
            cache_write_tokens=0,
            cache_write_long_tokens=0,
            output_tokens=1,
            reasoning_tokens=0,
            cost_nano=1,
            currency="USD",
            price="",
        ),
    )
)
"""What every store takes that is in order: one that refuses this is at fault itself, and nothing may be lost for it."""


class Taker(Protocol):
    """A store that takes a batch whole or not at all, and changes nothing for what it has already."""

    async def add(self, batch: Batch) -> None:
        """Raises StoreRefused for what lies in the batch, SinkDown for anything else."""
        ...

    async def would_take(self, batch: Batch) -> None:
        """Take a batch and take it back. Raises as `add` does."""
        ...


async def write_what_it_takes(store: Taker, batch: Batch) -> Written:
    """Write a batch but for the records that are refused even alone. Raises SinkDown; some of it may be in by then."""
    try:
        await store.add(batch)
    except StoreRefused as refused:
        return await _part_by_part(store, batch, refused)
    return Written()


async def _part_by_part(store: Taker, batch: Batch, refused: StoreRefused) -> Written:
    try:
        await store.would_take(HARMLESS)
    except StoreRefused as error:
        raise SinkDown(str(error)) from error
    why = str(refused)
    records: list[UsageRecord] = []
    waiting = [batch]
    while waiting:
        part = waiting.pop()
        try:
            await store.add(part)
        except StoreRefused as error:
            if len(part.records) + len(part.losses) > 1:
                waiting += _halves(part)
            else:
                records += part.records
                why = str(error)
    if not records:
        return Written()
    await _tell_lost(store, records)
    return Written(refused=len(records), error=f"refused {len(records)} of {len(batch.records)} records: {why}")


def _halves(batch: Batch) -> list[Batch]:
    """Return two batches that are this one; losses apart from records."""
    if batch.records and batch.losses:
        return [Batch((), batch.losses), Batch(batch.records)]
    half = (len(batch.records) + len(batch.losses)) // 2
    return [Batch(batch.records[half:], batch.losses[half:]), Batch(batch.records[:half], batch.losses[:half])]


async def _tell_lost(store: Taker, records: list[UsageRecord]) -> None:
    try:
        await store.add(Batch((), tuple(_loss_of(record) for record in records)))
    except StoreRefused as error:
        raise SinkDown(str(error)) from error


def _loss_of(record: UsageRecord) -> Loss:
    """What the store will not have may be in the names, so they are told in a form that any takes."""
    return Loss(
        id=f"{hashlib.sha256(record.id.encode()).hexdigest()[:32]}/refused",
        at=record.at,
        proxy=record.proxy.encode("ascii", "backslashreplace").decode(),
        reason=Reason.REFUSED,
        attempts=1,
    )
