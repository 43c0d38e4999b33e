"""What has proved to stay is not looked through for garbage again; what refers to itself is still found, later."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from fairlead_operator.handlers.garbage import ANEW_SECONDS, LONG_SECONDS, Freezer, freezing


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Knot:
    """Refers to itself, so that only the collector frees it."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def clock() -> Iterator[Clock]:
    gc.collect()
    yield Clock()
    gc.unfreeze()


def collection(freezer: Freezer, clock: Clock, *, seconds: float, generation: int = 2) -> int:
    """Have a collection take so long; return how many objects are spared after it."""
    freezer("start", {"generation": generation})
    clock.now += seconds
    freezer("stop", {"generation": generation})
    return gc.get_freeze_count()


@pytest.mark.parametrize(
    ("seconds", "generation", "spares"),
    [(LONG_SECONDS, 2, True), (LONG_SECONDS / 2, 2, False), (LONG_SECONDS, 1, False)],
    ids=["long", "short", "young"],
)
def test_only_what_takes_long_to_look_through_is_spared(
    clock: Clock, seconds: float, generation: int, *, spares: bool
) -> None:
    freezer = Freezer(clock)
    before = gc.get_freeze_count()
    assert (collection(freezer, clock, seconds=seconds, generation=generation) > before) is spares


def test_garbage_among_what_was_spared_goes_at_the_first_full_collection_after_an_hour(clock: Clock) -> None:
    freezer, knot = Freezer(clock), Knot()
    left = weakref.ref(knot)
    collection(freezer, clock, seconds=LONG_SECONDS)
    del knot
    gc.collect()
    assert left() is not None
    clock.now = ANEW_SECONDS
    freezer("start", {"generation": 2})
    gc.collect()
    assert left() is None


def test_nothing_is_spared_any_more_once_it_has_ended(clock: Clock) -> None:
    hooks = list(gc.callbacks)
    with freezing(clock):
        (added,) = [each for each in gc.callbacks if each not in hooks]
        assert isinstance(added, Freezer)
        collection(added, clock, seconds=LONG_SECONDS)
    assert (gc.callbacks, gc.get_freeze_count()) == (hooks, 0)
