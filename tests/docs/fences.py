"""Finding the fenced blocks of a page, each below the heading that it stands under."""

import re
from dataclasses import dataclass
from pathlib import Path

GUIDES = Path(__file__).parents[2] / "docs/guides"

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)


@dataclass(frozen=True)
class Fence:
    """`id`: page and heading, for the names of tests."""

    id: str
    language: str
    text: str


def fences_of(page: str, text: str) -> list[Fence]:
    """Return the blocks of a page. A comment in a block is no heading."""
    found: list[Fence] = []
    heading, end = "", 0
    for match in _FENCE.finditer(text):
        headings = _HEADING.findall(text[end : match.start()])
        heading, end = headings[-1] if headings else heading, match.end()
        found.append(Fence(f"{page}: {heading}", match[1], match[2]))
    return found


def read_fences(page: str) -> list[Fence]:
    return fences_of(page, (GUIDES / f"{page}.md").read_text())


def rows_below(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without backticks and without the head."""
    section = (GUIDES / f"{page}.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [[cell.strip().strip("`") for cell in row.split("|")] for row in _ROW.findall(section)]
    return rows[2:]
