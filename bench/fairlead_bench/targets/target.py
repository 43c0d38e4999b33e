"""What every gateway under measurement offers."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from fairlead_bench.load import Call
from fairlead_bench.mock import Upstreams

CHAT = "chat"
"""The route to the role `ok`."""
FAILOVER = "failover"
"""The route to `faulty`, and then to `backup`."""
TLS = "tls"
"""The route to `ok` over TLS."""
BREAKING = "breaking"
"""The route to `ok` on which streams break; no target takes the provider out of service for that."""
MANY = "many"
"""The routes many0, many1, … to `ok`."""

TRY_SECONDS = 5
"""How long a target waits for `faulty` before it asks `backup`."""

SENT_KEY = "sk-bench-client-0123456789abcdef"
UPSTREAM_KEY = "sk-bench-upstream-0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one target runs: its directory, its port, the mock, and how many routes `many…` it has."""

    directory: Path
    port: int
    admin_port: int
    upstreams: Upstreams
    many: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    @property
    def log(self) -> Path:
        return self.directory / "log"


class FeatureMissing(Exception):
    """A target does less than the measurement claims for it: the figures would be worth nothing."""


class Target(ABC):
    """A gateway. `cannot`: the workloads that it has nothing to offer for."""

    name: str
    cannot: frozenset[str] = frozenset()

    @abstractmethod
    def install(self) -> str:
        """Make sure that it is there; return its version. Raises NotInstalled."""

    @abstractmethod
    def configure(self, place: Place) -> None:
        """Write its configuration, with every route that it can have."""

    @abstractmethod
    def command(self, place: Place) -> list[str]:
        """Return what starts it; empty: nothing runs."""

    def environment(self, place: Place) -> dict[str, str]:
        return {}

    def call(self, place: Place, route: str) -> Call:
        """Return how a route is called."""
        return Call(place.url, route, (f"Authorization: Bearer {SENT_KEY}",))

    def swap(self, place: Place) -> None:
        """Send the route `chat` to the role `other` from now on, without a restart."""
        raise NotImplementedError(f"{self.name} cannot change its configuration while it runs")

    def check(self, place: Place, calls: int) -> None:
        """Raise FeatureMissing unless everything that the figures stand for was on. `calls`: made since the start."""

    def check_ejected(self, place: Place) -> None:
        """Raise FeatureMissing unless it shows that it has taken `faulty` out of service."""

    def tries(self, place: Place) -> float:
        """Return how often it says that it has tried `faulty`; not a number where it does not say."""
        return math.nan
