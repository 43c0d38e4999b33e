"""Fuzz one target for a while: `PYTHONPATH=tests python -m fuzz.run <target> --seconds 60`.

With atheris, where it is installed, else by changing the kept inputs at random. What is found is made as small as
possible, and kept in the target's corpus.
"""

import argparse
import hashlib
import importlib
import importlib.util
import sys
import time
import traceback
from random import Random

from fuzz.kept import MOST_BYTES, ROOM, entries, keep
from fuzz.mutation import mutated
from fuzz.targets import TARGETS, Target

_MOST_CHANGES = 6


def main() -> None:
    parser = argparse.ArgumentParser(prog="fuzz.run", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"], help="what to fuzz; all: each for that long")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, help="of the random changes; default: another one every time")
    asked = parser.parse_args()
    names = list(TARGETS) if asked.target == "all" else [asked.target]
    if len(names) == 1 and importlib.util.find_spec("atheris") is not None:
        _run_atheris(names[0], asked.seconds)
    seed = asked.seed if asked.seed is not None else time.time_ns()
    sound = [fuzz(name, asked.seconds, Random(seed)) for name in names]
    sys.exit(not all(sound))


def fuzz(name: str, seconds: float, random: Random) -> bool:
    """Try changed inputs until the time is up; say whether nothing was found."""
    target, kept = TARGETS[name], [path.read_bytes() for path in entries(name)]
    runs, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        data = random.choice(kept)
        for _ in range(random.randint(1, _MOST_CHANGES)):
            data = mutated(data, random)
        runs += 1
        fault = fault_of(target, data)
        if fault is not None:
            small = smallest(target, data, fault)
            path = keep(name, f"found-{hashlib.sha256(small).hexdigest()[:8]}.bin", small)
            traceback.print_exception(fault)
            print(f"{name}: found after {runs} runs, and kept as {path}")
            return False
    print(f"{name}: {runs} runs, nothing found")
    return True


def fault_of(target: Target, data: bytes) -> BaseException | None:
    try:
        target(data)
    except Exception as fault:
        return fault
    return None


def smallest(target: Target, data: bytes, fault: BaseException) -> bytes:
    """Return as little of an input as still makes the same fault."""
    step = max(1, len(data) // 2)
    while step:
        place = 0
        while place < len(data):
            less = data[:place] + data[place + step :]
            if repr(fault_of(target, less)) == repr(fault):
                data = less
            else:
                place += step
        step //= 2
    return data


def _run_atheris(name: str, seconds: float) -> None:
    """Hand over to atheris, which ends the process itself."""
    atheris = importlib.import_module("atheris")
    atheris.instrument_all()
    flags = [f"-max_total_time={int(seconds)}", f"-max_len={MOST_BYTES}", f"-artifact_prefix={ROOM / name}/found-"]
    atheris.Setup([sys.argv[0], *flags, str(ROOM / name)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
