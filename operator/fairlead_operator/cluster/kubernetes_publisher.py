"""Publishes a gateway's configuration into the cluster, and reads back what is published."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from fairlead_operator.cluster.admin_tokens import NO_TOKENS, AdminTokens
from fairlead_operator.cluster.api import Manifest, Snapshot
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_claim import claim, is_of_fleet
from fairlead_operator.cluster.kubernetes_config import (
    Home,
    debug_token_in,
    debug_token_object,
    idle_set,
    index_in,
    index_object,
    keys_in,
    keys_object,
    shard_object,
    snapshot_in,
)
from fairlead_operator.cluster.kubernetes_errors import NotFound, Refused
from fairlead_operator.cluster.kubernetes_objects import Content
from fairlead_operator.cluster.kubernetes_paths import CONFIG_MAP, SECRET, Resource
from fairlead_operator.resources import fleet_names
from fairlead_proxy.contract.keys import KeyRing, KeyRingError, debug_token, decode_keys, encode_keys, version_of
from fairlead_proxy.contract.snapshot import Index, Packer, index_of, least_reader_of, read_index

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What stands in the cluster for one gateway. `uid` is that of the ModelGateway that owns it.

    `versions`: the resourceVersion of each object that we know, by kind and name; `shards`: the digest of each shard
    that we wrote, in force or idle, by the name of its ConfigMap. `told`: the debug token in its Secret.
    """

    snapshot: Snapshot | None = None
    index: Index | None = None
    ring: bytes = field(default=b"", repr=False)
    tokens: AdminTokens = NO_TOKENS
    told: str = field(default="", repr=False)
    uid: str = ""
    versions: dict[tuple[str, str], str] = field(default_factory=dict)
    shards: dict[str, str] = field(default_factory=dict)

    def forget_changed(self, live: Mapping[tuple[str, str], str]) -> None:
        """Forget the ConfigMaps that do not stand there any more as we wrote them: they are to be written anew."""
        for kind, name in list(self.versions):
            if kind == CONFIG_MAP.kind and live.get((kind, name)) != self.versions[kind, name]:
                del self.versions[kind, name]
                self.shards.pop(name, None)

    @property
    def keys_version(self) -> str:
        return version_of(self.ring) if self.ring else ""

    @property
    def revision(self) -> str:
        return self.index.revision if self.index else ""


