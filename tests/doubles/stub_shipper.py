"""A shipper process that carries nothing: it takes the options of `fairlead-ledger ship` and tells what it was given.

Beside the SQLite file that it is given it writes `<file>.told`: its options and process id, and, once it has been told
to end, the names of what lay in the spool then. It does not end while there is a file `<file>.hold`.
"""

import argparse
import json
import os
import signal
import time
from pathlib import Path
from types import FrameType

VALUED = ("--spool", "--sqlite", "--postgres-file", "--json-lines", "--otlp", "--retention", "--rollup-retention")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in (*VALUED, "--log-format", "--spool-limit-mib"):
        parser.add_argument(name)
    parser.add_argument("--die-with-parent", action="store_true")
    return parser.parse_args()


def run(given: argparse.Namespace) -> None:
    told, parent, ended = Path(given.sqlite + ".told"), os.getppid(), False

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal ended
        ended = True

    signal.signal(signal.SIGTERM, end)
    facts = {"pid": os.getpid(), "options": vars(given)}
    tell(told, facts)
    hold = Path(given.sqlite + ".hold")
    while (not ended or hold.exists()) and os.getppid() == parent:
        time.sleep(0.02)
    if ended:
        tell(told, {**facts, "left": sorted(path.name for path in Path(given.spool).iterdir())})


def tell(path: Path, facts: dict[str, object]) -> None:
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(facts))
    beside.replace(path)


if __name__ == "__main__":
    run(options())
