"""The objects of files, compiled once without anything being run: what validate, render and explain look at."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlead_operator.cluster.local_files import LocalFiles, PathMissing
from fairlead_operator.cluster.local_inventory import choose_gateway
from fairlead_operator.cluster.local_objects import LocalObjects, fault_of, load_objects
from fairlead_operator.cluster.local_problems import Problem, place_of
from fairlead_operator.cluster.local_settings import StartRefused
from fairlead_operator.compiler.compile import Compilation, CompiledGateway, compile_inventory
from fairlead_operator.price_book.book import PricesNow
from fairlead_operator.price_book.shelf import Shelf, needs_book
from fairlead_operator.resources.documents import Document
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.snapshot import assemble


class SourcesRefused(Exception):
    """The files cannot be looked at; the message is for the user, one line each."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Files as they are now, without an earlier state: every object is new, none has a last good version.

    `faulty`: documents that are no objects, such as one without a name; each of them is among the problems too.
    """

    objects: LocalObjects
    problems: tuple[Problem, ...]
    compilation: Compilation
    faulty: tuple[Document, ...] = ()

    def gateway(self, wanted: str | None) -> CompiledGateway:
        """Return what one gateway would serve. Raises SourcesRefused."""
        try:
            chosen = choose_gateway(self.objects, wanted)
        except StartRefused as refused:
            raise SourcesRefused(str(refused)) from None
        compiled = self.compilation.gateways.get(chosen.id)
        if compiled is None:
            raise SourcesRefused(f"{chosen}: {self.compilation.verdicts[chosen].accepted.message}")
        return compiled

    def config(self, wanted: str | None) -> GatewayConfig:
        """Return the configuration that a proxy of one gateway would load. Raises SourcesRefused."""
        compiled = self.gateway(wanted)
        return assemble(compiled.revision, (fragment.read() for fragment in compiled.fragments))


def standard_input(paths: Sequence[str]) -> str:
    """Return the text of standard input if a path asks for it."""
    return sys.stdin.read() if "-" in paths else ""


def read_sources(paths: Sequence[str], environ: Mapping[str, str] = os.environ, shelf: Shelf | None = None) -> Sources:
    """Read and compile these files, with list prices where there is a shelf to take them from.

    Raises SourcesRefused where a path does not exist.
    """
    files = LocalFiles(paths, lambda _: "", standard_input(paths))
    try:
        files.load()
    except PathMissing as missing:
        raise SourcesRefused(str(missing)) from None
    faults = [(document, fault_of(document)) for document in files.documents()]
    sound = [document for document, fault in faults if not fault]
    objects = load_objects(sound, environ=environ, known=lambda _: None, created="")
    broken = [Problem(place_of(document), " ".join(fault.split())) for document, fault in faults if fault]
    problems = (*files.problems(), *broken, *objects.problems)
    inventory = objects.inventory()
    book = shelf.book() if shelf is not None and needs_book(inventory) else None
    compilation = compile_inventory(inventory, prices=PricesNow(book, time.time()))
    return Sources(objects, problems, compilation, tuple(document for document, fault in faults if fault))
