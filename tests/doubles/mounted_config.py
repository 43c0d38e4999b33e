"""A directory as a proxy mounts it: plain files, or a projected volume that is swapped by one link."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from fairlead_proxy.contract.config import Gateway, Match, Model, Policy, Provider, Rule, Simulation, Target
from fairlead_proxy.contract.keys import CallerKey, KeyRing, encode_keys, fingerprint, version_of
from fairlead_proxy.contract.names import ProviderType
from fairlead_proxy.contract.snapshot import Fragment, index_of, least_reader_of, pack, revision_of

ADMIN_TOKEN = "admin-token-of-the-tests"
CALLER_KEY = "sk-caller-of-team-a-0123456789"


def gateway(**more: object) -> Gateway:
    return Gateway(id="default/main", **{"drain_seconds": 5.0, **more})  # type: ignore[arg-type]  # any field


def provider(
    name: str = "sim", *, namespace: str = "default", ttft_seconds: float = 0.0, tokens_per_second: float = 10_000.0
) -> Provider:
    """A simulated provider that everyone of its namespace may use."""
    return Provider(
        id=f"{namespace}/{name}",
        type=ProviderType.SIMULATED,
        models=(Model(name="tiny", upstream_name="tiny"),),
        simulation=Simulation(ttft_seconds=ttft_seconds, tokens_per_second=tokens_per_second),
    )


def policy(name: str = "chat", *models: str, namespace: str = "default", target: str = "default/sim") -> Policy:
    names = models or ("smart",)
    rule = Rule(name="all", match=(Match(models=names),), targets=(Target(provider=target, model="tiny"),))
    return Policy(id=f"{namespace}/{name}", models=names, rules=(rule,))


def key_ring(*callers: CallerKey, **credentials: str) -> KeyRing:
    return KeyRing(callers=callers, credentials=credentials, admin_tokens=(ADMIN_TOKEN,))


def caller(key: str = CALLER_KEY, *, tenant: str = "team-a", expires_at: float | None = None) -> CallerKey:
    return CallerKey(sha256=fingerprint(key), tenant=tenant, name=f"{tenant}/key", expires_at=expires_at)


def fragments_of(*documents: Gateway | Provider | Policy) -> list[Fragment]:
    return [Fragment.of(document, uid=f"uid-{document.id}", generation=1) for document in documents]


class PlainDirectory:
    """Files replaced one by one, each by a rename, the index last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._set = "b"
        path.mkdir(parents=True, exist_ok=True)

    def publish(self, fragments: Sequence[Fragment]) -> str:
        """Write the idle set, then the index; return the revision."""
        self._set = "a" if self._set == "b" else "b"
        revision = revision_of(fragments)
        shards = pack(fragments)
        for number, shard in enumerate(shards):
            self.write(f"{self._set}-{number}", shard)
        self.write("index.json", index_of(revision, self._set, shards, min_reader=least_reader_of(fragments)))
        return revision

    def publish_keys(self, keys: KeyRing) -> str:
        data = encode_keys(keys)
        self.write("keys.json", data)
        return version_of(data)

    def write(self, name: str, data: bytes) -> None:
        draft = self.path / f".{name}.new"
        draft.write_bytes(data)
        draft.rename(self.path / name)


class ProjectedVolume:
    """What the kubelet keeps: every file is a link into `..data`, which is itself a link that is swapped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = 0
        path.mkdir(parents=True, exist_ok=True)

    def refresh(self, files: dict[str, bytes]) -> None:
        """Make the volume hold exactly these files, all at once."""
        self._turn += 1
        directory = self.path / f"..turn_{self._turn}"
        directory.mkdir()
        for name, data in files.items():
            (directory / name).write_bytes(data)
            link = self.path / name
            if not link.is_symlink():
                link.symlink_to(f"..data/{name}")
        draft = self.path / "..data_tmp"
        draft.symlink_to(directory.name)
        os.replace(draft, self.path / "..data")
        for old in self.path.glob("..turn_*"):
            if old != directory:
                shutil.rmtree(old)

    @staticmethod
    def files_of(fragments: Sequence[Fragment], keys: KeyRing, set_name: str = "a") -> dict[str, bytes]:
        shards = pack(fragments)
        files = {f"{set_name}-{number}": shard for number, shard in enumerate(shards)}
        files["index.json"] = index_of(revision_of(fragments), set_name, shards, min_reader=least_reader_of(fragments))
        files["keys.json"] = encode_keys(keys)
        return files
