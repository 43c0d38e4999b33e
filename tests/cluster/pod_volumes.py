"""The volumes of one pod: where they are, what stands in them, and when they are missing what they need."""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.api_client import ApiClient
from cluster.atomic_writer import FileContent, write_atomically

Json = Mapping[str, Any]


class SourceMissing(Exception):
    """A ConfigMap, Secret or key that is not optional is not there; the pod has to wait for it."""


class PodVolumes:
    """Fetches what a pod's volumes are made of and writes it; one for the life of a pod."""

    def __init__(self, api: ApiClient, root: Path) -> None:
        self._api = api
        self._root = root
        self._tokens: dict[str, tuple[float, str]] = {}
        """Volume and path to the time at which the token is to be renewed, and the token."""

    def directory(self, volume: Json) -> Path:
        """Return where a volume is on this machine."""
        if "hostPath" in volume:
            return Path(volume["hostPath"]["path"])
        return self._root / str(volume["name"])

    async def write(self, pod: Json) -> bool:
        """Bring every volume up to date; return whether one changed; raise SourceMissing or ApiFailed.

        As with the kubelet, one volume that lacks something does not keep the others from being written.
        """
        changed = False
        missing: list[str] = []
        for volume in pod["spec"].get("volumes", []):
            try:
                changed |= await self._write_volume(pod, volume)
            except SourceMissing as error:
                missing.append(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}')
        if missing:
            raise SourceMissing("; ".join(missing))
        return changed

    async def _write_volume(self, pod: Json, volume: Json) -> bool:
        if "emptyDir" in volume:
            self.directory(volume).mkdir(parents=True, exist_ok=True)
            return False
        if "hostPath" in volume:
            return False
        files = await self._files(pod, volume)
        return write_atomically(self.directory(volume), files)

    async def _files(self, pod: Json, volume: Json) -> Mapping[str, FileContent]:
        for kind in ("configMap", "secret", "downwardAPI"):
            if kind in volume:
                mode = int(volume[kind].get("defaultMode", 0o644))
                return await self._source(pod, volume, kind, volume[kind], mode)
        if "projected" in volume:
            files: dict[str, FileContent] = {}
            mode = int(volume["projected"].get("defaultMode", 0o644))
            for source in volume["projected"].get("sources", []):
                for kind, content in source.items():
                    files |= await self._source(pod, volume, kind, content, mode)
            return files
        raise SourceMissing("the mini-kubelet knows no volume of this type")

    async def _source(self, pod: Json, volume: Json, kind: str, source: Json, mode: int) -> Mapping[str, FileContent]:
        match kind:
            case "configMap" | "secret":
                name = str(source.get("name") or source.get("secretName"))
                data = await fetch_data(self._api, pod["metadata"]["namespace"], kind, name)
                return _selected(kind, name, data, source, mode)
            case "downwardAPI":
                return {
                    item["path"]: FileContent(
                        field_value(pod, item["fieldRef"]["fieldPath"]).encode(), int(item.get("mode", mode))
                    )
                    for item in source.get("items", [])
                }
            case "serviceAccountToken":
                token = await self._token(pod, volume, source)
                return {source["path"]: FileContent(token.encode(), mode)}
            case _:
                raise SourceMissing(f"the mini-kubelet knows no projected source {kind}")

    async def _token(self, pod: Json, volume: Json, source: Json) -> str:
        """Return a token bound to the pod, renewed when four fifths of its life are over, as the kubelet does."""
        now = datetime.now(UTC).timestamp()
        slot = f"{volume['name']}/{source['path']}"
        renew_at, token = self._tokens.get(slot, (0.0, ""))
        if now < renew_at:
            return token
        lifetime = int(source.get("expirationSeconds", 3600))
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName", "default")
        bound = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        audiences = {"audiences": [source["audience"]]} if source.get("audience") else {}
        answer = await self._api.create(
            f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token",
            {"spec": {"expirationSeconds": lifetime, "boundObjectRef": bound, **audiences}},
        )
        token = str(answer["status"]["token"])
        self._tokens[slot] = (now + 0.8 * lifetime, token)
        return token


async def fetch_data(api: ApiClient, namespace: str, kind: str, name: str) -> Mapping[str, bytes] | None:
    """Return the entries of a ConfigMap or Secret, or None where there is none; raise ApiFailed."""
    collection = {"configMap": "configmaps", "secret": "secrets"}[kind]
    found = await api.look_up(f"/api/v1/namespaces/{namespace}/{collection}/{name}")
    if found is None:
        return None
    if kind == "secret":
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()}
    plain = {key: value.encode() for key, value in found.get("data", {}).items()}
    return plain | {key: base64.b64decode(value) for key, value in found.get("binaryData", {}).items()}


def field_value(pod: Json, path: str) -> str:
    """Return what a `fieldRef` of the downward API stands for."""
    metadata, spec = pod["metadata"], pod["spec"]
    for field in ("labels", "annotations"):
        values: Mapping[str, str] = metadata.get(field, {})
        if path == f"metadata.{field}":
            return "\n".join(f"{key}={json.dumps(value)}" for key, value in sorted(values.items()))
        if path.startswith(f"metadata.{field}['"):
            return values.get(path.split("'")[1], "")
    status = pod.get("status", {})
    facts = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": status.get("podIP", ""),
        "status.hostIP": status.get("hostIP", ""),
    }
    if path not in facts:
        raise SourceMissing(f"the mini-kubelet knows no field {path}")
    return str(facts[path])


def _selected(
    kind: str, name: str, data: Mapping[str, bytes] | None, source: Json, mode: int
) -> Mapping[str, FileContent]:
    optional = bool(source.get("optional", False))
    if data is None:
        if optional:
            return {}
        raise SourceMissing(f'{kind.lower()} "{name}" not found')
    items: Iterable[Json] = source.get("items") or [{"key": key, "path": key} for key in data]
    files: dict[str, FileContent] = {}
    for item in items:
        if item["key"] in data:
            files[item["path"]] = FileContent(data[item["key"]], int(item.get("mode", mode)))
        elif not optional:
            raise SourceMissing(f'{kind.lower()} "{name}" references non-existent config key: {item["key"]}')
    return files
