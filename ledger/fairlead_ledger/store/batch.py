"""What is carried into a store at once: records, and the losses that were noticed on the way to them."""

from enum import StrEnum

from msgspec import Struct

from fairlead_proxy.contract.usage_record import UsageRecord


class Reason(StrEnum):
    """Why attempts are in no store.

    KILLED: their process ended before it had spooled them; SPOOL_FULL: the spool's oldest records went for want of
    room; SPOOL_FAILED: its disk took nothing, or too slowly; UNREADABLE: what stands in the spool is no record;
    REFUSED: the store, or the receiver, will not have them.
    """

    KILLED = "killed"
    SPOOL_FULL = "spool-full"
    SPOOL_FAILED = "spool-failed"
    UNREADABLE = "unreadable"
    REFUSED = "refused"


class Loss(Struct, frozen=True, kw_only=True):
    """Attempts that are lost for good. A loss keeps its `id`; told again it may have grown, then the greater counts.

    `at`: Unix milliseconds when it was noticed; `proxy`: which life of which proxy, as its spool is named. Of a record
    that was refused both are the record's own.
    """

    id: str
    at: int
    proxy: str
    reason: Reason
    attempts: int


class Batch(Struct, frozen=True):
    """Records and losses that go into a store together, or not at all."""

    records: tuple[UsageRecord, ...] = ()
    losses: tuple[Loss, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.losses)
