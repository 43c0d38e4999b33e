"""Reads the objects that a command speaks of: from a cluster, by the user's own rights, or from a state directory."""

import asyncio
import os
from collections.abc import Mapping, Sequence

from fairlead_operator.cli.cluster_options import Where
from fairlead_operator.cli.gathered import Content, Gathered, GatherRefused, gather_local
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
from fairlead_operator.resources.meta import GROUP, Kind

NOT_KNOWN = "the API server does not know you: log in again, or choose another --context"
READER = "kubectl-fairlead"
"""The field manager of a client that writes nothing."""


def gather(kinds: Sequence[Kind], where: Where, environ: Mapping[str, str] = os.environ) -> Gathered:
    """Return the objects of these kinds. Raises GatherRefused."""
    if where.state is not None:
        return gather_local(kinds, where, where.state)
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
        raise GatherRefused(NOT_KNOWN) from error
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
