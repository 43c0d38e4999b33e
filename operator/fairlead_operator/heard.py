"""A proxy of a fleet as it was last heard."""

from dataclasses import dataclass

from fairlead_proxy.contract.report import ProxyReport

SKEW_SECONDS = 2.0
"""Clocks that differ by less are taken for equal: an instant must not change with each report's way."""


@dataclass(frozen=True, slots=True)
class HeardProxy:
    """`ready`: it may get calls. `report` is its newest, heard at `heard_at` (Unix seconds); None: not heard yet.

    A proxy that no longer exists is not listed at all.
    """

    name: str
    ready: bool
    report: ProxyReport | None = None
    heard_at: float | None = None

    @property
    def ahead_seconds(self) -> float:
        """How much its clock is ahead of ours; 0 while the difference may be the report's way."""
        if self.report is None or self.heard_at is None:
            return 0.0
        ahead = self.report.now - self.heard_at
        return ahead if abs(ahead) > SKEW_SECONDS else 0.0
