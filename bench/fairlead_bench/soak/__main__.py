"""The command: soaks Fairlead, prints what came of it, and writes the page where told to."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from fairlead_bench.soak.page import checks, render
from fairlead_bench.soak.running import Form, soak

RAMP_SECONDS = 60.0
RAMP_SHARE = 0.2
"""Of a short soak, the capacity is found in so much of it."""


def form_of(minutes: float, seed: int) -> Form:
    seconds = 60 * minutes
    return Form(seconds, min(RAMP_SECONDS, RAMP_SHARE * seconds), seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0; 1 if a promise was not kept."""
    parser = argparse.ArgumentParser(prog="bench/run soak", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="how long it takes; below 20 the slope has no bound"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the faults and of the callers")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write the results as a page")
    told = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="fairlead-soak-") as directory:
        soaked = soak(form_of(told.minutes, told.seed), Path(directory))
    page = render(soaked)
    print(page)
    if told.page is not None:
        told.page.write_text(page)
    return int(not all(each.kept for each in checks(soaked)))


if __name__ == "__main__":
    sys.exit(main())
