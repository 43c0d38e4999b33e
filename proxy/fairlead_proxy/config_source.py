"""The mounted snapshot and key ring: watched, loaded fragment by fragment; the last good one stays in force."""

import asyncio
import gc
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fairlead_proxy.contract.keys import KEYS_FILE, KeyRing, KeyRingError, decode_keys, version_of
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.report import Refusal
from fairlead_proxy.contract.snapshot import (
    INDEX_FILE,
    Document,
    Fragment,
    Index,
    SnapshotError,
    assemble,
    check_shards,
    read_index,
    unpack,
)

DATA_LINK = "..data"
"""What the kubelet swaps, as one symbolic link, when it refreshes a volume."""

POLL_SECONDS = 0.1
SLICE_SECONDS = 0.002
LONGEST_RETRY_SECONDS = 5.0
MANY_OBJECTS = 20_000
"""So many new objects take the collector about 5 ms to look through."""

SNAPSHOT = "snapshot"
KEYS = "keys"
"""What a refusal names when it concerns the whole snapshot, or the key ring."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in force: one revision and one key ring. A call reads it once and never mixes two."""

    config: GatewayConfig
    keys: KeyRing
    revision: str
    keys_version: str
    fragment_hashes: Mapping[str, str]

    @property
    def complete(self) -> bool:
        """Say whether calls can be served: a gateway that asks for keys needs the ring that holds them."""
        return bool(self.keys_version) or not self.config.gateway.api_keys


