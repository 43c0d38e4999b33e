"""Objects as a command has read them, and how they are read from the state directory of a standalone run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead_operator.cli.cluster_options import Where
from fairlead_operator.cli.staleness import as_stale
from fairlead_operator.cluster.local_state import is_held, read_facts, read_objects
from fairlead_operator.resources.meta import Kind

Content = Mapping[str, Any]

NOBODY_RUNS = "nobody runs on this directory: what was observed is Unknown"


class GatherRefused(Exception):
    """What was asked for cannot be read; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Objects as they are now. `notes` are told beside them; `namespace` None: those of every namespace."""

    objects: tuple[Content, ...]
    namespace: str | None
    notes: tuple[str, ...] = ()

    def of(self, kind: Kind) -> list[Content]:
        """Return the objects of one kind, in the order in which an API server lists them."""
        return [content for content in self.objects if content["kind"] == kind]

    def named(self, name: str | None) -> list[Content]:
        """Return the objects of this name; None: all of them."""
        return [content for content in self.objects if name in (None, content["metadata"]["name"])]


def gather_local(kinds: Sequence[Kind], where: Where, state: Path) -> Gathered:
    """Return the objects of these kinds, stale where nobody runs on the directory. Raises GatherRefused."""
    if not state.is_dir():
        raise GatherRefused(
            f"--state {state}: no such directory; start fairlead run here, or name the directory of one that runs"
        )
    held = is_held(state)
    namespace = None if where.every else where.namespace or "default"
    objects = tuple(
        content if held else as_stale(content)
        for content in read_objects(state, kinds)
        if namespace in (None, content["metadata"]["namespace"])
    )
    if not held:
        return Gathered(objects, namespace, (NOBODY_RUNS,))
    problems = tuple(f"not in force: {line}" for line in read_facts(state).get("problems", []))
    return Gathered(objects, namespace, problems)
