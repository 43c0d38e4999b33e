"""Writes a volume's files as the kubelet does: a new directory, then one rename of the link `..data` to it.

Source: k8s.io/kubernetes/pkg/volume/util/atomic_writer.go, from whose comments the layout is taken: user-visible names
are links through `..data`, so a reader that resolves `..data` once sees all of the old files or all of the new ones.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DATA_LINK = "..data"


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file to be: its bytes and its permission bits."""

    content: bytes
    mode: int = 0o644


def write_atomically(directory: Path, files: Mapping[str, FileContent]) -> bool:
    """Make the directory hold exactly these files (relative path to content); return whether anything changed."""
    directory.mkdir(parents=True, exist_ok=True)
    link = directory / DATA_LINK
    before = link.resolve() if link.is_symlink() else None
    if before is not None and _holds(before, files):
        return False
    after = Path(tempfile.mkdtemp(prefix="..", dir=directory))
    after.chmod(0o755)
    for name, file in files.items():
        path = after / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(file.mode)
    scratch = directory / "..data_tmp"
    scratch.symlink_to(after.name)
    os.rename(scratch, link)
    _show(directory, {Path(name).parts[0] for name in files})
    if before is not None:
        shutil.rmtree(before)
    return True


def _holds(directory: Path, files: Mapping[str, FileContent]) -> bool:
    there = {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}
    return there.keys() == files.keys() and all(
        path.read_bytes() == files[name].content and path.stat().st_mode & 0o777 == files[name].mode
        for name, path in there.items()
    )


def _show(directory: Path, names: set[str]) -> None:
    """Make the user-visible links, and take away those of files that are no more."""
    for path in directory.iterdir():
        if not path.name.startswith("..") and path.name not in names:
            path.unlink()
    for name in names:
        visible = directory / name
        if not visible.is_symlink():
            visible.symlink_to(Path(DATA_LINK, name))
