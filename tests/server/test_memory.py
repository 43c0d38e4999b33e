"""Memory that is free goes back to the system, though some of what was made with it is still in use."""

import subprocess
import sys

import pytest

from fairlead_proxy.server.memory import trimmer

MIB = 1024 * 1024
AFTER_A_PEAK = """
from fairlead_proxy.server.memory import resident_bytes, trimmer
trim = trimmer()
made = [bytes(3000) for _ in range(60_000)]
kept = made[::100]
peak = resident_bytes()
del made
before = resident_bytes()
trim()
print(peak, before, resident_bytes())
"""


@pytest.mark.skipif(trimmer() is None, reason="only glibc keeps what is free, and has a way to give it back")
def test_what_a_peak_has_left_is_given_back_though_pieces_of_it_are_in_use() -> None:
    ran = subprocess.run([sys.executable, "-c", AFTER_A_PEAK], capture_output=True, text=True, check=True)
    peak, before, after = map(int, ran.stdout.split())
    assert peak > 150 * MIB
    assert before - after > 100 * MIB
