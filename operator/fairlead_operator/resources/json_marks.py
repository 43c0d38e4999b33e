"""Where each field of a JSON document stands: its line and column, for a text that has been read without fault."""

import json
import re
from bisect import bisect_right

Marks = dict[str, tuple[int, int]]
"""Line and column of each field, both from 1, by its path, such as `spec.rules[0].name`."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+')


def json_marks(text: str, start: int, end: int) -> Marks:
    """Return the marks of the one object between these offsets: of a field its key, of an entry of a list its start."""
    breaks = [0, *(match.end() for match in re.finditer("\n", text[:end]))]
    marks: Marks = {}
    above: list[tuple[str, int]] = []  # of each object and list around: its path; the index within a list, else -1
    path, key = "", ""
    for token in _TOKEN.finditer(text, start, end):
        word = token.group()
        if above and above[-1][1] >= 0 and word not in ("]", ","):
            path = f"{above[-1][0]}[{above[-1][1]}]"
            marks[path] = _mark(breaks, token.start())
        match word:
            case "{" | "[":
                above.append((path, -1 if word == "{" else 0))
                key = ""
            case "}" | "]":
                above.pop()
            case ",":
                parent, index = above.pop()
                above.append((parent, index + 1 if index >= 0 else index))
                key = ""
            case _ if above and above[-1][1] < 0 and word[0] == '"' and not key:
                key = json.loads(word, strict=False)
                path = f"{above[-1][0]}.{key}" if above[-1][0] else key
                marks[path] = _mark(breaks, token.start())
                key = word
    return marks


def _mark(breaks: list[int], offset: int) -> tuple[int, int]:
    line = bisect_right(breaks, offset)
    return line, offset - breaks[line - 1] + 1
