"""Where a price book that was made once is kept: a file for each version of the package it comes from."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from fairlead_operator.price_book.book import BOOK_FORMAT, PriceBook

PACKAGE = "genai-prices"


def cache_directory(environ: Mapping[str, str]) -> Path | None:
    """Return `fairlead` below XDG_CACHE_HOME, or below ~/.cache; None for who has no home.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/, which wants a relative path ignored.
    """
    given = environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(given):
        return Path(given) / "fairlead"
    home = environ.get("HOME", "")
    return Path(home) / ".cache" / "fairlead" if os.path.isabs(home) else None


def read_kept(directory: Path, version: str) -> PriceBook | None:
    """Return the book of this version of the package; None where there is none that can be used."""
    try:
        book = msgspec.json.decode(_file(directory, version).read_bytes(), type=PriceBook)
    except (OSError, msgspec.MsgspecError):
        return None
    return book if (book.format, book.edition) == (BOOK_FORMAT, f"{PACKAGE} {version}") else None


def write_whole(directory: Path, version: str, encoded: bytes) -> None:
    """Keep a book; whoever reads meanwhile finds a whole one or none. Raises OSError."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".prices-", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            os.fchmod(file.fileno(), 0o644)
        os.replace(name, _file(directory, version))
    except BaseException:
        os.unlink(name)
        raise


def _file(directory: Path, version: str) -> Path:
    return directory / f"prices-{version}.json"
