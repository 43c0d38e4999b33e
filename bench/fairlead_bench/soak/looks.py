"""What the soaked processes hold, looked at from outside: memory, descriptors, threads, tasks, garbage."""

import contextlib
import os
import re
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead_bench.process_tree import cpu_seconds, members, resident_bytes

MIB = 2**20
TEN_MINUTES = 600.0
TRIES = 5

_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Look:
    """At `at`, on the monotonic clock. `operator_mib` is of the process that watches files and starts the proxy."""

    at: float
    mib: float
    operator_mib: float
    descriptors: int
    threads: int
    tasks: int
    in_flight: int
    uncollectable: int
    cpu_seconds: float


class Watched:
    """A running `fairlead run` with one proxy."""

    def __init__(self, pid: int, admin: str) -> None:
        self._pid, self._admin = pid, admin
        proxies = [each for each in members(pid) if "fairlead_proxy" in _command_of(each)]
        if len(proxies) != 1:
            raise RuntimeError(f"one proxy was expected, {len(proxies)} run")
        self.proxy = proxies[0]
        self.silent = 0
        """How often the proxy had no figures for us when it was asked."""

    def look(self) -> Look:
        samples = self.samples()
        own = resident_bytes(self.proxy)
        return Look(
            at=time.monotonic(),
            mib=own / MIB,
            operator_mib=(resident_bytes(self._pid) - own) / MIB,
            descriptors=len(os.listdir(f"/proc/{self.proxy}/fd")),
            threads=len(os.listdir(f"/proc/{self.proxy}/task")),
            tasks=int(_sum(samples, "fairlead_tasks")),
            in_flight=int(_sum(samples, "fairlead_inflight_requests")),
            uncollectable=int(_sum(samples, "python_gc_objects_uncollectable_total")),
            cpu_seconds=cpu_seconds(self.proxy),
        )

    def failures(self) -> Counter[tuple[str, str]]:
        """Return how many attempts have failed, by provider and failure class."""
        found = Counter[tuple[str, str]]()
        for name, labels, value in self.samples():
            if name == "fairlead_attempts_total" and labels["outcome"] != "Answered":
                found[labels["provider"].removeprefix("default/"), labels["outcome"]] += int(value)
        return found

    def revision(self) -> str:
        """Return the revision of the configuration in force."""
        return next((labels["revision"] for name, labels, _ in self.samples() if name == "fairlead_config_info"), "")

    def samples(self) -> list[tuple[str, dict[str, str], float]]:
        """Return all metrics; raise LookupError where the proxy has none for us, however often it is asked."""
        for _ in range(TRIES):
            with contextlib.suppress(urllib.error.HTTPError):
                with urllib.request.urlopen(f"{self._admin}/metrics", timeout=10) as answer:
                    found = _SAMPLE.findall(answer.read().decode())
                return [(name, dict(_LABEL.findall(labels)), float(value)) for name, labels, value in found]
            self.silent += 1
        raise LookupError(
            f"the proxy answered none of {TRIES} scrapes; it runs: {Path(f'/proc/{self.proxy}').exists()}"
        )


def slope_of(looks: Sequence[Look]) -> float:
    """Return by how many MiB the proxy grows in ten minutes, by least squares; 0 for fewer than two looks."""
    if len(looks) < 2:
        return 0.0
    mean_at = sum(each.at for each in looks) / len(looks)
    mean_mib = sum(each.mib for each in looks) / len(looks)
    together = sum((each.at - mean_at) * (each.mib - mean_mib) for each in looks)
    return TEN_MINUTES * together / sum((each.at - mean_at) ** 2 for each in looks)


def _sum(samples: list[tuple[str, dict[str, str], float]], wanted: str) -> float:
    """Raises LookupError where there is no such metric: a figure that is not there is not 0."""
    values = [value for name, _, value in samples if name == wanted]
    if not values:
        raise LookupError(f"the proxy shows no {wanted}")
    return sum(values)


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
