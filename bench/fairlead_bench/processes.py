"""Processes that we start and surely end."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairlead_bench.process_tree import members

PATIENCE_SECONDS = 5.0


def start(
    command: Sequence[str],
    *,
    log: Path | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[str]:
    """Start a process; its output is to be read, unless it goes into a log."""
    environment = {**os.environ, **(environ or {})}
    if log is None:
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=cwd, text=True)
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=cwd, text=True)


def end(process: subprocess.Popen[str]) -> None:
    """End a process and all that descends from it."""
    pids = members(process.pid) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in pids[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()


def end_and_read(process: subprocess.Popen[str]) -> str:
    """Ask a process to end; return what it has printed."""
    process.terminate()
    printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return str(printed)
