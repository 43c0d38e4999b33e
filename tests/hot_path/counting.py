"""Counts what code does instead of timing it: functions entered, calls made, blocks of memory taken and held.

What is counted is the code in one folder, or file; what it calls elsewhere counts as one call each. `sys.settrace`
tells of every function entered and of every instruction. `sys.setprofile` would tell neither of a type that is called,
nor of a function of Cython. The counts are those of CPython 3.11: later versions have other instructions, and tell of
them only in part.
"""

import dis
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from doubles.uncollected import uncollected

_CALLS = frozenset(dis.opmap[name] for name in ("CALL", "CALL_KW", "CALL_FUNCTION_EX") if name in dis.opmap)


MEASURES = ("entered", "called", "taken", "held", "held_bytes", "kept", "cycles")
"""What is counted: see Traced for the first three, Held for the next two, and Player.keep for the last two."""


class Traced:
    """Counts by function while it is `on`. To be used once; nothing else may trace meanwhile.

    `entered`: how often a function of the folder was entered, a generator at each turn of it, a comprehension where
    the version makes a function of it. `called`: its call instructions, whatever is called: functions of ours, of
    others and of C, methods and types; not what an operator or an attribute calls. `taken`: by how many blocks of up to
    512 bytes there were more after one of its instructions than before; that sees copies, texts and containers, also
    those that are dropped at once. It does not see what a call takes and gives back within itself, larger pieces,
    what comes from an interpreter's free list, and an object whose `__init__` is ours, which counts as entered.
    """

    def __init__(self, folder: Path) -> None:
        self.entered: Counter[str] = Counter()
        self.called: Counter[str] = Counter()
        self.taken: Counter[str] = Counter()
        self._folder = str(folder)
        self._blocks = sys.getallocatedblocks()
        self._at = ""
        self._on_step = self._step  # made once, since it would take a block each time

    @contextmanager
    def on(self) -> Iterator[None]:
        with uncollected():
            before = sys.gettrace()
            sys.settrace(self._enter)
            try:
                yield
            finally:
                sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if not frame.f_code.co_filename.startswith(self._folder):
            return None
        self.entered[_name(frame.f_code, self._folder)] += 1
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        self._blocks = sys.getallocatedblocks()  # what the frame itself takes is not of interest
        return self._on_step

    def _step(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        taken = sys.getallocatedblocks() - self._blocks
        if taken > 0:
            self.taken[self._at] += taken
        if event == "opcode":
            self._at = _name(frame.f_code, self._folder)
            if _code(frame.f_code)[frame.f_lasti] in _CALLS:
                self.called[self._at] += 1
        self._blocks = sys.getallocatedblocks()
        return self._on_step


class Held:
    """Counts, by line, the blocks of any size that code of the folder has taken and not given back when `note` is
    called last. Blocks that come from an interpreter's free list are not seen; these are emptied before.
    """

    def __init__(self, folder: Path) -> None:
        self.blocks: Counter[str] = Counter()
        self.size: Counter[str] = Counter()
        self._folder = folder

    @contextmanager
    def on(self) -> Iterator[None]:
        with uncollected():
            tracemalloc.start()
            try:
                yield
            finally:
                tracemalloc.stop()

    def note(self) -> None:
        if not tracemalloc.is_tracing():
            return
        ours = tracemalloc.Filter(True, f"{self._folder}*")
        self.blocks.clear()
        self.size.clear()
        for each in tracemalloc.take_snapshot().filter_traces([ours]).statistics("lineno"):
            place = each.traceback[0]
            name = f"{Path(place.filename).relative_to(self._folder)}:{place.lineno}"
            self.blocks[name] = each.count
            self.size[name] = each.size


@cache
def _name(code: CodeType, folder: str) -> str:
    return f"{Path(code.co_filename).relative_to(folder)} {code.co_qualname}"


@cache
def _code(code: CodeType) -> bytes:
    return code.co_code
