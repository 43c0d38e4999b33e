"""Our objects and all Namespaces as they were last seen, noted by whoever watches them, read as one inventory."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fairlead_operator.cluster.kubernetes_objects import Content, is_going, key_of, slim, version_of
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.parse import parse_resource

NAMESPACES = "Namespace"


class ObjectStore:
    """Raw objects by kind and `namespace/name`; `on_change` is called after each real change of what it holds."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._objects: dict[str, dict[str, Content]] = {kind: {} for kind in (*Kind, NAMESPACES)}
        self._parsed: dict[str, dict[str, Found[Any]]] = {kind: {} for kind in Kind}

    def note(self, content: Content, *, is_news: bool = True) -> None:
        """Keep this state of an object, unless a newer one is known: events and answers have no common order.

        What we wrote ourselves is no news: nobody is called for it.
        """
        held = self._objects[content["kind"]]
        key = key_of(content)
        before = held.get(key)
        if before is not None and version_of(before) >= version_of(content):
            return
        held[key] = slim(content)
        if is_news:
            self._on_change()

    def forget(self, content: Content) -> None:
        """Drop an object that was deleted; one of the same name that was created since stays."""
        held = self._objects[content["kind"]]
        key = key_of(content)
        before = held.get(key)
        if before is not None and before["metadata"]["uid"] == content["metadata"]["uid"]:
            del held[key]
            self._parsed.get(content["kind"], {}).pop(key, None)
            self._on_change()

    def replace(self, contents: Iterable[Content], kinds: Iterable[str]) -> None:
        """Hold exactly these objects of these kinds: what a watch that started anew has listed.

        Objects of another kind stay: that it is not listed, since it is not served now, does not mean they are gone.
        """
        fresh: dict[str, dict[str, Content]] = {kind: {} for kind in kinds}
        for content in contents:
            known = self._objects[content["kind"]].get(key_of(content))
            newer = known is not None and version_of(known) > version_of(content)
            fresh[content["kind"]][key_of(content)] = known if newer and known is not None else slim(content)
        self._objects |= fresh
        for parsed in self._parsed.values():
            parsed.clear()
        self._on_change()

    def get(self, ref: ObjectRef) -> Content | None:
        return self._objects[ref.kind].get(ref.id)

    def contents(self) -> list[Content]:
        """Return every object that is held."""
        return [content for held in self._objects.values() for content in held.values()]

    def versions(self, kind: str) -> dict[str, int]:
        """Return the resourceVersion of every object of a kind, by `namespace/name`."""
        return {key: version_of(content) for key, content in self._objects[kind].items()}

    def found(self) -> list[Found[Any]]:
        """Return all our objects, parsed; each is parsed once for each generation of it."""
        found: list[Found[Any]] = []
        for kind, parsed in self._parsed.items():
            for key, content in self._objects[kind].items():
                known = parsed.get(key)
                if known is None or known.resource_version != content["metadata"]["resourceVersion"]:
                    known = parsed[key] = _parse(content, known)
                found.append(known)
        return found

    def namespaces(self) -> dict[str, Mapping[str, str]]:
        """Return the labels of every Namespace."""
        return {
            content["metadata"]["name"]: content["metadata"].get("labels") or {}
            for content in self._objects[NAMESPACES].values()
        }

    def is_terminating(self, namespace: str) -> bool:
        """Say whether somebody has deleted this Namespace, and so all that is in it."""
        held = self._objects[NAMESPACES].get(f"/{namespace}")
        return held is not None and is_going(held)


def _parse(content: Content, before: Found[Any] | None) -> Found[Any]:
    """Return what an object says; `before`: what it said when it was last looked at."""
    metadata = content["metadata"]
    if before is None or (before.uid, before.generation) != (metadata["uid"], metadata["generation"]):
        return parse_resource(content)
    return dataclasses.replace(before, resource_version=metadata["resourceVersion"], status=content.get("status") or {})
