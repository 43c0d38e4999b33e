"""What the charts say is new is what the fragments say, and after their release what the changelog says of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from architecture.chart_changes import ROOT, changes, changes_of

FRAGMENTS = {
    "+tables.fixed.md": "A table was\nnarrow.\n",
    "+zones.added.md": "Zones.\n",
    "12.added.1.md": "Another `thing`.\n",
}
CHANGELOG = """# Changelog

## 0.2.0 (2026-12-01)

### Added

- Another `thing`.
- Zones.

### Fixed

- A table was
  narrow.


## 0.1.0 (2026-11-01)

### Removed

- Older than that.
"""
TOLD = [
    {"kind": "added", "description": "Another `thing`."},
    {"kind": "added", "description": "Zones."},
    {"kind": "fixed", "description": "A table was narrow."},
]


def test_before_a_release_the_fragments_tell() -> None:
    assert changes("0.3.0", CHANGELOG, FRAGMENTS) == TOLD


def test_afterwards_the_changelog_tells_of_that_version_and_no_other() -> None:
    assert changes("0.2.0", CHANGELOG, {"+later.added.md": "Later."}) == TOLD
    assert changes("0.1.0", CHANGELOG, {}) == [{"kind": "removed", "description": "Older than that."}]


def test_a_fragment_of_no_kind_is_refused_by_its_name() -> None:
    with pytest.raises(ValueError, match=r"^docs/changes/\+new\.feature\.md: the name tells no kind"):
        changes("0.3.0", CHANGELOG, {"+new.feature.md": "New."})


def test_a_release_changes_nothing_of_it() -> None:
    command = [str(Path(sys.executable).parent / "towncrier"), "build", "--draft", "--version", "9.9.9"]
    drafted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert changes("9.9.9", drafted, {}) == changes_of("9.9.9")
