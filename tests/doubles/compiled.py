"""Inventories out of YAML text, compilations as plain data, and a fleet that has acknowledged everything."""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from fairlead_operator.compiler.compile import Compilation, CompiledGateway, compile_inventory
from fairlead_operator.heard import HeardProxy
from fairlead_operator.inventory import Inventory, SecretData
from fairlead_operator.resources.documents import read_documents
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import API_VERSION, NAMESPACE_NAME_LABEL
from fairlead_operator.resources.parse import parse_resource
from fairlead_operator.status.facts import Facts
from fairlead_operator.status.health import merge_reports
from fairlead_operator.status.proxies import FleetLog
from fairlead_operator.status.status_of import status_of
from fairlead_operator.verdict import Verdict
from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import Mode
from fairlead_proxy.contract.report import Observation, ProxyReport
from fairlead_proxy.contract.snapshot import Fragment

NOW = 1_795_000_000.0
PRESENT = "<present>"


def read_inventory(
    text: str, *, unreadable: Iterable[str] = (), gateway_namespaces: Iterable[str] | None = None
) -> Inventory:
    """Return the inventory of these documents; a namespace exists once a document names it.

    Objects without a uid get one from their name; every namespace's Secrets are readable but the `unreadable`.
    """
    found: list[Found[Any]] = []
    secrets: list[SecretData] = []
    namespaces: dict[str, dict[str, str]] = {}
    for document in read_documents(text, "case"):
        content = document.content
        metadata = content["metadata"]
        if content["kind"] == "Namespace":
            namespaces[metadata["name"]] = {NAMESPACE_NAME_LABEL: metadata["name"], **metadata.get("labels", {})}
            continue
        namespace = metadata.get("namespace", "default")
        namespaces.setdefault(namespace, {NAMESPACE_NAME_LABEL: namespace})
        if content["apiVersion"] == API_VERSION:
            parsed = parse_resource(content)
            uid = parsed.uid or f"{parsed.ref.kind}-{parsed.ref.id}"
            found.append(replace(parsed, uid=uid, resource_version=parsed.resource_version or "1"))
        else:
            secrets.append(_secret(content, namespace))
    return Inventory.of(
        found,
        namespaces=namespaces,
        secrets=secrets,
        readable=set(namespaces) - set(unreadable),
        gateway_namespaces=gateway_namespaces,
    )


def read_case(path: Path) -> tuple[Inventory, dict[str, dict[str, Fragment]]]:
    """Return a case's inventory and what was published before it.

    Lines at its head: `# last-good: FILE`, `# unreadable: NAMESPACE…`, `# gateway-namespaces: NAMESPACE…`.
    """
    text = path.read_text()
    head = dict(line[2:].split(": ", 1) for line in text.splitlines() if line.startswith("# ") and ": " in line)
    named = head.get("gateway-namespaces")
    inventory = read_inventory(
        text,
        unreadable=head.get("unreadable", "").split(),
        gateway_namespaces=None if named is None else named.split(),
    )
    before = head.get("last-good")
    return inventory, published_by(compile_inventory(*read_case(path.parent / before))) if before else {}


def published_by(compilation: Compilation) -> dict[str, dict[str, Fragment]]:
    """Return a compilation as the `last_good` of the next one."""
    return {
        key: {fragment.key: fragment for fragment in gateway.fragments} for key, gateway in compilation.gateways.items()
    }


def written(compilation: Compilation) -> dict[str, Any]:
    """Return a compilation as plain data, without defaults, hashes, and key material."""
    return {
        "gateways": {key: _gateway(gateway) for key, gateway in compilation.gateways.items()},
        "verdicts": {str(ref): _verdict(verdict) for ref, verdict in compilation.verdicts.items()},
    }


