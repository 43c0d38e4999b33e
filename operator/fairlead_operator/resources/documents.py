"""YAML and JSON files, read into JSON values as kubectl reads them, each with the places it came from."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from fairlead_operator.resources.json_marks import Marks, json_marks
from fairlead_operator.resources.scalars import ScalarError, key_text, plain_value, tagged_value

MAX_DEPTH = 64
"""Deeper nesting than this is refused; a resource of ours needs 12."""

MAX_EXPANDED = 100_000
"""Values that the aliases of one document may add: a guard against a few lines that unfold into gigabytes."""

_SCANNER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one where PyYAML was built with it: 10 x faster
_MERGE = "<<"
_CONTAINER_TAGS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"}


class DocumentError(Exception):
    """A file that cannot be read as Kubernetes objects. The text is `source:line: what is wrong`."""

    def __init__(self, source: str, line: int, message: str) -> None:
        super().__init__(f"{source}:{line}: {message}")
        self.source = source
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file; `marks` say where each of its fields stands."""

    source: str
    line: int
    content: dict[str, Any]
    marks: Marks = field(default_factory=dict, repr=False, compare=False)

    def line_of(self, path: str) -> int:
        """Return the line of this field, or of the nearest field around it that is there."""
        return self.mark_of(path)[0]

    def mark_of(self, path: str) -> tuple[int, int]:
        """Return line and column of this field, or of the nearest one around it; column 0: not known."""
        while path:
            if path in self.marks:
                return self.marks[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.line, 0


def read_documents(text: str, source: str) -> list[Document]:
    """Return the objects of a file, a `List` unfolded; raise DocumentError, which names `source` and the line.

    One thing is stricter than in kubectl: a key that stands twice is an error, where kubectl takes the last one.
    """
    text = text.removeprefix("\ufeff")
    try:
        found = list(_read_json(text, source) if text.lstrip().startswith("{") else _read_yaml(text, source))
    except json.JSONDecodeError as error:
        found = _read_flow(text, DocumentError(source, error.lineno, f"not valid JSON: {error.msg}"))
    except UnicodeError:
        raise DocumentError(source, 1, "not text in UTF-8") from None
    return [document for each in found for document in _unfold(each)]


def _unfold(document: Document, path: str = "") -> Iterator[Document]:
    content = document.content
    items = content.get("items")
    if not (str(content.get("kind", "")).endswith("List") and isinstance(items, list)):
        yield document
        return
    for index, item in enumerate(items):
        place = f"items[{index}]"
        line = document.line_of(place)
        if not isinstance(item, dict):
            raise DocumentError(document.source, line, f"{place} is not an object; write apiVersion, kind and metadata")
        marks = {name[len(place) + 1 :]: at for name, at in document.marks.items() if name.startswith(f"{place}.")}
        yield from _unfold(Document(document.source, line, item, marks))


def _read_json(text: str, source: str) -> Iterator[Document]:
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_int=_number, parse_float=_number, parse_constant=_no_number
    )
    position = 0
    while position := _skip_space(text, position):
        start = position - 1
        line = text.count("\n", 0, start) + 1
        try:
            content, position = decoder.raw_decode(text, start)
        except (ScalarError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise DocumentError(source, line, reason) from None
        if not isinstance(content, dict):
            raise DocumentError(source, line, "not an object; write apiVersion, kind and metadata")
        yield Document(source, line, content, json_marks(text, start, position))


def _read_flow(text: str, error: DocumentError) -> list[Document]:
    """YAML may begin with a brace too; where it is neither, the error is the one of JSON."""
    try:
        return list(_read_yaml(text, error.source))
    except DocumentError:
        raise error from None


def _skip_space(text: str, position: int) -> int:
    """Return one more than the place of the next character that is no white space, 0 at the end."""
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position + 1 if position < len(text) else 0


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ScalarError(f"the key {twice!r} stands twice; remove one of them")
    return content


def _number(text: str) -> int | float:
    value = plain_value(text)
    if not isinstance(value, int | float):
        raise ScalarError(f"{text[:20]} is too great for a number")
    return value


def _no_number(text: str) -> Any:
    raise ScalarError(f"{text} is not a number that JSON has")


def _read_yaml(text: str, source: str) -> Iterator[Document]:
    try:
        events = yaml.parse(text, Loader=_SCANNER)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder(events, source)
                first: Any = next(events)
                content = builder.value(first, "", 0)
                line = first.start_mark.line + 1
                if content is None:
                    continue
                if not isinstance(content, dict):
                    raise DocumentError(source, line, "not an object; write apiVersion, kind and metadata")
                yield Document(source, line, content, builder.marks)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise DocumentError(source, line, f"not valid YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:  # a character that YAML does not allow has no mark
        raise DocumentError(source, 1, f"not valid YAML: {str(error).splitlines()[0]}") from None


class _Builder:
    """Builds the value of one document from its events."""

    def __init__(self, events: Iterator[Any], source: str) -> None:
        self.marks: Marks = {}
        self._events = events
        self._source = source
        self._anchors: dict[str, tuple[Any, int] | None] = {}
        self._size = 0
        self._expanded = 0

    def value(self, event: Any, path: str, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested more than {MAX_DEPTH} levels deep")
        before = self._size
        self._size += 1
        if event.anchor:
            self._anchors[event.anchor] = None
        built: Any
        if isinstance(event, yaml.ScalarEvent):
            built = self._scalar(event)
        elif event.tag is not None and event.tag not in _CONTAINER_TAGS:
            raise self._error(event, f"the tag {event.tag} is not known here; remove it")
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(path, depth)
        else:
            built = self._mapping(path, depth)
        if event.anchor:
            self._anchors[event.anchor] = (built, self._size - before)
        return built

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise self._error(event, f"there is no anchor {event.anchor!r} before this alias")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise self._error(event, f"the anchor {event.anchor!r} contains itself")
        built, size = anchored
        self._expanded += size
        self._size += size
        if self._expanded > MAX_EXPANDED:
            raise self._error(event, f"the aliases of this document unfold to more than {MAX_EXPANDED} values")
        return copy.deepcopy(built)

    def _scalar(self, event: Any) -> Any:
        try:
            if event.tag not in (None, "!"):
                return tagged_value(event.tag, event.value)
            return plain_value(event.value) if event.tag is None and event.implicit[0] else event.value
        except ScalarError as error:
            raise self._error(event, str(error)) from None

    def _sequence(self, path: str, depth: int) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            place = f"{path}[{len(items)}]"
            self.marks[place] = event.start_mark.line + 1, event.start_mark.column + 1
            items.append(self.value(event, place, depth + 1))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, Any]:
        content: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and event.value == _MERGE and event.implicit[0]:
                merged.append((event, self.value(next(self._events), path, depth + 1)))
                continue
            key = self._key(event, depth)
            if key in content:
                raise self._error(event, f"the key {key!r} stands twice; remove one of them")
            place = f"{path}.{key}" if path else key
            self.marks[place] = event.start_mark.line + 1, event.start_mark.column + 1
            content[key] = self.value(next(self._events), place, depth + 1)
        for event, given in merged:
            for source in given if isinstance(given, list) else [given]:
                if not isinstance(source, dict):
                    raise self._error(event, "<< takes a mapping or a list of mappings")
                content = {**source, **content}
        return content

    def _key(self, event: Any, depth: int) -> str:
        if not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
            raise self._error(event, "a key is a plain word or a quoted text, not a list or a mapping")
        try:
            return key_text(self.value(event, "", depth + 1))
        except ScalarError as error:
            raise self._error(event, str(error)) from None

    def _error(self, event: Any, message: str) -> DocumentError:
        return DocumentError(self._source, event.start_mark.line + 1, message)
