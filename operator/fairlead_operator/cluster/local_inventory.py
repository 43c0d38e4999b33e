"""The objects of a standalone run: read from files, kept with age and status in the state directory."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fairlead_operator.cluster.api import Written
from fairlead_operator.cluster.local_files import LocalFiles, PathMissing
from fairlead_operator.cluster.local_objects import (
    IMPLIED_SOURCE,
    Known,
    LocalObjects,
    fault_of,
    identity_of,
    load_objects,
)
from fairlead_operator.cluster.local_problems import Problem, place_of
from fairlead_operator.cluster.local_settings import StartRefused
from fairlead_operator.cluster.local_state import StateDirectory, known_of, read_objects
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.documents import Document
from fairlead_operator.resources.meta import Kind, ObjectRef

log = logging.getLogger(__name__)

_IN_FORCE = ("Accepted", "ResolvedRefs")
"""What is False of these is a mistake of whoever wrote the object; the rest is the world's."""

GATEWAY_GONE = "is no longer in the files; it stays in force until fairlead run is started again"


class LocalInventory:
    """Holds what is in force, and writes each object where `fairlead get` reads it.

    One gateway runs, and it stays for the life of the process: workers and their address belong to it.
    """

    def __init__(
        self,
        *,
        paths: Sequence[str],
        stdin: str,
        state: StateDirectory,
        environ: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._files = LocalFiles(paths, fault_of, stdin)
        self._paths = paths
        self._state = state
        self._environ = environ
        self._clock = clock
        self._known: dict[ObjectRef, Known] = {}
        self._owners: dict[str, str] = {}
        self._objects: LocalObjects | None = None
        self._gateway: ObjectRef | None = None
        self._gateway_document: Document | None = None
        self._inventory: Inventory | None = None
        self._problems: tuple[str, ...] = ()

    @property
    def gateway(self) -> ObjectRef:
        """The gateway that runs; known once `load` has chosen it."""
        assert self._gateway is not None, "load() comes first"
        return self._gateway

    @property
    def problems(self) -> tuple[str, ...]:
        """Why something in the files is not in force, one line each, each beginning with the place."""
        return self._problems

    @property
    def objects(self) -> LocalObjects:
        assert self._objects is not None, "load() comes first"
        return self._objects

    def load(self, gateway: str | None) -> None:
        """Read everything for the first time and choose the gateway. Raises StartRefused."""
        try:
            self._files.load()
        except PathMissing as missing:
            raise StartRefused(str(missing)) from None
        written = dict(known_of(content) for content in read_objects(self._state.path))
        self._known.update(written)
        self._rebuild()
        problems = [*self._files.problems(), *self.objects.problems]
        broken = [str(problem) for problem in problems if not problem.ignored and not problem.unset]
        if broken:
            raise StartRefused("\n".join(broken))
        if all(document.source == IMPLIED_SOURCE for document in self.objects.documents.values()):
            raise StartRefused(f"-f {' '.join(self._paths)}: no {', '.join(Kind)} in it; give files that hold some")
        self._gateway = choose_gateway(self.objects, gateway)
        self._gateway_document = self.objects.documents[self._gateway]
        for ref in self.objects.contents:
            self._write(ref)
        for ref in written.keys() - self.objects.contents.keys():
            self._forget(ref)

    def look(self) -> bool:
        """Look for changes of the files, and read them; say whether `adopt` has something to take over."""
        return self._files.refresh()

    def adopt(self) -> None:
        """Put in force what `look` has read."""
        before = self.objects
        problems = self._problems
        self._rebuild()
        for ref, content in self.objects.contents.items():
            if content != before.contents.get(ref):
                self._write(ref)
        for ref in before.contents.keys() - self.objects.contents.keys():
            self._forget(ref)
        for line in self._problems:
            if line not in problems:
                log.warning("a file is not in force", extra={"problem": line})
        log.info("files read", extra={"objects": len(self.objects.contents), "problems": len(self._problems)})

    def inventory(self) -> Inventory:
        if self._inventory is None:
            found = {ref: replace(one, status=self._known[ref].status) for ref, one in self.objects.found.items()}
            self._inventory = replace(self.objects, found=found).inventory()
        return self._inventory

    def write_status(self, ref: ObjectRef, resource_version: str, status: Mapping[str, Any]) -> Written:
        """Take over the status of an object that is still what it was, and write it. Raises OSError."""
        content = self.objects.contents.get(ref)
        if content is None or content["metadata"]["resourceVersion"] != resource_version:
            return Written.OUTDATED
        known = self._known[ref]
        _log_transitions(ref, known.status, status)
        self._known[ref] = replace(known, status=dict(status))
        self._inventory = None
        self._write(ref)
        return Written.DONE

    def _rebuild(self) -> None:
        documents = self._files.documents()
        kept = self._kept_gateway(documents)
        objects = load_objects(
            [*documents, *kept],
            environ=self._environ,
            known=self._known.get,
            created=datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            owners=self._owners,
        )
        self._objects, self._inventory = objects, None
        for ref, content in objects.contents.items():
            metadata = content["metadata"]
            before = self._known.get(ref)
            self._known[ref] = Known(
                spec=content.get("spec"),
                generation=metadata["generation"],
                created=metadata["creationTimestamp"],
                status=before.status if before else {},
                content=content,
                found=objects.found[ref],
            )
        self._owners = {identity_of(document): document.source for document in objects.documents.values()}
        if self._gateway is not None:
            self._gateway_document = objects.documents[self._gateway]
        gone = [Problem(place_of(document), f"{identity_of(document)} {GATEWAY_GONE}") for document in kept]
        problems = [*self._files.problems(), *objects.problems, *gone]
        self._problems = tuple(str(problem) for problem in problems if not problem.ignored)

    def _kept_gateway(self, documents: Sequence[Document]) -> list[Document]:
        """Return the running gateway's document if no file has it any more: its loss would open or end the service."""
        document = self._gateway_document
        if document is None or identity_of(document) in {identity_of(other) for other in documents}:
            return []
        others = any(other.content["kind"] == Kind.MODEL_GATEWAY for other in documents)
        return [document] if document.source != IMPLIED_SOURCE or others else []

    def _write(self, ref: ObjectRef) -> None:
        self._state.write_object(ref, {**self.objects.contents[ref], "status": self._known[ref].status})

    def _forget(self, ref: ObjectRef) -> None:
        self._known.pop(ref, None)
        self._state.remove_object(ref)


def choose_gateway(objects: LocalObjects, wanted: str | None) -> ObjectRef:
    """Return the gateway of this id, or the only one there is. Raises StartRefused."""
    gateways = sorted(ref for ref in objects.contents if ref.kind is Kind.MODEL_GATEWAY)
    names = ", ".join(ref.id for ref in gateways)
    if wanted is None and len(gateways) == 1:
        return gateways[0]
    if wanted is None:
        raise StartRefused(f"the files hold several gateways: {names}; choose one with --gateway NAMESPACE/NAME")
    for ref in gateways:
        if ref.id == wanted:
            return ref
    raise StartRefused(f"--gateway {wanted}: no such ModelGateway in the files; there is {names}")


def _log_transitions(ref: ObjectRef, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Log each condition whose status changed, and each reason of a False one; of a first status only the False.

    What is False only since another condition is goes without saying.
    """
    old = {condition["type"]: condition for condition in before.get("conditions", ())}
    for condition in now.get("conditions", ()):
        follows = condition["status"] == "False" and (
            condition["type"] == "Ready" or condition["reason"] == "Withdrawn"
        )
        if _is_transition(old.get(condition["type"]), condition) and not follows:
            facts = {"object": str(ref), "condition": condition["type"], "status": condition["status"]}
            level = (
                logging.WARNING if condition["type"] in _IN_FORCE and condition["status"] == "False" else logging.INFO
            )
            log.log(
                level,
                "condition changed",
                extra={**facts, "reason": condition["reason"], "detail": condition["message"]},
            )


def _is_transition(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    if before is None or before["status"] == now["status"]:
        return bool(now["status"] == "False") and (before is None or before["reason"] != now["reason"])
    return True
