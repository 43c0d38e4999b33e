"""How far one store has been given the spool, in a file that is replaced whole and outlives a power cut."""

import hashlib
import os
from pathlib import Path

import msgspec
from msgspec import Struct


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
    """`<sink>-<hash of which one>.cursor` in the spool's root."""

    def __init__(self, root: Path, name: str, identity: str) -> None:
        self.path = root / f"{name}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.cursor"

    def load(self) -> Cursor | None:
        """Return what was saved; None where nothing was, or nothing that can be read. Raises OSError."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Cursor)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def save(self, cursor: Cursor) -> None:
        """Raises OSError."""
        replace_file(self.path, msgspec.json.encode(cursor), durable=True)


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
