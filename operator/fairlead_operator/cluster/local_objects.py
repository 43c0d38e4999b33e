"""From documents in files to objects as an API server would hold them: names, namespaces, ages, secrets, duplicates."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fairlead_operator.cluster.local_problems import Problem, place_of
from fairlead_operator.cluster.local_secrets import labels_of, secret_data
from fairlead_operator.cluster.local_variables import VariableUnset, expand
from fairlead_operator.inventory import Inventory, SecretData
from fairlead_operator.resources.documents import Document
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import API_VERSION, GROUP, NAMESPACE_NAME_LABEL, Kind, ObjectRef
from fairlead_operator.resources.parse import parse_resource

DEFAULT_NAMESPACE = "default"
IMPLIED_GATEWAY = ObjectRef(Kind.MODEL_GATEWAY, DEFAULT_NAMESPACE, "main")
IMPLIED_SOURCE = "(implied)"
"""What stands for a file where a document is not from one."""

IMPLIED_GATEWAY_SPEC: Mapping[str, Any] = {
    "tenants": {"namespaceSelector": {}},
    "egress": {"denyPrivateRanges": False},
}
"""The gateway that exists when no file gives one: open to every namespace, and to providers on this machine."""

ADDRESSES = ("url", "forwardProxy")
"""The fields of a provider's endpoint that may name the environment."""

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier look at an object left behind: it keeps its age, its generations and its status.

    `content` and `found`, where they are given, save parsing an object that has not changed.
    """

    spec: object
    generation: int
    created: str
    status: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] | None = None
    found: Found[Any] | None = None


@dataclass(frozen=True, slots=True)
class LocalObjects:
    """Everything that the files say. `contents` are whole objects of our kinds, with metadata and without status.

    `documents` are what they were read from, to find the line of a field; the implied gateway has none of a file.
    """

    found: Mapping[ObjectRef, Found[Any]]
    contents: Mapping[ObjectRef, Mapping[str, Any]]
    documents: Mapping[ObjectRef, Document]
    namespaces: Mapping[str, Mapping[str, str]]
    secrets: tuple[SecretData, ...]
    problems: tuple[Problem, ...]

    def inventory(self) -> Inventory:
        """Return the inventory: every Secret may be read, and every namespace is a gateway namespace."""
        return Inventory.of(
            self.found.values(), namespaces=self.namespaces, secrets=self.secrets, readable=self.namespaces
        )


def load_objects(
    documents: Iterable[Document],
    *,
    environ: Mapping[str, str],
    known: Callable[[ObjectRef], Known | None],
    created: str,
    owners: Mapping[str, str] | None = None,
) -> LocalObjects:
    """Read documents as an API server would take them. `created` is the age of an object that is new.

    Of two documents for one object the one in the file that `owners` names (identity → source) is in force, else the
    first.
    """
    reading = _Reading(environ, known, created)
    for document in _without_duplicates(documents, owners or {}, reading.problems):
        reading.take(document)
    if not any(ref.kind is Kind.MODEL_GATEWAY for ref in reading.contents):
        reading.take(_implied_gateway())
    return reading.result()


def identity_of(document: Document) -> str:
    """Return `kind/namespace/name` of a document without fault."""
    content = document.content
    metadata = content["metadata"]
    namespace = "" if content["kind"] == "Namespace" else metadata.get("namespace") or DEFAULT_NAMESPACE
    return f"{content['kind']}/{namespace}/{metadata['name']}"


def fault_of(document: Document) -> str:
    """Say what makes a document useless whatever stands in its spec; empty where it is an object, of any kind."""
    content = document.content
    fault = _identity_fault(content)
    if fault:
        return fault
    kind, version = str(content["kind"]), str(content["apiVersion"])
    try:
        if version == "v1" and kind in ("Namespace", "Secret"):
            labels_of(content)
            secret_data(content if kind == "Secret" else {}, None)
    except ValueError as error:
        return f"{kind} {content['metadata']['name']}: {error}"
    if version.partition("/")[0] != GROUP:
        return ""
    if version != API_VERSION:
        return f"apiVersion: {version} is not known; write {API_VERSION}"
    if kind not in set(Kind):
        return f"kind: {kind} is not known; it is one of {', '.join(Kind)}"
    return ""


class _Reading:
    """One pass over all documents, each of them without fault."""

    def __init__(self, environ: Mapping[str, str], known: Callable[[ObjectRef], Known | None], created: str) -> None:
        self.problems: list[Problem] = []
        self.contents: dict[ObjectRef, Mapping[str, Any]] = {}
        self._environ = environ
        self._known = known
        self._created = created
        self._found: dict[ObjectRef, Found[Any]] = {}
        self._documents: dict[ObjectRef, Document] = {}
        self._labels: dict[str, Mapping[str, str]] = {}
        self._named: set[str] = set()
        self._secrets: list[SecretData] = []

    def take(self, document: Document) -> None:
        """Add one document, or a problem that says why not."""
        content = document.content
        name = content["metadata"]["name"]
        match (content["apiVersion"], content["kind"]):
            case ("v1", "Namespace"):
                self._labels[name] = labels_of(content)
                self._named.add(name)
            case ("v1", "Secret"):
                self._take_secret(document)
            case (version, kind) if version == API_VERSION:
                self._take_resource(document, Kind(kind))
            case (_, kind):
                message = f"{kind} {name}: not a kind that Fairlead reads; ignored"
                self.problems.append(Problem(place_of(document), message, ignored=True))

    def result(self) -> LocalObjects:
        namespaces = {name: {**self._labels.get(name, {}), NAMESPACE_NAME_LABEL: name} for name in sorted(self._named)}
        return LocalObjects(
            self._found, self.contents, self._documents, namespaces, tuple(self._secrets), tuple(self.problems)
        )

    def _take_secret(self, document: Document) -> None:
        content = document.content
        namespace, name = content["metadata"].get("namespace") or DEFAULT_NAMESPACE, content["metadata"]["name"]
        self._named.add(namespace)
        try:
            data = secret_data(content, self._environ)
        except VariableUnset as unset:
            self.problems.append(Problem(place_of(document), f"Secret {namespace}/{name}: {unset}", unset=True))
            return
        self._secrets.append(SecretData(namespace, name, labels_of(content), data))

    def _take_resource(self, document: Document, kind: Kind) -> None:
        content = document.content
        metadata = content["metadata"]
        ref = ObjectRef(kind, metadata.get("namespace") or DEFAULT_NAMESPACE, metadata["name"])
        unset: dict[str, str] = {}
        spec = content.get("spec")
        if kind is Kind.MODEL_PROVIDER and isinstance(spec, Mapping):
            spec, unset = _with_addresses(spec, self._environ)
        known = self._known(ref)
        whole = _as_served(ref, content, spec, known, self._created)
        if known is not None and known.found is not None and not unset and known.content == whole:
            found = replace(known.found, status=known.status)
        else:
            found = parse_resource({**whole, "status": dict(known.status) if known else {}})
        if unset:
            others = tuple(line for line in found.problems if line.partition(":")[0] not in unset)
            found = replace(found, spec=None, problems=(*unset.values(), *others), unsupported=False)
        self.contents[ref] = whole
        self._found[ref] = found
        self._documents[ref] = document
        self._named.add(ref.namespace)


def _identity_fault(content: Mapping[str, Any]) -> str:
    """Say what is wrong with kind, name or namespace; they become file names, so nothing but names may pass."""
    for name in ("apiVersion", "kind"):
        if not isinstance(content.get(name), str):
            return f"{name}: missing; every document has an apiVersion, a kind and metadata.name"
    metadata = content.get("metadata")
    if not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
        return f"{content['kind']}: metadata.name: missing; give the object a name"
    if len(metadata["name"]) > 253 or not _SUBDOMAIN.fullmatch(metadata["name"]):
        return f"{content['kind']}: metadata.name: {metadata['name']!r} is not a name; use a-z, 0-9, - and ."
    namespace = metadata.get("namespace") or DEFAULT_NAMESPACE
    if not isinstance(namespace, str) or not _LABEL.fullmatch(namespace):
        return f"{content['kind']}: metadata.namespace: {namespace!r} is not a namespace; use a-z, 0-9 and -"
    return ""


def _without_duplicates(
    documents: Iterable[Document], owners: Mapping[str, str], problems: list[Problem]
) -> Sequence[Document]:
    """Return one document for each object; each further one is a problem that names both places."""
    chosen: dict[str, Document] = {}
    for document in documents:
        identity = identity_of(document)
        first = chosen.get(identity)
        if first is None:
            chosen[identity] = document
            continue
        owner = owners.get(identity)
        kept, left = (document, first) if owner == document.source != first.source else (first, document)
        chosen[identity] = kept
        message = f"{identity} stands also in {place_of(kept)}, which is in force; remove one of them"
        problems.append(Problem(place_of(left), message))
    return list(chosen.values())


def _implied_gateway() -> Document:
    ref = IMPLIED_GATEWAY
    content = {
        "apiVersion": API_VERSION,
        "kind": str(ref.kind),
        "metadata": {"name": ref.name, "namespace": ref.namespace},
        "spec": json.loads(json.dumps(IMPLIED_GATEWAY_SPEC)),
    }
    return Document(source=IMPLIED_SOURCE, line=1, content=content)


def _as_served(
    ref: ObjectRef, content: Mapping[str, Any], spec: object, known: Known | None, created: str
) -> dict[str, Any]:
    """Return the object with the metadata that an API server would give it; a status in the file is not taken."""
    changed = known is not None and known.spec != spec
    given = content["metadata"]
    metadata: dict[str, Any] = {
        "name": ref.name,
        "namespace": ref.namespace,
        **{key: given[key] for key in ("labels", "annotations") if given.get(key)},
        "uid": _uid_of(ref),
        "generation": 1 if known is None else known.generation + changed,
        "creationTimestamp": known.created if known else created,
    }
    rest = {key: value for key, value in content.items() if key not in ("metadata", "spec", "status")}
    whole = {**rest, "metadata": metadata, **({"spec": spec} if "spec" in content else {})}
    metadata["resourceVersion"] = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:12]
    return whole


def _uid_of(ref: ObjectRef) -> str:
    """Return the same UUID for the same object in every process: a name-based one would be as good as any."""
    digest = hashlib.sha256(f"{GROUP}/{ref.kind}/{ref.id}".encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))


def _with_addresses(spec: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[Mapping[str, Any], dict[str, str]]:
    """Return the spec with the variables of its endpoint's addresses filled in, and by field the problems of others."""
    endpoint = spec.get("endpoint")
    if not isinstance(endpoint, Mapping):
        return spec, {}
    filled, problems = dict(endpoint), {}
    for name in ADDRESSES:
        address = endpoint.get(name)
        if isinstance(address, str):
            try:
                filled[name] = expand(address, environ)
            except VariableUnset as unset:
                problems[f"spec.endpoint.{name}"] = f"spec.endpoint.{name}: {unset}"
    return {**spec, "endpoint": filled}, problems
