"""Where everything lies: the project, the cache of what is built and installed, and the two cores."""

import os
import socket
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
PAGE = ROOT / "docs" / "reference" / "performance.md"

GATEWAY_CORE = 0
LOAD_CORE = 1


def cache_directory(*parts: str) -> Path:
    """Return a directory outside the tree, made if need be: nothing that is built or installed lies in the project."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    directory = Path(base, "fairlead", "bench", *parts)
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def pinned(core: int, *command: str) -> list[str]:
    """Return the command, confined to one core."""
    return ["taskset", "--cpu-list", str(core), *command]
