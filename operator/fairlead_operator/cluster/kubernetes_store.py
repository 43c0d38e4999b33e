"""Our objects and all Namespaces as they were last seen, noted by whoever watches them, read as one inventory."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fairlead_operator.cluster.kubernetes_objects import Content, key_of, slim, version_of
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.parse import parse_resource

NAMESPACES = "Namespace"


class ObjectStore:
    """Raw objects by kind and `namespace/name`; `on_change` is called after each real change of what it holds."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._objects: dict[str, dict[str, Content]] = {kind: {} for kind in (*Kind, NAMESPACES)}
        self._parsed: dict[str, tuple[tuple[str, str], Found[Any]]] = {}

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
            self._parsed.pop(f"{content['kind']}/{key}", None)
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
        self._parsed.clear()
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
        return [self._parse(kind, key, content) for kind in Kind for key, content in self._objects[kind].items()]

    def namespaces(self) -> dict[str, Mapping[str, str]]:
        """Return the labels of every Namespace."""
        return {
            content["metadata"]["name"]: content["metadata"].get("labels") or {}
            for content in self._objects[NAMESPACES].values()
        }

    def _parse(self, kind: Kind, key: str, content: Content) -> Found[Any]:
        metadata = content["metadata"]
        state = (str(metadata["uid"]), str(metadata["generation"]))
        known = self._parsed.get(f"{kind}/{key}")
        if known is None or known[0] != state:
            found = parse_resource(content)
        elif known[1].resource_version == metadata["resourceVersion"]:
            return known[1]
        else:
            found = dataclasses.replace(
                known[1], resource_version=metadata["resourceVersion"], status=content.get("status") or {}
            )
        self._parsed[f"{kind}/{key}"] = (state, found)
        return found
