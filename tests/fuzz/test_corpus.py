"""Every kept input, and some hundred changed ones of each, do no more to a reader than it allows."""

from pathlib import Path
from random import Random

import pytest
from fuzz.kept import MOST_BYTES, ROOM, entries
from fuzz.mutation import mutated
from fuzz.run import fault_of, smallest
from fuzz.targets import TARGETS

MUTATIONS = 200
KEPT = [(target, path) for target in TARGETS for path in entries(target)]
each_kept = pytest.mark.parametrize(("target", "path"), KEPT, ids=[f"{target}/{path.name}" for target, path in KEPT])


@each_kept
def test_a_kept_input_is_read_or_refused(target: str, path: Path) -> None:
    TARGETS[target](path.read_bytes())


@each_kept
def test_changed_inputs_are_read_or_refused(target: str, path: Path) -> None:
    kept, random = path.read_bytes(), Random(f"{target}/{path.name}")
    for number in range(MUTATIONS):
        data = mutated(kept, random)
        fault = fault_of(TARGETS[target], data)
        if fault is not None:
            raise AssertionError(f"change {number}: {smallest(TARGETS[target], data, fault)!r}") from fault


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_inputs_enough(target: str) -> None:
    assert len(entries(target)) >= 8


def test_every_folder_of_inputs_belongs_to_a_target_and_every_input_is_small() -> None:
    assert {path.name for path in ROOM.iterdir()} == set(TARGETS)
    assert all(0 < path.stat().st_size <= MOST_BYTES for _, path in KEPT)


def test_changes_are_the_same_for_the_same_seed() -> None:
    kept = b'{"a":[1,{"b":"c"}]}'
    made = [[mutated(kept, random) for _ in range(50)] for random in (Random("x"), Random("x"))]
    assert made[0] == made[1]
    assert len(set(made[0])) > 25


def test_a_fault_is_made_small() -> None:
    def breaks_at_a_bang(data: bytes) -> None:
        if b"!" in data:
            raise KeyError

    fault = fault_of(breaks_at_a_bang, b"some!thing")
    assert fault is not None
    assert smallest(breaks_at_a_bang, b"some!thing", fault) == b"!"
