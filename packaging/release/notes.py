"""Checks that a tag and the tree name one version, and writes that version's part of the changelog: notes.py TAG."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PLACES = {
    "pyproject.toml": r'(?m)^version = "(?P<version>[^"]+)"$',
    "charts/fairlead/Chart.yaml": r'(?m)^version: "?(?P<version>[^"\n]+)"?$',
    "charts/fairlead-crds/Chart.yaml": r'(?m)^version: "?(?P<version>[^"\n]+)"?$',
    "packaging/krew/kubectl-fairlead": r"(?m)^version=(?P<version>.+)$",
}
"""Where the version stands, and how it is found there."""


def versions(root: Path) -> dict[str, str]:
    """Return the version that each place names; empty where none does."""
    found = {place: re.search(pattern, (root / place).read_text()) for place, pattern in _PLACES.items()}
    return {place: match["version"] if match else "" for place, match in found.items()}


def section(changelog: str, version: str) -> str:
    """Return what the changelog says of a version, without its heading; empty where it says nothing."""
    parts = re.split(r"(?m)^## ", changelog)
    (said,) = [part for part in parts if part.startswith(f"{version} (")] or [""]
    return said.partition("\n")[2].strip()


def main() -> None:
    """End with 1, and one line for each place that is wrong."""
    if len(sys.argv) != 2 or not sys.argv[1].startswith("v"):
        sys.exit("notes.py: takes one TAG, written like v1.2.3")
    version = sys.argv[1].removeprefix("v")
    wrong = [
        f"{place}: names version {named}, the tag {version}; make them equal"
        for place, named in versions(ROOT).items()
        if named != version
    ]
    said = section((ROOT / "CHANGELOG.md").read_text(), version)
    if not said:
        wrong.append(f"CHANGELOG.md: says nothing of {version}; run make changelog VERSION={version}")
    if wrong:
        sys.exit("\n".join(wrong))
    sys.stdout.write(f"{said}\n")


if __name__ == "__main__":
    main()
