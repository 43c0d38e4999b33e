"""Keeps the stored objects of a version that is about to be released: python -m compatibility.keep --version X."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from compatibility import making, meaning
from compatibility.kept import KEPT, append_digests, changed, digests_in
from compatibility.schema_fields import fields_of_schema, fields_set_by

ROOT = Path(__file__).parents[2]
RECORDED = "meaning.json"
"""What the version itself reads in its own stored objects."""


class CannotKeep(Exception):
    """Nothing was kept; the text says why, and what to do."""


def sources() -> list[Path]:
    """Return the documents that are kept: the examples, the compiler's cases, and what these leave out.

    Not those with an object that is refused: no API server holds one, and the next version may well take it.
    """
    cases = sorted((ROOT / "tests" / "cases" / "compile").glob("*.in.yaml"))
    files = [*sorted((ROOT / "examples").rglob("*.yaml")), *cases, Path(__file__).parent / "more.in.yaml"]
    return [file for file in files if meaning.is_valid(file)]


def keep(version: str, root: Path = KEPT) -> None:
    """Write all of it below `root/version`, where nothing may be yet. Raises CannotKeep."""
    folder = root / version
    if folder.exists():
        raise CannotKeep(f"--version {version}: is kept already, and what is kept is never written anew")
    if found := changed(root):
        raise CannotKeep(f"{found[0]}: is not as it was kept; restore it first")
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / version
        making.make_cases(draft, sources())
        missing = fields_of_schema() - fields_set_by(
            each for path in meaning.case_files(draft) for each in meaning.objects_in(path)
        )
        if missing:
            raise CannotKeep(f"{', '.join(sorted(missing))}: set by no document; add it to compatibility/more.in.yaml")
        making.make_published(draft)
        making.make_messages(draft)
        for make, name in ((making.make_state, "run"), (making.make_spool, "proxy")):
            (Path(scratch) / name).mkdir()
            make(draft, Path(scratch) / name)
        # Of a copy: looking alone makes SQLite write beside its file.
        looked_at = Path(shutil.copytree(draft, Path(scratch) / "copy"))
        (draft / RECORDED).write_text(json.dumps(recorded_now(looked_at), indent=1, sort_keys=True) + "\n")
        shutil.copytree(draft, folder)
    append_digests(root, (f"{version}/{name}" for name in digests_in(folder)))


def recorded_now(folder: Path) -> dict[str, meaning.Meaning]:
    """Return what the code at hand reads there, by what it reads it in."""
    return {
        "resources": meaning.of_resources(folder),
        "compilations": meaning.of_compilations(folder),
        "published": meaning.of_published(folder),
        "messages": meaning.of_messages(folder),
        "state": meaning.of_state(folder / "state"),
        "ledger": meaning.of_ledger(str(folder / "state" / "ledger.sqlite")),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="compatibility.keep", description=__doc__)
    parser.add_argument("--version", required=True, help="what is about to be released, such as 0.2.0")
    told = parser.parse_args(arguments)
    try:
        keep(told.version)
    except CannotKeep as refused:
        sys.stderr.write(f"keep: {refused}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
