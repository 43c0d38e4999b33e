"""Reads the objects that a command speaks of: from a cluster, by the user's own rights, or from a state directory."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead_operator.cli.cluster_options import Where
from fairlead_operator.cli.staleness import as_stale
from fairlead_operator.cli.user_access import UserAccess, find_user_access
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_errors import (
    AccessError,
    Forbidden,
    KubernetesError,
    NotKnown,
    NotServed,
)
from fairlead_operator.cluster.kubernetes_paths import OURS
from fairlead_operator.cluster.local_state import is_held, read_facts, read_objects
from fairlead_operator.resources.meta import GROUP, Kind

Json = dict[str, Any]
Content = Mapping[str, Any]

READER = "kubectl-fairlead"
"""The field manager of a client that writes nothing."""

NOBODY_RUNS = "nobody runs on this directory: what was observed is Unknown"


class GatherRefused(Exception):
    """What was asked for cannot be read; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Objects as they are now. `notes` are told beside them; `namespace` None: those of every namespace."""

    objects: tuple[Content, ...]
    namespace: str | None
    notes: tuple[str, ...] = ()

    def of(self, kind: Kind) -> list[Content]:
        """Return the objects of one kind, in the order in which an API server lists them."""
        return [content for content in self.objects if content["kind"] == kind]


def gather(kinds: Sequence[Kind], where: Where, environ: Mapping[str, str] = os.environ) -> Gathered:
    """Return the objects of these kinds. Raises GatherRefused."""
    if where.state is not None:
        return _gather_local(kinds, where, where.state)
    user = user_access(where, environ)
    namespace = None if where.every else where.namespace or user.namespace
    return asyncio.run(_gather_remote(kinds, user, namespace))


def user_access(where: Where, environ: Mapping[str, str] = os.environ) -> UserAccess:
    """Return the user's way to the cluster. Raises GatherRefused."""
    try:
        user = find_user_access(where.kubeconfig, where.context, environ)
        user.access.ssl_context()
    except AccessError as error:
        raise GatherRefused(str(error)) from error
    return user


async def list_kind(api: KubernetesApi, kind: Kind, namespace: str | None) -> list[Content]:
    """Return the objects of one kind; raise GatherRefused, which names the right that is missing."""
    resource = OURS[kind]
    try:
        listed = await api.list(resource.path(namespace))
    except NotKnown as error:
        raise GatherRefused("the API server does not know you: log in again, or choose another --context") from error
    except Forbidden as error:
        raise GatherRefused(missing_right("list", f"{resource.plural}.{GROUP}", namespace)) from error
    except NotServed as error:
        raise GatherRefused(
            f"the API server does not serve {kind}: install the definitions: "
            "fairlead crds | kubectl apply --server-side -f -"
        ) from error
    except KubernetesError as error:
        raise GatherRefused(f"the API server does not answer: {error}") from error
    # An API server leaves kind and apiVersion out of what it lists.
    return [{"apiVersion": resource.api_version, "kind": str(kind), **each} for each in listed.items]


def missing_right(verbs: str, resource: str, namespace: str | None) -> str:
    """Return in one line which right is missing, where, and what to do."""
    scope = "in every namespace" if namespace is None else f"in namespace {namespace}"
    other = "use -n for a namespace where you have it" if namespace is None else "use -n for another namespace"
    return f"you lack a right: {verbs} {resource} {scope}; ask for a role that grants it, or {other}"


async def _gather_remote(kinds: Sequence[Kind], user: UserAccess, namespace: str | None) -> Gathered:
    async with KubernetesApi(user.access, field_manager=READER) as api:
        lists = [await list_kind(api, kind, namespace) for kind in kinds]
    return Gathered(tuple(content for each in lists for content in each), namespace)


def _gather_local(kinds: Sequence[Kind], where: Where, state: Path) -> Gathered:
    if not state.is_dir():
        raise GatherRefused(
            f"--state {state}: no such directory; start fairlead run here, or name the directory of one that runs"
        )
    held = is_held(state)
    namespace = None if where.every else where.namespace or "default"
    objects = tuple(
        content if held else as_stale(content)
        for content in read_objects(state, kinds)
        if namespace in (None, content["metadata"]["namespace"])
    )
    if not held:
        return Gathered(objects, namespace, (NOBODY_RUNS,))
    problems = tuple(f"not in force: {line}" for line in read_facts(state).get("problems", []))
    return Gathered(objects, namespace, problems)
