"""What a process and all its children have used, from /proc."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

_PARENT, _FIRST_CPU, _LAST_CPU = 1, 11, 15
"""Fields of /proc/PID/stat behind the name: ppid; utime, stime, and those of children that have ended."""


def members(root: int) -> list[int]:
    """Return the ids of a process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _fields(int(entry.name))
            if fields:
                children.setdefault(int(fields[_PARENT]), []).append(int(entry.name))
    found, open_ends = [], [root]
    while open_ends:
        pid = open_ends.pop()
        found.append(pid)
        open_ends += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    """Return the CPU time of the tree, user and system, to 10 ms; threads that have ended count."""
    ticks = 0
    for pid in members(root):
        ticks += sum(int(field) for field in _fields(pid)[_FIRST_CPU:_LAST_CPU])
    return ticks / TICKS


def resident_bytes(root: int) -> int:
    """Return the resident memory of the tree; what processes share counts once for each."""
    return sum(_resident(pid) for pid in members(root))


def _fields(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # it has ended meanwhile
        return []
    return text[text.rindex(")") + 2 :].split()


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0
