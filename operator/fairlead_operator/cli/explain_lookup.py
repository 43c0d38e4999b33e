"""Finds what an explanation is decided by: in a cluster, by the user's own rights, or in the state of a run."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fairlead_operator.cli.basis import Basis, Doubt, doubts_of
from fairlead_operator.cli.cluster_options import Where
from fairlead_operator.cli.gathered import Content, GatherRefused, gather_local
from fairlead_operator.cli.gathering import READER, list_kind, user_access
from fairlead_operator.cli.object_facts import (
    CONFIGURED,
    NOT_LOOKED_AT,
    condition_status,
    condition_words,
    id_of,
    is_stale,
    namespace_of,
    spec_of,
    status_in,
)
from fairlead_operator.cli.route_view import STALE_GENERATION
from fairlead_operator.cli.staleness import STALE
from fairlead_operator.cli.surroundings import Surroundings, read_surroundings
from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.local_config import read_snapshot
from fairlead_operator.cluster.local_state import RUN_DIRECTORY
from fairlead_operator.compiler.compile import compile_inventory
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.status.conditions import ConditionType, conditions_of
from fairlead_proxy.contract.snapshot import assemble


def basis_of(where: Where, model: str, gateway: str | None, environ: Mapping[str, str] = os.environ) -> Basis:
    """Return what a call of this model is decided by, at the gateway of this id or the one that offers it.

    Raises GatherRefused.
    """
    if gateway is not None and not all(gateway.partition("/")):
        raise GatherRefused(f"--gateway {gateway}: not NAMESPACE/NAME; write for example ai-platform/main")
    if where.state is not None:
        return _basis_in_run(where, gateway)
    user = user_access(where, environ)
    return asyncio.run(_basis_in_cluster(user.access, where.namespace or user.namespace, model, gateway))


def _basis_in_run(where: Where, wanted: str | None) -> Basis:
    """Take the configuration that the workers have loaded: only it knows the labels of a run's namespaces."""
    assert where.state is not None
    found = gather_local(tuple(Kind), replace(where, every=True), where.state)
    directories = {id_of(each): where.state / RUN_DIRECTORY / id_of(each) for each in found.of(Kind.MODEL_GATEWAY)}
    snapshots = {key: read_snapshot(directory / "config") for key, directory in directories.items()}
    served = {key: snapshot for key, snapshot in snapshots.items() if snapshot is not None}
    if not served:
        raise GatherRefused(f"--state {where.state}: no gateway was ever served from it; start fairlead run on it")
    if wanted is not None and wanted not in served:
        raise GatherRefused(f"--gateway {wanted}: not served from {where.state}; there is {', '.join(sorted(served))}")
    snapshot = served[wanted or _only(served, f"--state {where.state} holds several gateways")]
    namespace = where.namespace or "default"
    policies = [each for each in found.of(Kind.ROUTE_POLICY) if namespace_of(each) == namespace]
    config = assemble(snapshot.revision, (fragment.read() for fragment in snapshot.fragments))
    statuses, ailing = _statuses(found.objects), _ailing(found.objects)
    return Basis(namespace, config, tuple(_told_doubts(policies)), statuses, ailing, found.notes)


async def _basis_in_cluster(access: Access, namespace: str, model: str, wanted: str | None) -> Basis:
    async with KubernetesApi(access, field_manager=READER) as api:
        policies = await list_kind(api, Kind.ROUTE_POLICY, namespace)
        chosen = wanted or _gateway_for(policies, namespace, model)
        policies = [each for each in policies if _gateway_of(each) == chosen]
        around = await read_surroundings(api, namespace, policies, chosen)
    return _compiled(around, namespace, chosen, wanted)


