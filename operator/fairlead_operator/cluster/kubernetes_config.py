"""A gateway's configuration as Kubernetes objects: shards and index in ConfigMaps, key ring and token in Secrets."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead_operator.cluster.api import Manifest, Snapshot
from fairlead_operator.resources import fleet_names
from fairlead_proxy.contract.keys import KEYS_FILE
from fairlead_proxy.contract.snapshot import INDEX_FILE, SETS, Index, SnapshotError, check_shards, read_index, unpack

TOKEN_SINCE = "fairlead.dev/admin-token-since"  # noqa: S105 (the name of an annotation)
"""On the key Secret: when its first admin token was made, in Unix seconds."""
TOKEN_FILE = "token"  # noqa: S105 (the name of a key in a Secret)


@dataclass(frozen=True, slots=True)
class Home:
    """The gateway that the objects belong to: its namespace, name and uid."""

    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, gateway: str, uid: str) -> "Home":
        namespace, _, name = gateway.partition("/")
        return cls(namespace, name, uid)


def idle_set(index: Index | None) -> str:
    """Return the set of shards that no index names, so that it may be written while the other is being read."""
    return next(letter for letter in SETS if index is None or letter != index.set)


def shard_object(home: Home, shard: str, data: bytes) -> Manifest:
    return _config_map(home, fleet_names.shard_name(home.name, shard), binaryData={shard: _encoded(data)})


def index_object(home: Home, index: bytes) -> Manifest:
    return _config_map(home, fleet_names.index_name(home.name), data={INDEX_FILE: index.decode()})


def keys_object(home: Home, keys: bytes, token_since: float) -> Manifest:
    content = _object(home, "Secret", fleet_names.keys_name(home.name), {TOKEN_SINCE: str(int(token_since))})
    return {**content, "type": "Opaque", "data": {KEYS_FILE: _encoded(keys)}}


def debug_token_object(home: Home, token: str) -> Manifest:
    """Return the Secret for those who may ask proxies what they did, and neither see keys nor give duties."""
    content = _object(home, "Secret", fleet_names.debug_token_name(home.name))
    return {**content, "type": "Opaque", "data": {TOKEN_FILE: _encoded(token.encode())}}


def index_in(config_map: Mapping[str, Any]) -> Index | None:
    """Return the index that a ConfigMap holds; None where it holds none that can be read."""
    try:
        return read_index(str((config_map.get("data") or {})[INDEX_FILE]).encode())
    except (KeyError, SnapshotError):
        return None


def snapshot_in(index: Index, config_maps: Mapping[str, Mapping[str, Any]]) -> Snapshot | None:
    """Return the snapshot of an index, whose shards stand in these ConfigMaps, by shard; None where it is not whole."""
    try:
        shards = {shard: base64.b64decode(content["binaryData"][shard]) for shard, content in config_maps.items()}
        return Snapshot(index.revision, tuple(unpack(check_shards(index, shards))))
    except (KeyError, TypeError, binascii.Error, SnapshotError):
        return None


def keys_in(secret: Mapping[str, Any]) -> tuple[bytes, float]:
    """Return the key ring that a Secret holds, and since when its admin token; empty and 0 where it holds none."""
    try:
        since = float(secret["metadata"].get("annotations", {}).get(TOKEN_SINCE, "0"))
        return base64.b64decode(secret["data"][KEYS_FILE]), since
    except (KeyError, TypeError, ValueError):
        return b"", 0.0


def debug_token_in(secret: Mapping[str, Any]) -> str:
    """Return the debug token that a Secret holds; "" where it holds none."""
    try:
        return base64.b64decode(secret["data"][TOKEN_FILE], validate=True).decode()
    except (KeyError, TypeError, ValueError):
        return ""


def _config_map(home: Home, name: str, **content: Any) -> Manifest:
    return {**_object(home, "ConfigMap", name), **content}


def _object(home: Home, kind: str, name: str, annotations: Mapping[str, str] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": home.namespace,
        "labels": fleet_names.fleet_labels(home.name),
        "ownerReferences": [fleet_names.owner_of(home.name, home.uid)],
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
