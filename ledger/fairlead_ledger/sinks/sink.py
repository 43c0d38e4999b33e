"""What every store is to whoever ships: something that is opened, takes batches, and may be down."""

from typing import Protocol

from msgspec import Struct

from fairlead_ledger.store.batch import Batch


class SinkDown(Exception):
    """It took nothing of the batch, or nobody knows whether it did: give it the same batch again.

    `wait_seconds`: how long it asks to be left alone; 0: it does not say.
    """

    def __init__(self, message: str, wait_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class Written(Struct, frozen=True):
    """What came of a batch. `mark`: see Sink; `refused`: records that it will never take; `error`: why."""

    mark: str = ""
    refused: int = 0
    error: str = ""


class Kept(Struct, frozen=True):
    """From which moments on rows are kept, in Unix milliseconds."""

    attempts_from: int
    sums_from: int


class Sink(Protocol):
    """One store.

    A mark is what it wants to be remembered of it beside the place up to which it has been given records; the two are
    saved together. Whatever it has written after its last saved mark and cannot tell apart by id it takes back.
    """

    @property
    def name(self) -> str:
        """What reports, metrics and logs call it."""
        ...

    @property
    def identity(self) -> str:
        """What tells this store from another one of its kind; holds no secret."""
        ...

    async def open(self, mark: str) -> str:
        """Be ready for a batch, from this mark on; called before each. Return the mark to be saved before it is
        written. Raises SinkDown.
        """
        ...

    async def write(self, batch: Batch) -> Written:
        """Take a batch whole, for good. Raises SinkDown."""
        ...

    async def prune(self, kept: Kept) -> bool:
        """Delete a step of what is older; return whether there may be more. Raises SinkDown."""
        ...

    async def close(self) -> None: ...