class ConfigSource:
    """Reads `index.json`, its shards and `keys.json` from a directory, again whenever one of them is replaced.

    `on_swap` hears each new Loaded, `on_refused` each change of what is refused. What cannot be read for longer than
    `patience_seconds` is refused (a volume is replaced file by file, so a short disorder is none); a fragment that
    cannot be read is refused at once, alone.
    """

    def __init__(
        self,
        directory: Path,
        *,
        on_swap: Callable[[Loaded], None],
        on_refused: Callable[[tuple[Refusal, ...]], None],
        patience_seconds: float = 2.0,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._directory = directory
        self._on_swap = on_swap
        self._on_refused = on_refused
        self._patience_seconds = patience_seconds
        self._poll_seconds = poll_seconds
        self._loaded: Loaded | None = None
        self._keys = KeyRing()
        self._keys_version = ""
        self._documents: dict[str, tuple[str, Document]] = {}
        self._bad_fragments: tuple[Refusal, ...] = ()
        self._snapshot_trouble = _Trouble(SNAPSHOT)
        self._keys_trouble = _Trouble(KEYS)
        self._refused: tuple[Refusal, ...] = ()
        self._seen: tuple[object, ...] = ()
        self._retry_at = 0.0
        self._retry_seconds = poll_seconds

    def current(self) -> Loaded | None:
        """Return what is in force; None until the first snapshot is whole."""
        return self._loaded

    @property
    def keys(self) -> KeyRing:
        """Return the key ring in force, also before the first snapshot is whole."""
        return self._keys

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """Return what could not be loaded and is therefore not in force."""
        return self._refused

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("the configuration could not be looked at")
            await asyncio.sleep(self._poll_seconds)

    async def refresh(self) -> None:
        """Look once, and load what has changed. Also called before serving, so that a good start is a quick one."""
        seen = _signature(self._directory)
        now = time.monotonic()
        troubled = self._snapshot_trouble.message or self._keys_trouble.message
        if seen == self._seen and not (troubled and now >= self._retry_at):
            return
        if seen != self._seen:
            self._retry_seconds = self._poll_seconds
        self._seen = seen
        await self._load_keys()
        await self._load_snapshot()
        self._tell_refusals(time.monotonic())
        self._retry_at = time.monotonic() + self._retry_seconds
        self._retry_seconds = min(self._retry_seconds * 2, LONGEST_RETRY_SECONDS)

    async def _load_keys(self) -> None:
        try:
            data = await asyncio.to_thread((_root(self._directory) / KEYS_FILE).read_bytes)
            version = version_of(data)
            keys = self._keys if version == self._keys_version else decode_keys(data)
        except FileNotFoundError:
            # Without any ring so far this is a gateway that needs none yet; with one, the volume is being replaced.
            self._keys_trouble.note(f"{KEYS_FILE} is gone" if self._keys_version else "")
            return
        except (OSError, KeyRingError) as error:
            self._keys_trouble.note(_without_path(error))
            return
        self._keys_trouble.note("")
        if version != self._keys_version:
            self._keys, self._keys_version = keys, version
            if self._loaded is not None:
                self._swap(replace(self._loaded, keys=keys, keys_version=version))
                log.info("key ring loaded", extra={"keys": version})

    async def _load_snapshot(self) -> None:
        in_force = self._loaded.revision if self._loaded and not self._bad_fragments else ""
        try:
            found = await asyncio.to_thread(_read_snapshot, self._directory, in_force)
            if found is not None:
                await self._adopt(*found)
        except (SnapshotError, OSError) as error:
            self._snapshot_trouble.note(_without_path(error))
        else:
            self._snapshot_trouble.note("")

    async def _adopt(self, index: Index, fragments: Sequence[Fragment]) -> None:
        """Put a whole snapshot in force; raise SnapshotError where not even the good part of it can be served."""
        started = time.monotonic()
        documents, bad, read = await self._decode(fragments)
        previous = self._loaded.config if self._loaded else None
        with _garbage_collection_held_off():
            found = [document for _, document in documents.values()]
            config = await asyncio.to_thread(assemble, index.revision, found, previous)
            if gc.get_count()[0] > MANY_OBJECTS:
                # All of it is here to stay; looking through it for garbage would stall calls. What is garbage by
                # chance stays too, which is why a small change does not come this way.
                gc.freeze()
        hashes = {key: digest for key, (digest, _) in documents.items()}
        self._documents = documents
        self._bad_fragments = bad
        self._swap(Loaded(config, self._keys, index.revision, self._keys_version, hashes))
        log.info(
            "configuration loaded",
            extra={
                "revision": index.revision,
                "fragments": len(fragments),
                "read": read,
                "refused": len(bad),
                "duration_seconds": round(time.monotonic() - started, 3),
            },
        )

    async def _decode(
        self, fragments: Sequence[Fragment]
    ) -> tuple[dict[str, tuple[str, Document]], tuple[Refusal, ...], int]:
        """Return the documents by key, what is refused, and how many were read: those known by their hash are reused.

        Reading goes in slices, so that no call waits for a large configuration.
        """
        documents: dict[str, tuple[str, Document]] = {}
        bad: list[Refusal] = []
        read = 0
        position = 0
        while position < len(fragments):
            with _garbage_collection_held_off():
                slice_ends = time.perf_counter() + SLICE_SECONDS
                while position < len(fragments) and time.perf_counter() < slice_ends:
                    fragment = fragments[position]
                    position += 1
                    known = self._documents.get(fragment.key)
                    if known is not None and known[0] == fragment.header.hash:
                        documents[fragment.key] = known
                        continue
                    read += 1
                    try:
                        documents[fragment.key] = (fragment.header.hash, fragment.read())
                    except SnapshotError as error:
                        bad.append(Refusal(key=fragment.key, message=str(error)))
                        if known is not None:
                            documents[fragment.key] = known
            await asyncio.sleep(0)
        return documents, tuple(bad), read

    def _swap(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._on_swap(loaded)

    def _tell_refusals(self, now: float) -> None:
        troubles = (self._snapshot_trouble, self._keys_trouble)
        lasting = (trouble.refusal(now, self._patience_seconds) for trouble in troubles)
        refused = (*(refusal for refusal in lasting if refusal is not None), *self._bad_fragments)
        if refused == self._refused:
            return
        for refusal in refused:
            if refusal not in self._refused:
                fields = {"refused": refusal.key, "why": refusal.message}
                log.warning("configuration refused, the last good one stays in force", extra=fields)
        self._refused = refused
        self._on_refused(refused)


class _Trouble:
    """What is wrong with the snapshot or the key ring as a whole, and since when."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.message = ""
        self._since = 0.0

    def note(self, message: str) -> None:
        if message and not self.message:
            self._since = time.monotonic()
        self.message = message

    def refusal(self, now: float, patience_seconds: float) -> Refusal | None:
        if not self.message or now - self._since < patience_seconds:
            return None
        return Refusal(key=self.key, message=self.message)


def _signature(directory: Path) -> tuple[object, ...]:
    """Return what changes whenever a file of the directory, or the link that they all hang on, is replaced."""
    return tuple(_stat(directory / name) for name in ("", INDEX_FILE, KEYS_FILE))


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _root(directory: Path) -> Path:
    """Return where to read from: within one projected volume all files hang on one link, followed once."""
    try:
        return directory / os.readlink(directory / DATA_LINK)
    except OSError:
        return directory


def _read_snapshot(directory: Path, in_force: str) -> tuple[Index, list[Fragment]] | None:
    """Return the index and the fragments it names; None where that revision is in force already. Runs in a thread."""
    root = _root(directory)
    index = read_index((root / INDEX_FILE).read_bytes())
    if index.revision == in_force:
        return None
    shards: dict[str, bytes] = {}
    for ref in index.shards:
        if "/" in ref.name:
            raise SnapshotError(f"shard {ref.name!r} is not the name of a file")
        path = root / ref.name
        if path.exists():
            shards[ref.name] = path.read_bytes()
    return index, unpack(check_shards(index, shards))


def _without_path(error: Exception) -> str:
    """Return what is wrong in words that fit a status: a file by its name only."""
    if isinstance(error, OSError):
        return f"{Path(str(error.filename or '')).name or 'a file'}: {error.strerror or type(error).__name__}"
    return str(error)


@contextmanager
def _garbage_collection_held_off() -> Iterator[None]:
    """A large configuration makes many objects and no garbage: looking for some would stall every call."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
