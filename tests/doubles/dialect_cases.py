"""The cases of the dialects on disk: one thing said in neutral words, and what every dialect makes of it beside it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml
from doubles.case_files import CASES

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.exchange.completion import Completion, StreamEvent
from fairlead_proxy.exchange.conversation import Conversation

ROOM = CASES / "dialects"

_TYPES: dict[str, Any] = {
    "conversation": Conversation,
    "completion": Completion,
    "events": tuple[StreamEvent, ...],
}


@dataclass(frozen=True)
class Case:
    """`said` is a Conversation, a Completion, or the events of a stream, as `kind` says."""

    topic: str
    kind: str
    operation: Operation
    said: Any


def cases(kind: str) -> list[Case]:
    """Return the cases of a kind: conversation, completion or events."""
    found = (_read(path) for path in sorted(ROOM.glob("*.in.yaml")))
    return [case for case in found if case.kind == kind]


def expected_rendering(topic: str, dialect: DialectName, actual: Any) -> Any:
    """Return what stands beside the case for this dialect; with UPDATE_CASES=1 write the actual rendering first."""
    path = ROOM / f"{topic}.{dialect}.out.json"
    if os.environ.get("UPDATE_CASES") == "1":
        path.write_text(json.dumps(actual, indent=2, ensure_ascii=False) + "\n")
    return json.loads(path.read_text()) if path.exists() else None


def renderings_on_disk() -> set[str]:
    """Return the names of all that stands beside the cases."""
    return {path.name for path in ROOM.glob("*.out.json")}


def _read(path: Path) -> Case:
    given: dict[str, Any] = yaml.safe_load(path.read_text())
    operation = Operation.COUNT_TOKENS if given.pop("counts", False) else Operation.CHAT
    ((kind, value),) = given.items()
    said = msgspec.convert(value, _TYPES[kind])
    _hold_to(value, msgspec.to_builtins(said), path.name)
    return Case(path.name.removesuffix(".in.yaml"), kind, operation, said)


def _hold_to(given: Any, read: Any, where: str) -> None:
    """Hold a case to its types: a member that they do not have would say nothing, and nobody would know."""
    if isinstance(given, dict):
        assert isinstance(read, dict), where
        for name, value in given.items():
            assert name in read, f"{where}: {name}"
            _hold_to(value, read[name], f"{where}.{name}")
    elif isinstance(given, list):
        for number, value in enumerate(given):
            _hold_to(value, read[number], f"{where}[{number}]")
