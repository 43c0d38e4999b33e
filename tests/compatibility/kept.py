"""Where the stored objects of each version are kept, and the list of digests that shows that nobody changed them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

KEPT = Path(__file__).parent / "kept"
DIGESTS = "SHA256SUMS"
"""A line for each file, as sha256sum writes it: the digest, two spaces, the path from the folder `kept`."""


def versions(root: Path = KEPT) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def digests_in(folder: Path) -> dict[str, str]:
    """Return the digest of every file below a folder, by its path from there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != DIGESTS)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_digests(root: Path) -> dict[str, str]:
    file = root / DIGESTS
    lines = file.read_text().splitlines() if file.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def changed(root: Path = KEPT) -> list[str]:
    """Return what is not as it was when it was kept: files that are other, gone, or on no list."""
    listed, there = read_digests(root), digests_in(root)
    return sorted(name for name in listed.keys() | there.keys() if listed.get(name) != there.get(name))


def append_digests(root: Path, new: Iterable[str]) -> None:
    """List new files behind those that are listed; no line that stands there is touched."""
    there = digests_in(root)
    with (root / DIGESTS).open("a") as file:
        file.writelines(f"{there[name]}  {name}\n" for name in sorted(new))
