"""What is new in a version, as Artifact Hub lists it: what the changelog says, and before the release its fragments."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("added", "changed", "deprecated", "removed", "fixed", "security")
"""Ours and Artifact Hub's are the same. Source: https://artifacthub.io/docs/topics/annotations/helm/"""

_OF_A_KIND = rf"(?P<kind>{'|'.join(KINDS)})"
_FRAGMENT = re.compile(rf"\.{_OF_A_KIND}(\.\d+)?\.md$")
_HEADING = re.compile(rf"^#+ {_OF_A_KIND}$", re.IGNORECASE)

Change = dict[str, str]


def changes_of(version: str) -> list[Change]:
    """Return what this tree says is new in a version."""
    fragments = {path.name: path.read_text() for path in (ROOT / "docs" / "changes").glob("*.md")}
    return changes(version, (ROOT / "CHANGELOG.md").read_text(), fragments)


def changes(version: str, changelog: str, fragments: Mapping[str, str]) -> list[Change]:
    """Return what is new in a version, one order whichever of the two it is read from; `fragments`: file name → text.

    So nothing changes here when a release makes one of the other. Raises ValueError for a fragment of no kind.
    """
    told = list(_released(version, changelog)) or [(_kind_of(name), text) for name, text in fragments.items()]
    return [{"kind": kind, "description": text} for kind, text in _in_order(told)]


def _in_order(told: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    words = [(kind, " ".join(text.split())) for kind, text in told]
    return sorted(words, key=lambda each: (KINDS.index(each[0]), each[1]))


def _kind_of(name: str) -> str:
    found = _FRAGMENT.search(name)
    if found is None:
        kinds = ", ".join(KINDS)
        raise ValueError(f"docs/changes/{name}: the name tells no kind; write it as +NAME.KIND.md, of {kinds}")
    return found["kind"]


def _released(version: str, changelog: str) -> Iterator[tuple[str, str]]:
    """Yield kind and text of each entry of a version; nothing where the changelog does not have it."""
    parts = re.split(r"(?m)^## (?=\S+ \()", changelog)
    (section,) = [part for part in parts if part.startswith(f"{version} (")] or [""]
    kind = ""
    for entry in re.split(r"(?m)^(?=- |#)", section):
        heading = _HEADING.match(entry.strip())
        if heading is not None:
            kind = heading["kind"].lower()
        elif entry.startswith("- "):
            yield kind, entry.removeprefix("- ")
