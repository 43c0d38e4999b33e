"""A gateway's configuration in a directory, in the form in which a cluster mounts it into a proxy."""

import os
from pathlib import Path

from fairlead_operator.cluster.api import ClusterError, Snapshot
from fairlead_operator.cluster.local_state import write_private
from fairlead_proxy.contract.keys import KEYS_FILE, KeyRing, encode_keys, version_of
from fairlead_proxy.contract.snapshot import (
    INDEX_FILE,
    SETS,
    Index,
    SnapshotError,
    check_shards,
    index_of,
    least_reader_of,
    pack,
    read_index,
    unpack,
)


def read_snapshot(directory: Path) -> Snapshot | None:
    """Return the snapshot that stands in a directory; None where there is none that is whole."""
    index = _index(directory)
    if index is None:
        return None
    try:
        shards = {ref.name: (directory / ref.name).read_bytes() for ref in index.shards}
        return Snapshot(index.revision, tuple(unpack(check_shards(index, shards))))
    except (OSError, SnapshotError):
        return None


def write_snapshot(directory: Path, snapshot: Snapshot) -> None:
    """Write the idle set of shards, then the index that names it, each by renaming. Raises ClusterError."""
    before = _index(directory)
    idle = next(name for name in SETS if before is None or name != before.set)
    try:
        shards = pack(snapshot.fragments)
        for number, shard in enumerate(shards):
            write_private(directory / f"{idle}-{number}", shard)
        least = least_reader_of(snapshot.fragments)
        write_private(directory / INDEX_FILE, index_of(snapshot.revision, idle, shards, min_reader=least))
    except OSError as error:
        raise ClusterError(f"{directory}: the configuration cannot be written: {error.strerror}") from error


def write_keys(directory: Path, keys: KeyRing) -> str:
    """Write the key ring where it differs, readable by its owner only; return its version. Raises ClusterError."""
    data = encode_keys(keys)
    path = directory / KEYS_FILE
    try:
        if not path.exists() or path.read_bytes() != data:
            write_private(path, data)
    except OSError as error:
        raise ClusterError(f"{path}: the key ring cannot be written: {error.strerror}") from error
    return version_of(data)


def touch(directory: Path) -> None:
    """Make whoever watches the directory look again."""
    os.utime(directory)


def _index(directory: Path) -> Index | None:
    try:
        return read_index((directory / INDEX_FILE).read_bytes())
    except (OSError, SnapshotError):
        return None
