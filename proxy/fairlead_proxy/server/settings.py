"""What a proxy process is told on its command line."""

from dataclasses import dataclass, field
from pathlib import Path

from fairlead_proxy.server.address import Address
from fairlead_proxy.server.limits import Limits


@dataclass(frozen=True, slots=True)
class Settings:
    """`listen_tls`: name and address of the listeners that show a certificate of the key ring. `admin` None: no admin
    port. `drain_delay_seconds`: how long calls are still taken once the end was asked for.

    `spool` None: attempts are not booked on disk.
    """

    config: Path
    listen: tuple[Address, ...]
    listen_tls: tuple[tuple[str, Address], ...] = ()
    admin: Address | None = None
    name: str = "proxy"
    standalone: bool = False
    reuse_port: bool = False
    drain_delay_seconds: float = 8.0
    log_format: str = "json"
    die_with_parent: bool = False
    spool: Path | None = None
    spool_limit_bytes: int = 256 * 1024 * 1024
    limits: Limits = field(default_factory=Limits)


class StartRefused(Exception):
    """The process cannot start as it was told; the message is one line with field, value and remedy."""