def statuses(compilation: Compilation) -> dict[str, Any]:
    """Return every status as two healthy proxies, which have acknowledged all, would let it be written."""
    fleets = {}
    everyone: list[HeardProxy] = []
    for key, gateway in compilation.gateways.items():
        log = FleetLog()
        log.note_published(gateway.revision, [fragment.header.hash for fragment in gateway.fragments], NOW - 60)
        proxies = [_healthy_proxy(f"{key.replace('/', '-')}-{name}", gateway) for name in "ab"]
        fleets[key] = log.view(key, proxies, NOW, address=f"{key.partition('/')[2]}.{key.partition('/')[0]}.svc:8080")
        everyone += proxies
    facts = Facts(NOW, fleets, merge_reports(everyone, NOW))
    return {str(ref): shortened(status_of(verdict, facts, {}) or {}) for ref, verdict in compilation.verdicts.items()}


def shortened(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return a status with each condition in one line, and without what hashes and clocks decide."""
    short = {name: value for name, value in status.items() if name not in ("observedGeneration", "revision")}
    short["conditions"] = {
        condition["type"]: ": ".join(part for part in (_head(condition), condition["message"]) if part)
        for condition in status.get("conditions", ())
    }
    return short


def _head(condition: Mapping[str, Any]) -> str:
    return f"{condition['status']}/{condition['reason']}"


def plain(value: Any) -> Any:
    """Return a contract struct as plain data, without the fields that have their default value."""
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.fields(value)
        return {
            each.name: plain(getattr(value, each.name))
            for each in fields
            if each.required or getattr(value, each.name) != _default(each)
        }
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return msgspec.to_builtins(value, order="deterministic")


def _default(each: msgspec.structs.FieldInfo) -> Any:
    return each.default if each.default is not msgspec.NODEFAULT else each.default_factory()


def _gateway(gateway: CompiledGateway) -> dict[str, Any]:
    return {
        "generation": gateway.generation,
        "spec": gateway.spec is not None,
        "fragments": {
            fragment.key: {"generation": fragment.header.generation, **_body(plain(fragment.read()))}
            for fragment in gateway.fragments
        },
        "credentials": dict.fromkeys(gateway.keys.credentials, PRESENT),
        "callers": [{**plain(caller), "sha256": PRESENT} for caller in gateway.keys.callers],
    }


def _body(body: dict[str, Any]) -> dict[str, Any]:
    """Return a fragment with its certificates counted: nobody reads them in a case."""
    return {name: f"<{value.count('BEGIN')}>" if name == "ca_pem" else value for name, value in body.items()}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    facts = asdict(verdict)
    facts = {name: _text(value) for name, value in facts.items() if value not in ({}, (), None, False)}
    for name in ("ref", "uid"):
        del facts[name]
    for name in ("accepted", "resolved_refs", "redundant"):
        ruling = getattr(verdict, name)
        if ruling is not None:
            facts[name] = f"{ruling.truth}/{ruling.reason}" + (f": {ruling.message}" if ruling.message else "")
    for rule in facts.get("rules", ()):
        if not rule["withheld"]:
            del rule["withheld"]  # it is rare
    if verdict.fragments:
        facts["fragments"] = sorted(verdict.fragments)
    return facts


def _text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _text(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_text(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _healthy_proxy(name: str, gateway: CompiledGateway) -> HeardProxy:
    """Return a proxy through which each model of each provider has just answered."""
    documents = [fragment.read() for fragment in gateway.fragments]
    observations = tuple(
        Observation(
            provider=provider.id,
            credential=credential.name,
            model=model.name,
            mode=Mode.PLAIN,
            attempts=10,
            last_attempt=NOW - 1,
            last_success=NOW - 1,
        )
        for provider in documents
        if isinstance(provider, Provider)
        for credential in provider.credentials
        if not credential.secret or f"{provider.id}/{credential.name}" in gateway.keys.credentials
        for model in provider.models
    )
    report = ProxyReport(
        proxy=name, sequence=1, now=NOW, revision=gateway.revision, ready=True, observations=observations
    )
    return HeardProxy(name, True, report, NOW)


def _secret(content: Mapping[str, Any], namespace: str) -> SecretData:
    data = {key: base64.b64decode(value) for key, value in content.get("data", {}).items()}
    data |= {key: value.encode() for key, value in content.get("stringData", {}).items()}
    metadata = content["metadata"]
    return SecretData(namespace, metadata["name"], metadata.get("labels", {}), data)
