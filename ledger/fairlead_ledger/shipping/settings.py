"""What the shipper is told on its command line, beside its stores."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ShipSettings:
    """`spool_limit_mib`: beyond it the proxies delete what is oldest."""

    spool: Path
    retention_seconds: float = 2160 * 3600.0
    rollup_retention_seconds: float = 17520 * 3600.0
    spool_limit_mib: int = 256
    die_with_parent: bool = False
