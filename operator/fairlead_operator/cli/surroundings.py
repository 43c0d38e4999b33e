"""Reads from a cluster what calls of one namespace depend on at a gateway, and nothing else: no Secret, above all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from fairlead_operator.cli.gathered import Content, GatherRefused
from fairlead_operator.cli.gathering import NOT_KNOWN, list_kind
from fairlead_operator.cli.object_facts import id_of
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_config import index_in, snapshot_in
from fairlead_operator.cluster.kubernetes_errors import Forbidden, KubernetesError, NotFound, NotKnown
from fairlead_operator.cluster.kubernetes_paths import CONFIG_MAP, NAMESPACE, OURS
from fairlead_operator.compiler.last_good import LastGood, find_last_good
from fairlead_operator.resources.fleet_names import index_name, shard_name
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import GROUP, NAMESPACE_NAME_LABEL, Kind, ObjectRef
from fairlead_operator.resources.parse import parse_resource
from fairlead_proxy.contract.config import Policy, Provider
from fairlead_proxy.contract.snapshot import Fragment

FoundObjects = Mapping[ObjectRef, Found[Any]]

ROLE = "have your platform bind the role view there; the chart adds our kinds to it"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The policies of a namespace at one gateway, the gateway, and the providers that they name.

    `labels`: by namespace, of all of them. `last_good`: what is published; read only where something of it is refused
    as it is written now.
    """

    contents: tuple[Content, ...]
    found: FoundObjects
    labels: Mapping[str, Mapping[str, str]]
    last_good: LastGood


async def read_surroundings(
    api: KubernetesApi, namespace: str, policies: Sequence[Content], gateway: str
) -> Surroundings:
    """Read what these policies refer to. Raises GatherRefused, which names the right that is missing.

    Policies conflict within a namespace and a gateway only, and name their providers: nothing else has a say. Whether
    a snapshot has room for all of it depends on others too; that stands in the statuses.
    """
    home = gateway.partition("/")[0]
    gateways = [each for each in await _listed(api, Kind.MODEL_GATEWAY, home) if id_of(each) == gateway]
    contents = [*policies, *gateways]
    found = _parsed(contents)
    last_good = await _published(api, gateway) if _is_any_refused(found) else None
    wanted = set(_provider_ids(found, last_good or {}, gateway))
    homes = sorted({each.partition("/")[0] for each in wanted})
    listed = [each for name in homes for each in await _listed(api, Kind.MODEL_PROVIDER, name)]
    contents += [each for each in listed if id_of(each) in wanted]
    found = _parsed(contents)
    if last_good is None and _is_any_refused(found):
        last_good = await _published(api, gateway)
    labels = {name: await _labels(api, name) for name in sorted({namespace, home, *homes})}
    return Surroundings(tuple(contents), found, labels, last_good or {})


def _parsed(contents: Sequence[Content]) -> FoundObjects:
    return {each.ref: each for each in map(parse_resource, contents)}


def _is_any_refused(found: FoundObjects) -> bool:
    return any(each.spec is None for each in found.values())


def _provider_ids(found: FoundObjects, last_good: LastGood, gateway: str) -> Iterator[str]:
    """Yield the providers that policies name, or named in the version that is in force."""
    for ref, each in found.items():
        if ref.kind is not Kind.ROUTE_POLICY:
            continue
        if each.spec is not None:
            targets = (target for rule in each.spec.rules for target in rule.route.targets)
            yield from (target.provider.id(ref.namespace) for target in targets)
        elif kept := find_last_good(last_good, gateway, each, Policy):
            yield from (target.provider for rule in kept[0].rules for target in rule.targets)


async def _listed(api: KubernetesApi, kind: Kind, namespace: str) -> list[Content]:
    try:
        return await list_kind(api, kind, namespace)
    except GatherRefused as refused:
        if isinstance(refused.__cause__, Forbidden) and not isinstance(refused.__cause__, NotKnown):
            raise _missing(f"list {OURS[kind].plural}.{GROUP}", namespace) from refused
        raise


async def _labels(api: KubernetesApi, namespace: str) -> Mapping[str, str]:
    """Return the labels that the selectors of tenants and consumers are matched with."""
    content = await _read(api, NAMESPACE.path(name=namespace), "get namespaces", namespace)
    return {} if content is None else {NAMESPACE_NAME_LABEL: namespace, **(content["metadata"].get("labels") or {})}


async def _published(api: KubernetesApi, gateway: str) -> LastGood:
    """Return what the gateway serves now: of what is refused as it is written, the version before is in force."""
    namespace, _, name = gateway.partition("/")
    right = "get configmaps"
    content = await _read(api, CONFIG_MAP.path(namespace, index_name(name)), right, namespace)
    index = None if content is None else index_in(content)
    if index is None:
        return {}
    paths = {shard.name: CONFIG_MAP.path(namespace, shard_name(name, shard.name)) for shard in index.shards}
    shards = {shard: await _read(api, path, right, namespace) or {} for shard, path in paths.items()}
    snapshot = snapshot_in(index, shards)
    if snapshot is None:
        raise GatherRefused(f"what ModelGateway {gateway} serves was replaced while it was read; ask again")
    return {gateway: {fragment.key: _without_authorities(fragment) for fragment in snapshot.fragments}}


def _without_authorities(fragment: Fragment) -> Fragment:
    """Return a provider as if its certificates were the system's: they are in a Secret, and decide on no route."""
    document = fragment.read() if fragment.header.kind == Kind.MODEL_PROVIDER else None
    if not isinstance(document, Provider) or not document.ca_secret:
        return fragment
    bare = msgspec.structs.replace(document, ca_secret="", ca_pem="")
    return Fragment.of(bare, uid=fragment.header.uid, generation=fragment.header.generation)


async def _read(api: KubernetesApi, path: str, right: str, namespace: str) -> Content | None:
    """Return an object; None where it is not there."""
    try:
        return await api.get(path)
    except NotFound:
        return None
    except NotKnown as error:
        raise GatherRefused(NOT_KNOWN) from error
    except Forbidden as error:
        raise _missing(right, namespace) from error
    except KubernetesError as error:
        raise GatherRefused(f"the API server does not answer: {error}") from error


def _missing(right: str, namespace: str) -> GatherRefused:
    """Return which right is missing. What policies refer to cannot be had elsewhere, so -n would be no remedy."""
    return GatherRefused(f"you lack a right: {right} in namespace {namespace}, which the policies lead to; {ROLE}")
