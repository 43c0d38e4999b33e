"""Whether the watches tell the truth: what they hold is compared with what the API server lists."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

RELIST_AFTER_SECONDS = 30.0
END_AFTER_SECONDS = 180.0


class Finding(StrEnum):
    TRUE = "True"
    BEHIND = "Behind"
    RELIST = "Relist"
    END = "End"


@dataclass(slots=True)
class WatchAge:
    """Since when which objects are held otherwise than they are listed; one instance for all kinds."""

    _since: dict[str, tuple[int, float]] = field(default_factory=dict)

    def compare(
        self, kind: str, listed: Mapping[str, int], listed_at_version: int, held: Mapping[str, int], now: float
    ) -> None:
        """Note what differs: resourceVersions by key, as they are listed at one version, and as they are held.

        What is held in a newer state than the list is no difference: the list is the older of the two.
        """
        behind = {key: held.get(key, 0) for key, version in listed.items() if held.get(key, 0) < version}
        behind |= {key: version for key, version in held.items() if key not in listed and version <= listed_at_version}
        for name in [name for name in self._since if name.startswith(f"{kind}/")]:
            if name.removeprefix(f"{kind}/") not in behind:
                del self._since[name]
        for key, version in behind.items():
            known = self._since.get(f"{kind}/{key}")
            if known is None or known[0] != version:
                self._since[f"{kind}/{key}"] = (version, now)

    def age(self, now: float) -> float:
        """Return for how long the oldest difference has lasted, in seconds; 0 where there is none."""
        return max((now - since for _, since in self._since.values()), default=0.0)

    def finding(self, now: float) -> Finding:
        if not self._since:
            return Finding.TRUE
        age = self.age(now)
        if age >= END_AFTER_SECONDS:
            return Finding.END
        return Finding.RELIST if age >= RELIST_AFTER_SECONDS else Finding.BEHIND

    def examples(self) -> list[str]:
        """Return up to three of the objects that differ, for the log."""
        return sorted(self._since)[:3]