def _compiled(around: Surroundings, namespace: str, chosen: str, wanted: str | None) -> Basis:
    """Compile as the operator does. Raises GatherRefused where the gateway serves nothing."""
    inventory = Inventory.of(map(_without_secrets, around.found.values()), namespaces=around.labels, keeps_ledger=False)
    compilation = compile_inventory(inventory, around.last_good)
    ref = _ref(Kind.MODEL_GATEWAY, chosen)
    compiled = compilation.gateways.get(chosen)
    if compiled is None and ref in compilation.verdicts:
        raise GatherRefused(f"{ref}: {compilation.verdicts[ref].accepted.message}")
    if compiled is None:
        named = f"--gateway {chosen}" if wanted else f"spec.gatewayRef of the policies of namespace {namespace}"
        raise GatherRefused(f"{named}: there is no ModelGateway {chosen} in the cluster; name one that is there")
    doubts = tuple(doubts_of(compilation.verdicts, around.found))
    doubted = {doubt.policy: doubt.message for doubt in doubts}
    policies = [each for each in around.contents if each["kind"] == Kind.ROUTE_POLICY]
    told = [doubt for doubt in _told_doubts(policies) if doubt.policy not in doubted]
    kept = {
        each: f"generation {verdict.rolled_back_to} is still served; as it is written now: {verdict.accepted.message}"
        for each, verdict in compilation.verdicts.items()
        if verdict.rolled_back_to is not None
    }
    config = assemble(compiled.revision, (fragment.read() for fragment in compiled.fragments))
    # What the compiler finds in an object as it is written now goes before its status, which may be older.
    statuses = {**_statuses(around.contents), **doubted, **kept}
    return Basis(namespace, config, (*doubts, *told), statuses, _ailing(around.contents))


def _gateway_for(policies: Iterable[Content], namespace: str, model: str) -> str:
    """Return the gateway at which policies offer the model; where none does, the only one that they name."""
    named = {id_of(each): _gateway_of(each) for each in policies}
    offering = {named[id_of(each)] for each in policies if model in (spec_of(each).get("models") or ())}
    if not named:
        raise GatherRefused(
            f"no RoutePolicy in namespace {namespace}: its callers have no model; use -n for another namespace"
        )
    what = f"offer {model} at" if offering else "name"
    return _only(offering or set(named.values()), f"the policies of namespace {namespace} {what} several gateways")


def _gateway_of(policy: Content) -> str:
    """Return the id of the gateway that a policy names, whatever else of it may be refused."""
    reference = spec_of(policy).get("gatewayRef") or {}
    return f"{reference.get('namespace') or namespace_of(policy)}/{reference.get('name')}"


def _only(ids: Iterable[str], several: str) -> str:
    names = sorted(ids)
    if len(names) > 1:
        raise GatherRefused(f"{several}: {', '.join(names)}; choose one with --gateway NAMESPACE/NAME")
    return names[0]


def _without_secrets(found: Found[Any]) -> Found[Any]:
    """Return a provider as if its certificates were the system's: no Secret is read, and none decides on a route."""
    if found.ref.kind is not Kind.MODEL_PROVIDER or found.spec is None or found.spec.endpoint is None:
        return found
    endpoint = found.spec.endpoint.model_copy(update={"ca_ref": None})
    return replace(found, spec=found.spec.model_copy(update={"endpoint": endpoint}))


def _told_doubts(policies: Iterable[Content]) -> Iterator[Doubt]:
    for content in policies:
        words = _unwell(content)
        if words:
            models = frozenset(map(str, spec_of(content).get("models") or ()))
            yield Doubt(_ref(Kind.ROUTE_POLICY, id_of(content)), models, words)


def _statuses(contents: Iterable[Content]) -> dict[ObjectRef, str]:
    unwell = {_ref(Kind(each["kind"]), id_of(each)): _unwell(each) for each in contents}
    return {ref: words for ref, words in unwell.items() if words}


def _ailing(contents: Iterable[Content]) -> dict[str, str]:
    """Return, by id, what proxies observe of the providers that are not healthy."""
    return {
        id_of(each): condition_words(each, ConditionType.HEALTHY)
        for each in contents
        if each["kind"] == Kind.MODEL_PROVIDER
        and condition_status(each, ConditionType.HEALTHY) == "False"
        and not is_stale(each)
    }


def _unwell(content: Content) -> str:
    """Return what the status says of the object as it is written; nothing of what nobody observes any more."""
    conditions = conditions_of(status_in(content))
    if not conditions:
        return NOT_LOOKED_AT
    if is_stale(content):
        return STALE_GENERATION
    failing = (each for each in CONFIGURED if each in conditions and condition_status(content, each) != "True")
    words = (condition_words(content, each) for each in failing if conditions[each].get("reason") != STALE["reason"])
    return next(words, "")


def _ref(kind: Kind, object_id: str) -> ObjectRef:
    namespace, _, name = object_id.partition("/")
    return ObjectRef(kind, namespace, name)
