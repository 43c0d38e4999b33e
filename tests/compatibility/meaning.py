"""What this code reads in the stored objects of a version: in words that outlive a change of how they are stored."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from doubles.compiled import read_case

from fairlead_ledger.spending.asking import ask
from fairlead_ledger.spending.choices import By
from fairlead_ledger.spending.question import spending
from fairlead_operator.cluster.kubernetes_config import index_in, keys_in, snapshot_in
from fairlead_operator.cluster.local_config import read_snapshot
from fairlead_operator.cluster.local_state import known_of, read_objects
from fairlead_operator.compiler.compile import compile_inventory
from fairlead_operator.resources import fleet_names
from fairlead_operator.resources.documents import read_documents
from fairlead_operator.resources.meta import API_VERSION
from fairlead_operator.resources.parse import parse_resource
from fairlead_operator.verdict import Verdict
from fairlead_proxy.contract.config import Gateway, Policy, Provider
from fairlead_proxy.contract.keys import decode_keys
from fairlead_proxy.contract.report import ProxyReport, ReportRequest
from fairlead_proxy.contract.snapshot import Document, Fragment, assemble

Meaning = dict[str, Any]
END_OF_TIME_MS = 10**15
GATEWAY = ("ai-platform", "main")
"""The gateway whose published form is kept: that of the case with every field of the contract."""


def case_files(version: Path) -> list[Path]:
    return sorted((version / "cases").glob("*.in.yaml"))


def objects_in(path: Path) -> list[Mapping[str, Any]]:
    """Return every object of ours in a file."""
    contents = [document.content for document in read_documents(path.read_text(), path.name)]
    return [content for content in contents if content["apiVersion"] == API_VERSION]


def is_valid(path: Path) -> bool:
    """Say whether a file has objects of ours, none of which is refused."""
    parsed = [parse_resource(content) for content in objects_in(path)]
    return bool(parsed) and all(each.spec is not None and not each.problems for each in parsed)


def of_resources(version: Path) -> Meaning:
    """Each object as it is understood: what it says, without what it leaves to defaults."""
    found: Meaning = {}
    for path in case_files(version):
        for content in objects_in(path):
            parsed = parse_resource(content)
            assert parsed.spec is not None, f"{path.name}: {parsed.ref}: {parsed.problems}"
            spec = parsed.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
            found[f"{path.name} {parsed.ref}"] = spec
    return found


def of_compilations(version: Path) -> Meaning:
    """What is decided about each object, and what its gateways serve."""
    found: Meaning = {}
    for path in case_files(version):
        compilation = compile_inventory(*read_case(path))
        found[path.name] = {
            "verdicts": {str(ref): _verdict(verdict) for ref, verdict in compilation.verdicts.items()},
            "served": {key: _served(gateway.fragments) for key, gateway in compilation.gateways.items()},
        }
    return found


def of_published(version: Path) -> Meaning:
    """The ConfigMaps and the Secret of a gateway, found by the names under which the version wrote them."""
    _, name = GATEWAY
    objects = json.loads((version / "cluster.json").read_bytes())
    index = index_in(objects[f"ConfigMap/{fleet_names.index_name(name)}"])
    assert index is not None
    shards = {ref.name: objects[f"ConfigMap/{fleet_names.shard_name(name, ref.name)}"] for ref in index.shards}
    snapshot = snapshot_in(index, shards)
    assert snapshot is not None
    ring, since = keys_in(objects[f"Secret/{fleet_names.keys_name(name)}"])
    config = assemble(snapshot.revision, [fragment.read() for fragment in snapshot.fragments])
    return {
        "revision": config.revision,
        "identities": {
            each.key: [each.header.uid, each.header.generation, each.header.hash] for each in snapshot.fragments
        },
        "served": _served(snapshot.fragments),
        "keys": _ring(ring),
        "token since": since,
    }


def of_messages(version: Path) -> Meaning:
    """What proxies and operators of two versions tell each other: the part that the older one said."""
    found: Meaning = {}
    for name, kind in (("report", ProxyReport), ("request", ReportRequest)):
        said = (version / f"{name}.json").read_bytes()
        found[name] = _common(json.loads(said), msgspec.to_builtins(msgspec.json.decode(said, type=kind)))
    return found


def of_state(state: Path) -> Meaning:
    """A standalone run's directory: who the objects are, and what was served last."""
    known = dict(known_of(content) for content in read_objects(state))
    served = {
        path.parent.name: read_snapshot(path) for path in sorted((state / "run").rglob("config")) if path.is_dir()
    }
    return {
        "objects": {
            str(ref): {"generation": each.generation, "created": each.created, "has status": bool(each.status)}
            for ref, each in known.items()
        },
        "served": {gateway: _served(each.fragments) for gateway, each in served.items() if each is not None},
    }


def of_ledger(database: str) -> Meaning:
    """What a store says was used and spent, and lost; for a path or the URL of a database."""
    answer = ask(database, spending(By.NAMESPACE, 0, END_OF_TIME_MS))
    rows = {
        " ".join(row.key): {
            "attempts": row.attempts,
            "input": row.input_tokens,
            "output": row.output_tokens,
            "cost nano": row.cost_nano,
            "currency": row.currency,
        }
        for row in answer.rows
    }
    return {"rows": rows, "losses": answer.losses}


def _verdict(verdict: Verdict) -> Meaning:
    rulings = {"accepted": verdict.accepted, "resolved": verdict.resolved_refs}
    told: Meaning = {name: f"{ruling.truth}/{ruling.reason}" for name, ruling in rulings.items()}
    return told | ({"rules": {rule.name: list(rule.targets) for rule in verdict.rules}} if verdict.rules else {})


def _served(fragments: Iterable[Fragment]) -> Meaning:
    return {fragment.key: _document(fragment.read()) for fragment in fragments}


def _document(document: Document) -> Meaning:
    match document:
        case Gateway():
            return {"listeners": {each.name: each.port for each in document.listeners}}
        case Provider():
            models = {
                model.name: {
                    "upstream": model.upstream_name,
                    "price": model.price and [model.price.currency, model.price.rates.input, model.price.rates.output],
                }
                for model in document.models
            }
            credentials = [credential.name for credential in document.credentials]
            return {"type": str(document.type), "url": document.url, "models": models, "credentials": credentials}
        case Policy():
            rules = {
                rule.name: {
                    "models": [list(entry.models) for entry in rule.match],
                    "targets": [f"{target} {target.priority} {target.weight}" for target in rule.targets],
                }
                for rule in document.rules
            }
            return {"models": list(document.models), "rules": rules}


def _ring(data: bytes) -> Meaning:
    """All of a key ring: what is kept holds no key that anybody has ever used."""
    ring = decode_keys(data)
    return {
        "credentials": dict(ring.credentials),
        "callers": [[each.sha256, each.tenant, each.name, each.expires_at] for each in ring.callers],
        "admin tokens": list(ring.admin_tokens),
        "certificates": {name: [each.chain, each.key] for name, each in ring.certificates.items()},
    }


def _common(said: Any, read: Any) -> Any:
    """Return of what was read only what was said: fields that are new have their defaults, and are left out."""
    if isinstance(said, dict) and isinstance(read, dict):
        return {name: _common(value, read[name]) for name, value in said.items() if name in read}
    if isinstance(said, list) and isinstance(read, list | tuple):
        return [_common(value, each) for value, each in zip(said, read, strict=True)]
    return read
