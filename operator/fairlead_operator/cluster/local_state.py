"""The state directory of a standalone run: each object with its live status, a lock, and what children need."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import yaml

from fairlead_operator.cluster.local_objects import Known
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_proxy.contract.keys import KEYS_FILE

LOCK_FILE = "lock"
TOKEN_FILE = "admin.token"  # noqa: S105 (a file name)
RUN_DIRECTORY = "run"
FACTS_FILE = "facts.json"
SPOOL_DIRECTORY, LEDGER_FILE, LINES_FILE = "spool", "ledger.sqlite", "ledger.jsonl"
POSTGRES_FILE = "postgres.url"

LOCK_TRIES = 5
LOCK_PAUSE_SECONDS = 0.05

LONGEST_SOCKET_PATH = 96
"""A unix socket's path holds 108 bytes on Linux and 104 elsewhere; some are for the file's own name."""

# The C implementation is ten times faster, and not in every build of PyYAML.
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class StateRefused(Exception):
    """The state directory cannot be used; the message is one line with the remedy."""


class StateDirectory:
    """`DIR/<Kind>/<namespace>/<name>.yaml`, `DIR/run` and the ledger; private to its owner, and held by one process.

    `spool` is where workers leave their records, `ledger` and `json_lines` are where these are carried, and
    `postgres_file` is what holds the address of another place.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.spool = (path / SPOOL_DIRECTORY).absolute()
        self.ledger = (path / LEDGER_FILE).absolute()
        self.json_lines = (path / LINES_FILE).absolute()
        self.postgres_file = (path / RUN_DIRECTORY / POSTGRES_FILE).absolute()
        self.admin_token = secrets.token_urlsafe(32)
        self._lock: IO[bytes] | None = None
        self._sockets: Path | None = None

    def open(self) -> None:
        """Make the directory, take its lock and clear what a process before us may have left. Raises StateRefused."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self.spool.mkdir(mode=0o700, exist_ok=True)
            lock = (self.path / LOCK_FILE).open("ab")
        except OSError as error:
            raise StateRefused(
                f"--state {self.path}: cannot be written: {error.strerror}; give a directory of your own"
            ) from error
        if not _locked(lock):
            lock.close()
            raise StateRefused(
                f"--state {self.path}: another fairlead run holds it; stop that one, or give another directory"
            )
        self._lock = lock
        self._remove_keys()
        write_private(self.path / TOKEN_FILE, self.admin_token.encode() + b"\n")

    def close(self) -> None:
        """Remove keys, token and sockets, and let go of the lock. Objects, the last snapshot and the ledger stay."""
        if self._lock is None:
            return
        self._remove_keys()
        for name in (TOKEN_FILE, f"{RUN_DIRECTORY}/{FACTS_FILE}"):
            (self.path / name).unlink(missing_ok=True)
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._lock.close()
        self._lock = None

    def config_directory(self, gateway: str) -> Path:
        """Return the directory that a gateway's workers read, made if need be."""
        path = self.path / RUN_DIRECTORY / gateway / "config"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path

    def socket_path(self, name: str) -> Path:
        """Return where a worker's admin socket may stand: below here, or elsewhere if the path grew too long."""
        if self._sockets is None:
            below = (self.path / RUN_DIRECTORY / "sockets").absolute()
            if len(os.fsencode(below)) + len(name) < LONGEST_SOCKET_PATH:
                shutil.rmtree(below, ignore_errors=True)
                below.mkdir(mode=0o700, parents=True)
                self._sockets = below
            else:
                self._sockets = Path(tempfile.mkdtemp(prefix="fairlead-"))
        return self._sockets / f"{name}.sock"

    def write_object(self, ref: ObjectRef, content: Mapping[str, Any]) -> None:
        """Write one object with its status; whoever reads meanwhile sees the old one or the new one."""
        path = self._path_of(ref)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = yaml.dump(_plain(content), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120)
        write_private(path, text.encode())

    def remove_object(self, ref: ObjectRef) -> None:
        path = self._path_of(ref)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Write what `fairlead get` tells beside the objects: problems of files, and the addresses."""
        path = self.path / RUN_DIRECTORY / FACTS_FILE
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps(facts, indent=1).encode())

    def _path_of(self, ref: ObjectRef) -> Path:
        return self.path / ref.kind / ref.namespace / f"{ref.name}.yaml"

    def _remove_keys(self) -> None:
        for path in (self.path / RUN_DIRECTORY).glob(f"**/{KEYS_FILE}"):
            path.unlink(missing_ok=True)
        self.postgres_file.unlink(missing_ok=True)


def is_held(path: Path) -> bool:
    """Say whether a running process holds this state directory."""
    try:
        with (path / LOCK_FILE).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_objects(path: Path, kinds: Iterable[Kind] = Kind) -> Iterator[dict[str, Any]]:
    """Yield the objects that stand in a state directory; a file that is no object is passed over.

    Within a kind they come in the order in which an API server lists them: by `namespace/name`, byte by byte.
    """
    for kind in kinds:
        for file in sorted((path / kind).glob("*/*.yaml"), key=lambda file: f"{file.parent.name}/{file.stem}"):
            try:
                content = yaml.load(file.read_bytes(), Loader=_LOADER)  # noqa: S506 (both loaders are the safe ones)
            except (OSError, yaml.YAMLError):
                continue
            if isinstance(content, dict) and content.get("kind") == kind and _stands_at(file, content.get("metadata")):
                yield content


def _stands_at(file: Path, metadata: object) -> bool:
    """Say whether an object's metadata are those that we wrote there."""
    if not isinstance(metadata, dict):
        return False
    names = (metadata.get("namespace"), metadata.get("name")) == (file.parent.name, file.stem)
    return names and isinstance(metadata.get("generation"), int) and isinstance(metadata.get("creationTimestamp"), str)


def read_facts(path: Path) -> dict[str, Any]:
    """Return what the running process wrote beside the objects; empty where there is none."""
    try:
        facts = json.loads((path / RUN_DIRECTORY / FACTS_FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def known_of(content: Mapping[str, Any]) -> tuple[ObjectRef, Known]:
    """Return what a written object tells the next process about itself."""
    metadata = content["metadata"]
    ref = ObjectRef(Kind(content["kind"]), metadata["namespace"], metadata["name"])
    status = content.get("status")
    known = Known(content.get("spec"), metadata["generation"], metadata["creationTimestamp"])
    return ref, replace(known, status=status) if isinstance(status, dict) else known


def _locked(lock: IO[bytes]) -> bool:
    """Take the lock; it is tried for a moment, since `fairlead get` holds it for an instant to see who has it."""
    for _ in range(LOCK_TRIES):
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(LOCK_PAUSE_SECONDS)
    return False


def write_private(path: Path, data: bytes) -> None:
    """Put data at this path by renaming; the file is for its owner only from its first moment."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    temporary.replace(path)


def _plain(value: Any) -> Any:
    """Return JSON values only: what YAML cannot write safely must not reach a file."""
    return json.loads(json.dumps(value, default=str))