class Publisher:
    """Remembers what it has read or written, so that publishing the same again costs no request."""

    def __init__(
        self,
        api: KubernetesApi,
        *,
        clock: Callable[[], float],
        make_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        self._api = api
        self._clock = clock
        self._make_token = make_token
        self._published: dict[str, Published] = {}
        self._packers: dict[str, Packer] = {}

    def known(self, gateway: str) -> Published:
        """Return what was last read or written here; empty before that."""
        return self._published.get(gateway, Published())

    async def read(self, gateway: str) -> Published:
        """Return what is published, also by a process before us. Raises KubernetesError."""
        known = self._published.get(gateway)
        if known is None:
            known = await self._read(gateway)
            self._published[gateway] = known
        return known

    async def publish(self, gateway: str, uid: str, snapshot: Snapshot, keys: KeyRing) -> bool:
        """Write what differs: shards into the idle set, the key ring, then the index. Return whether anything did.

        A shard that still stands there, from when that set was last in force, is not written again. The keys come
        before the index: a provider that is new is never named without its key. Raises KubernetesError.
        """
        before = await self.read(gateway)
        home = Home.of(gateway, uid)
        moved = before.uid != uid
        tokens = before.tokens.renewed(self._clock(), self._make_token)
        ring = encode_keys(msgspec.structs.replace(keys, admin_tokens=tokens.tokens))
        # Not the revision alone: a fragment may have another generation, or uid, with the same body.
        news = moved or before.snapshot != snapshot
        if not news and ring == before.ring:
            return await self._tell_token(gateway, home, before)
        known = Published() if moved else before
        after = replace(before, uid=uid, told=known.told, versions=dict(known.versions), shards=dict(known.shards))
        # While this is under way, what is known is nothing: a failure in the middle has everything read anew.
        self._published.pop(gateway, None)
        index = None
        if news:
            shards = self._packers.setdefault(gateway, Packer()).pack(snapshot.fragments)
            least = least_reader_of(snapshot.fragments)
            index = index_of(snapshot.revision, idle_set(before.index), shards, min_reader=least)
            after.forget_changed(await self._live(gateway, CONFIG_MAP))
            await self._write_shards(after, home, read_index(index), shards)
        if moved or ring != before.ring:
            await self._write(after, keys_object(home, ring, tokens.since))
            after = replace(after, ring=ring, tokens=tokens)
        if index is not None:
            await self._write(after, index_object(home, index))
            after = replace(after, index=read_index(index), snapshot=snapshot)
        self._published[gateway] = after
        log.info("published", extra={"gateway": gateway, "revision": snapshot.revision, "keys": after.keys_version})
        await self._tell_token(gateway, home, after)
        return True

    async def _tell_token(self, gateway: str, home: Home, published: Published) -> bool:
        """Write the debug token where it is asked for; return whether that was news.

        No proxy reads it: where a user's Secret has its name, all else goes on.
        """
        token = debug_token(published.tokens.for_use)
        if published.told == token:
            return False
        after = replace(published, versions=dict(published.versions), told=token)
        try:
            await self._write(after, debug_token_object(home, token))
        except Refused as error:
            log.warning("the debug token cannot be published", extra={"gateway": gateway, "error": str(error)})
            return False
        self._published[gateway] = after
        return True

    def forget(self, gateway: str) -> None:
        self._published.pop(gateway, None)
        self._packers.pop(gateway, None)

    async def drifted(self, gateway: str) -> bool:
        """Return whether somebody has changed what we wrote; it is read and written anew then. Reads metadata only."""
        known = self._published.get(gateway)
        if known is None or not known.versions:
            return False
        ours = in_force(Home.of(gateway, known.uid), known)
        live = await self._live(gateway, CONFIG_MAP) | await self._live(gateway, SECRET)
        if self._published.get(gateway) is not known:
            return False  # written while we were reading: what was read proves nothing
        if all(live.get(where) == version for where, version in ours.items()):
            return False
        log.warning("the published configuration was changed by somebody else", extra={"gateway": gateway})
        self._published.pop(gateway)
        return True

    async def _live(self, gateway: str, resource: Resource) -> dict[tuple[str, str], str]:
        """Return the resourceVersion of each object of this kind that is labelled as this fleet's."""
        namespace, _, name = gateway.partition("/")
        selector = f"{fleet_names.GATEWAY_LABEL}={name}"
        listed = await self._api.list(resource.path(namespace), selector=selector, metadata_only=True)
        return {(resource.kind, each["metadata"]["name"]): each["metadata"]["resourceVersion"] for each in listed.items}

    async def _write_shards(self, published: Published, home: Home, index: Index, shards: Sequence[bytes]) -> None:
        """Write what nobody reads yet, all at once; where one fails, the others are given up."""
        names = [fleet_names.shard_name(home.name, ref.name) for ref in index.shards]
        try:
            async with asyncio.TaskGroup() as writes:
                for name, ref, shard in zip(names, index.shards, shards, strict=True):
                    if published.shards.get(name) != ref.sha256:
                        writes.create_task(self._write(published, shard_object(home, ref.name, shard)))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        published.shards.update({name: ref.sha256 for name, ref in zip(names, index.shards, strict=True)})

    async def _write(self, published: Published, manifest: Manifest) -> None:
        where = (manifest["kind"], manifest["metadata"]["name"])
        if where not in published.versions:
            await claim(self._api, manifest)
        # A shard is large: what was just sent need not come back.
        written = await self._api.apply(manifest, metadata_only=True)
        published.versions[where] = written["metadata"]["resourceVersion"]

    async def _read(self, gateway: str) -> Published:
        namespace, _, name = gateway.partition("/")
        config = await self._look(CONFIG_MAP, namespace, fleet_names.index_name(name))
        secret = await self._look(SECRET, namespace, fleet_names.keys_name(name))
        told = await self._look(SECRET, namespace, fleet_names.debug_token_name(name))
        told = told if told is not None and is_of_fleet(told, name) else None
        if config is None or secret is None or not is_of_fleet(config, name) or not is_of_fleet(secret, name):
            return Published()
        index = index_in(config)
        shards = {
            ref.name: await self._look(CONFIG_MAP, namespace, fleet_names.shard_name(name, ref.name)) or {}
            for ref in (index.shards if index else ())
        }
        ring, since = keys_in(secret)
        tokens = AdminTokens(_tokens_in(ring), since)
        return Published(
            snapshot=snapshot_in(index, shards) if index else None,
            index=index,
            ring=ring if tokens.tokens else b"",
            tokens=tokens,
            told=debug_token_in(told) if told else "",
            uid=_owner_in(config) if _owner_in(config) == _owner_in(secret) else "",
            versions={
                (each["kind"], each["metadata"]["name"]): each["metadata"]["resourceVersion"]
                for each in (config, secret, told, *shards.values())
                if each
            },
        )

    async def _look(self, resource: Resource, namespace: str, name: str) -> Content | None:
        try:
            return await self._api.get(resource.path(namespace, name))
        except NotFound:
            return None


def in_force(home: Home, published: Published) -> dict[tuple[str, str], str]:
    """Return the versions of what is read now, by proxies or for a trace; the idle set may be as it likes."""
    names = {("ConfigMap", fleet_names.index_name(home.name))}
    names |= {("Secret", name(home.name)) for name in (fleet_names.keys_name, fleet_names.debug_token_name)}
    refs = published.index.shards if published.index else ()
    names |= {("ConfigMap", fleet_names.shard_name(home.name, ref.name)) for ref in refs}
    return {where: version for where, version in published.versions.items() if where in names}


def _owner_in(content: Content) -> str:
    owners = content["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("uid", ""))


def _tokens_in(ring: bytes) -> tuple[str, ...]:
    try:
        return decode_keys(ring).admin_tokens if ring else ()
    except KeyRingError:
        return ()
