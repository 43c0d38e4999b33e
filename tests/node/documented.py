"""What our documents tell their reader to type, command by command, so that the tests on a node type just that."""

import shlex
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from docs.fences import fences_of
from node.images import OPERATOR_IMAGE
from node.layers import ROOT

README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "guides" / "install.md"
CHARTS = ROOT / "charts"
SHELLS = ("sh", "console")
"""The languages of blocks whose lines are typed."""
READERS_REGISTRY = "REGISTRY/"
"""In its place a reader writes where they have pushed the images."""
HERE = OPERATOR_IMAGE.removesuffix(OPERATOR_IMAGE.rpartition("/")[2])
"""Where the node has its images from."""

Command = tuple[str, ...]
"""The words of one command, the program first."""


class NotTold(Exception):
    """A document does not tell what is looked for; the text says which, under which heading, and the remedy."""


def commands_below(document: Path, heading: str) -> list[list[Command]]:
    """Return the commands of each block of a shell's right below a heading; raise NotTold where there is none."""
    wanted = f"{document.stem}: {heading}"
    blocks = [each for each in fences_of(document.stem, document.read_text()) if each.id == wanted]
    found = [list(_commands(each.text)) for each in blocks if each.language in SHELLS]
    if not found:
        raise NotTold(f"{document.name}: no ```sh or ```console block below '{heading}'; tell the commands there")
    return found


def installing(document: Path, heading: str, values: Path) -> list[Command]:
    """Return the Helm commands with which a document installs our charts, as a test types them.

    What only a test can give is put in: charts come from this tree wherever a document takes them from, images from
    where the node has them, and the operator's chart gets a file of values besides. Raises NotTold where no command is.
    """
    told = [each for block in commands_below(document, heading) for each in block if each[0] == "helm"]
    found = [_with_charts_of_ours(each, values) for each in told]
    if not found:
        raise NotTold(f"{document.name}: no command below '{heading}' begins with helm; tell there how to install")
    return found


def removing(document: Path, heading: str) -> tuple[list[Command], list[Command]]:
    """Return the commands that take all away, and those for what is left where the namespace went first.

    Raises NotTold unless there is a block for each.
    """
    blocks = commands_below(document, heading)
    if len(blocks) != 2:
        told = f"{document.name}: {len(blocks)} blocks below '{heading}', and not 2"
        raise NotTold(f"{told}: one for all of it, then one for what is left where the namespace went first")
    all_of_it, left = blocks
    return all_of_it, left


def _commands(text: str) -> Iterator[Command]:
    """Yield one command after the other; a line may hold several, joined by `&&`, and go on after a backslash."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for joins, command in groupby(words, key=lambda word: word == "&&"):
            if not joins:
                yield tuple(command)


def _with_charts_of_ours(command: Command, values: Path) -> Command:
    words = [word.replace(READERS_REGISTRY, HERE) for word in command]
    ours = {word: CHARTS / Path(word).name for word in words if "/" in word and (CHARTS / Path(word).name).is_dir()}
    named = tuple(str(ours.get(word, word)) for word in words)
    return (*named, "-f", str(values)) if CHARTS / "fairlead" in ours.values() else named
