"""What a standalone run is told on its command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class StartRefused(Exception):
    """The run cannot start; the message is one line that names option or field, value and remedy."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """`listen` None: 127.0.0.1 with the port of the gateway's first listener. `gateway` None: the only one.

    `worker_command` is what starts a proxy, `shipper_command` what carries its records into the ledger; the options
    that each of them needs are added.
    """

    paths: Sequence[str]
    state: Path
    worker_command: Sequence[str]
    shipper_command: Sequence[str]
    listen: str | None = None
    admin: str = "127.0.0.1:9090"
    workers: int = 1
    gateway: str | None = None
    insecure: bool = False
    log_format: str = "text"
    stdin: str = ""
    poll_seconds: float = 0.1
