"""The command: makes a billing run, prints what came of it, and writes the page where told to."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fairlead_bench.billing.page import render
from fairlead_bench.billing.promises import checks
from fairlead_bench.billing.running import Form, run

RATE = 50.0
KILL_SECONDS, SHIP_KILL_SECONDS = 12.0, 17.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0; 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(prog="bench/run billing", description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000, help="how many calls are made")
    parser.add_argument("--rate", type=float, default=RATE, help="how many of them a second")
    parser.add_argument("--seed", type=int, default=1, help="of the faults, the callers, the kills and the usage")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write the results as a page")
    told = parser.parse_args(arguments)
    form = Form(told.calls, told.rate, told.seed, KILL_SECONDS, SHIP_KILL_SECONDS)
    with tempfile.TemporaryDirectory(prefix="fairlead-billing-") as directory:
        ran = run(form, Path(directory))
    page = render(ran)
    print(page)
    if told.page is not None:
        told.page.write_text(page)
    return int(not all(each.kept for each in checks(ran)))


if __name__ == "__main__":
    sys.exit(main())
