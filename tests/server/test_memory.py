"""Memory that is free goes back to the system, though some of what was made with it is still in use."""

import subprocess
import sys

import pytest

from fairlead_proxy.server.memory import Tide, heap_gauge, trimmer

MIB = 1024 * 1024
AFTER_A_PEAK = """
from fairlead_proxy.server.memory import heap_gauge, resident_bytes, trimmer
trim, free_bytes = trimmer(), heap_gauge()
made = [bytes(3000) for _ in range(60_000)]
kept = made[::100]
peak, full = resident_bytes(), free_bytes()
del made
before, empty = resident_bytes(), free_bytes()
trim()
print(peak, before, resident_bytes(), full, empty)
"""


@pytest.mark.skipif(trimmer() is None, reason="only glibc keeps what is free, and has a way to give it back")
def test_what_a_peak_has_left_is_given_back_though_pieces_of_it_are_in_use() -> None:
    ran = subprocess.run([sys.executable, "-c", AFTER_A_PEAK], capture_output=True, text=True, check=True)
    peak, before, after, full, empty = map(int, ran.stdout.split())
    assert peak > 150 * MIB
    assert before - after > 100 * MIB
    if heap_gauge()():
        assert empty - full > 100 * MIB


def test_it_is_due_when_the_process_has_grown() -> None:
    tide = Tide(100 * MIB, 0)
    assert not tide.is_due(103 * MIB, 0)
    assert tide.is_due(105 * MIB, 0)


def test_it_is_due_when_a_peak_is_over_at_whose_height_it_was_done() -> None:
    tide = Tide(60 * MIB, 10 * MIB)
    tide.given_back(105 * MIB, 2 * MIB)
    assert not tide.is_due(104 * MIB, 5 * MIB)
    assert tide.is_due(103 * MIB, 20 * MIB)


def test_what_was_given_back_and_is_not_used_since_is_not_looked_for_again() -> None:
    tide = Tide(60 * MIB, 2 * MIB)
    tide.given_back(60 * MIB, 20 * MIB)
    assert not tide.is_due(60 * MIB, 20 * MIB)
    assert not tide.is_due(62 * MIB, 16 * MIB)
    assert not tide.is_due(62 * MIB, 19 * MIB)
    assert tide.is_due(62 * MIB, 21 * MIB)
