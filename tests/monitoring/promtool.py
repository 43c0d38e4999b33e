"""Prometheus' own promtool, and the rules that the chart ships, as it reads them."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "charts/fairlead/files/rules.yaml"
Json = dict[str, Any]


def promtool(*arguments: str | Path, directory: Path = ROOT) -> str:
    """Return what promtool prints; raise AssertionError with its words where it finds fault, or is not there."""
    program = shutil.which("promtool")
    assert program, "promtool is needed: on Debian, apt-get install --no-install-recommends prometheus"
    finished = subprocess.run(
        [program, *map(str, arguments)], cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )
    told = finished.stdout + finished.stderr
    assert finished.returncode == 0, told
    return told


def rules() -> Iterator[Json]:
    """Yield every rule of every group."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from group["rules"]


def alerts() -> dict[str, Json]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def recordings() -> dict[str, str]:
    """Return the expressions of recording rules, by the name of what they record."""
    return {rule["record"]: rule["expr"] for rule in rules() if "record" in rule}
