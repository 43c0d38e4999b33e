"""What a tree of processes has used."""

import os
import subprocess
import sys

from doubles.processes import eventually

from fairlead_bench.process_tree import cpu_seconds, members, resident_bytes

BUSY = "x = 0\nfor n in range(20_000_000): x += n\n"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])\n"


def test_children_count_while_they_run_and_after_they_have_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT + "input()"], stdin=subprocess.PIPE) as parent:
        eventually(lambda: len(members(parent.pid)) == 2, within=20)
        eventually(lambda: cpu_seconds(parent.pid) > 0.2, within=20)
        eventually(lambda: len(members(parent.pid)) == 1, within=60)
        assert cpu_seconds(parent.pid) > 0.2
        parent.communicate(b"\n")


def test_memory_is_what_is_resident() -> None:
    assert 2**20 < resident_bytes(os.getpid()) < 2**34
