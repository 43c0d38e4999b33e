"""How far one store has been given the spool, in a file that is replaced whole and outlives a power cut."""

import hashlib
import os
from collections.abc import Collection
from pathlib import Path

import msgspec
from msgspec import Struct

CURSOR, PAUSED = ".cursor", ".paused"


class Place(Struct, frozen=True):
    """How far one life of a proxy has been shipped.

    `next`: the number of the record that comes next; `dropped`: those without a number whose loss has been told;
    `settled`: it is over, and all of it has been told.
    """

    next: int = 0
    dropped: int = 0
    settled: bool = False


class Cursor(Struct, frozen=True):
    """`places`: by the name of the life. `mark`: what the sink wants to be remembered. The counts are of all time."""

    places: dict[str, Place] = {}
    shipped: int = 0
    lost: dict[str, int] = {}
    mark: str = ""


class CursorFile:
    """`<sink>-<hash of which one>.cursor` in the spool's root; with PAUSED behind that while the store is not named."""

    def __init__(self, root: Path, name: str, identity: str) -> None:
        self.path = root / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}{CURSOR}"
        self._paused = _paused(self.path)

    def load(self) -> Cursor | None:
        """Return what was saved; None where nothing was, or nothing that can be read. Raises OSError."""
        return _read(self.path)

    def load_paused(self) -> Cursor | None:
        """Return what was saved when the store was last named; None likewise. Raises OSError."""
        return _read(self._paused)

    def forget_paused(self) -> None:
        """Raises OSError."""
        self._paused.unlink(missing_ok=True)

    def save(self, cursor: Cursor) -> None:
        """Raises OSError."""
        replace_file(self.path, msgspec.json.encode(cursor), durable=True)


def pause_others(root: Path, named: Collection[Path]) -> None:
    """Mark the cursors of stores that are not named, since what goes from now on goes without them. Raises OSError."""
    for path in root.glob(f"*{CURSOR}"):
        if path not in named:
            path.replace(_paused(path))


def _paused(path: Path) -> Path:
    return path.with_name(f"{path.name}{PAUSED}")


def _read(path: Path) -> Cursor | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Cursor)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def replace_file(path: Path, data: bytes, *, durable: bool) -> None:
    """Put data at this path at one stroke; `durable`: it is on the disk when this returns. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(descriptor)
    temporary.replace(path)
    if durable:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
