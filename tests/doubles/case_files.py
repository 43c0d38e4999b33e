"""Golden cases on disk: an input, the output beside it, and UPDATE_CASES=1 to write the output anew."""

import os
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parents[1] / "cases"


def case_names(room: str) -> list[str]:
    """Return the names of a room's cases: `<name>.in.yaml` each."""
    return sorted(path.name.removesuffix(".in.yaml") for path in (CASES / room).glob("*.in.yaml"))


def input_of(room: str, name: str) -> Path:
    return CASES / room / f"{name}.in.yaml"


def expected_output(room: str, name: str, actual: Any) -> Any:
    """Return what the case's `.out.yaml` holds; with UPDATE_CASES=1 write the actual output there first."""
    path = CASES / room / f"{name}.out.yaml"
    if os.environ.get("UPDATE_CASES") == "1":
        path.write_text(yaml.safe_dump(actual, sort_keys=False, width=120, allow_unicode=True))
    return yaml.safe_load(path.read_text()) if path.exists() else None
