"""The price book of this installation: fetched when it is first needed, since most of what is run needs none."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import msgspec

from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.book import PriceBook
from fairlead_operator.price_book.files import PACKAGE, cache_directory, read_kept, write_whole
from fairlead_proxy.contract.names import ProviderType

REMEDY = "pip install 'fairlead[prices]'"
DEADLINE_SECONDS = 120.0
"""Making a book takes two seconds where nothing else runs. A default."""

_GENERATOR = (sys.executable, "-P", "-m", "fairlead_operator.price_book.generate")


class Shelf:
    """Holds the book once it was asked for. `problem` says then why there is none; it is empty where there is one."""

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        package: str = PACKAGE,
        generator: Sequence[str] = _GENERATOR,
    ) -> None:
        self._environ = environ
        self._package = package
        self._generator = generator
        self._book: PriceBook | None = None
        self._asked = False
        self.problem = ""

    def book(self) -> PriceBook | None:
        """Return the book. The first time this reads a file, or takes seconds where there is none yet."""
        if not self._asked:
            self._book = self._fetch()
            self._asked = True
        return self._book

    def _fetch(self) -> PriceBook | None:
        try:
            installed = version(self._package)
        except PackageNotFoundError:
            self.problem = f"the package {self._package} is not installed; to have list prices, {REMEDY}"
            return None
        directory = cache_directory(self._environ)
        kept = read_kept(directory, installed) if directory is not None else None
        if kept is not None:
            return kept
        try:
            made = subprocess.run(self._generator, capture_output=True, check=True, timeout=DEADLINE_SECONDS)  # noqa: S603
            book = msgspec.json.decode(made.stdout, type=PriceBook)
        except (OSError, subprocess.SubprocessError, msgspec.MsgspecError) as error:
            self.problem = f"the prices of {self._package} {installed} cannot be read: {_reason(error)}"
            return None
        if directory is not None:
            with suppress(OSError):  # without a file it is made again by the next process
                write_whole(directory, installed, made.stdout)
        return book


def needs_book(inventory: Inventory) -> bool:
    """Say whether any model lacks a price that a book may have."""
    return any(
        model.price is None
        for found in inventory.providers.values()
        if found.spec is not None and found.spec.type is not ProviderType.SIMULATED
        for model in found.spec.models
    )


def _reason(error: Exception) -> str:
    """Return the last line of what a process said that failed."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else b""
    lines = (said or b"").decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else str(error)
