"""What is counted is what is done: nothing where nothing is, and each kind of waste in its own column."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hot_path.counting import Held, Traced

HERE = Path(__file__)
TEXTS = ["one", "two"]

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="instructions are traced otherwise by other versions of CPython"
)


def traced(do: Callable[[], object]) -> tuple[int, int, int]:
    """Return how often this enters a function of ours, calls anything, and takes a block."""
    do()
    count = Traced(HERE)
    with count.on():
        do()
    return count.entered.total(), count.called.total(), count.taken.total()


def do_nothing() -> None:
    held = TEXTS
    again = held
    del held, again


def call_ours() -> None:
    do_nothing()


def call_a_type() -> None:
    bool(TEXTS)


def call_a_method() -> None:
    TEXTS.index("one")


def copy_and_drop() -> None:
    copy = [*TEXTS]
    del copy


def run_a_generator() -> None:
    all(text for text in TEXTS)


@pytest.mark.parametrize(
    ("do", "entered_and_called"),
    [
        (do_nothing, (1, 0)),
        (call_ours, (2, 1)),
        (call_a_type, (1, 1)),
        (call_a_method, (1, 1)),
        (copy_and_drop, (1, 0)),
        (run_a_generator, (4, 1 + 1)),
    ],
)
def test_what_is_entered_and_called(do: Callable[[], object], entered_and_called: tuple[int, int]) -> None:
    assert traced(do)[:2] == entered_and_called


@pytest.mark.parametrize("do", [do_nothing, call_ours, call_a_type, call_a_method])
def test_nothing_is_taken_where_nothing_is_made(do: Callable[[], object]) -> None:
    assert traced(do)[2] == 0


def test_a_copy_that_is_dropped_at_once_is_taken_all_the_same() -> None:
    assert traced(copy_and_drop)[2] > 0


def test_code_elsewhere_is_not_counted() -> None:
    count = Traced(HERE.parent / "elsewhere")
    with count.on():
        call_ours()
    assert (count.entered, count.called, count.taken) == ({}, {}, {})


def test_what_lives_when_it_is_noted_is_held() -> None:
    held = Held(HERE)
    with held.on():
        kept, also_kept = TEXTS[0] + "!", TEXTS[1] + "!"
        dropped = TEXTS[0] + "?"
        del dropped
        held.note()
    assert kept != also_kept
    assert held.blocks.total() == 2  # of texts, since a list may come from a free list that another thread filled
    assert held.size.total() > 0


def test_what_was_there_before_is_not_held() -> None:
    kept = [text + "!" for text in TEXTS]
    held = Held(HERE)
    with held.on():
        held.note()
    assert kept
    assert held.blocks.total() == 0
