"""Who is told how far an attempt has come, and what clocks it goes by."""

from collections.abc import Callable
from typing import Protocol


class Progress(Protocol):
    """Is told how far an attempt has come. `heard_at`: when something came last, on the loop's clock."""

    heard_at: float

    def first_byte(self) -> None: ...

    def wait_again(self, now: float) -> None: ...

    def commit(self, now: float) -> None: ...

    def pause(self) -> None: ...

    def resume(self, now: float) -> None: ...

    def done(self) -> None: ...


class Clocks(Protocol):
    """`steady`: what deadlines count on. `unix`: Unix seconds."""

    steady: Callable[[], float]
    unix: Callable[[], float]
