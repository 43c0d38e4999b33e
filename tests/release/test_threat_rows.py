"""Every row of the threat model about the way from source to pod names tests; that they exist is shown elsewhere."""

import re

from release.containerfile import ROOT

ROW = re.compile(r"^\| (S\d+) \|.*\| (?P<proved>[^|]*) \|$", re.MULTILINE)
NAMED = re.compile(r"`tests/[\w/]+\.py::test_\w+`")


def test_every_row_names_a_test() -> None:
    rows = list(ROW.finditer((ROOT / "docs" / "reference" / "threat-model.md").read_text()))
    assert [row[1] for row in rows] == [f"S{number}" for number in range(1, len(rows) + 1)]
    assert len(rows) >= 8
    assert [row[1] for row in rows if not NAMED.search(row["proved"])] == []
