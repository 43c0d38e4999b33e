"""Reads what `fairlead doctor` looks at, each part by itself: what may not be read costs no other check its answer."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fairlead_operator.cli.cluster_options import Where
from fairlead_operator.cli.crd_skew import check_definition, definition_name, published_definition
from fairlead_operator.cli.diagnosis import Finding, Unread
from fairlead_operator.cli.doctor_checks import (
    check_fleet,
    check_fragments,
    check_lease,
    check_proxies,
    check_snapshot,
    check_standalone,
    check_watch_age,
    holder_of,
)
from fairlead_operator.cli.gathered import Content, GatherRefused
from fairlead_operator.cli.gathering import NOT_KNOWN, READER, gather, list_kind, user_access
from fairlead_operator.cli.pod_request import PodUnreachable, get_from_pod
from fairlead_operator.cli.rights import Question, Right, check_rights, operator_questions, user_questions
from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_config import index_in
from fairlead_operator.cluster.kubernetes_errors import Forbidden, KubernetesError, NotFound, NotKnown
from fairlead_operator.cluster.kubernetes_paths import CONFIG_MAP, LEASE, POD
from fairlead_operator.cluster.local_state import is_held, read_facts
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL, OPERATOR_NAME, index_name
from fairlead_operator.resources.meta import API_VERSION, Kind

Json = dict[str, Any]

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
PUBLISHED = f"/openapi/v3/apis/{API_VERSION}"
"""What kubectl explain reads, and everybody may."""

SELF_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

LEASE_NAME = OPERATOR_NAME
METRICS_PORT = 9091
WATCH_AGE = "fairlead_operator_watch_age_seconds"
AT_A_TIME = 16
"""How many access reviews are asked at once."""


def examine(
    where: Where, operator_namespace: str, service_account: str, environ: Mapping[str, str] = os.environ
) -> list[Finding]:
    """Return what is well and what is not. Raises GatherRefused where nothing can be asked at all."""
    if where.state is not None:
        return _examine_local(where)
    user = user_access(where, environ)
    namespace = None if where.every else where.namespace or user.namespace
    return asyncio.run(_Examination(operator_namespace, service_account).run(user.access, namespace))


def _examine_local(where: Where) -> list[Finding]:
    assert where.state is not None
    found = gather(tuple(Kind), where)
    facts = read_facts(where.state)
    held = is_held(where.state)
    return [
        *check_standalone(held, facts.get("problems", []) if held else []),
        *(check_fleet(gateway) for gateway in found.of(Kind.MODEL_GATEWAY)),
        *check_fragments(found.of(Kind.MODEL_PROVIDER), "providers"),
        *check_fragments(found.of(Kind.ROUTE_POLICY), "policies"),
    ]


class _Examination:
    """One examination of a cluster; the operator is looked for in its own namespace, under its own account."""

    def __init__(self, operator_namespace: str, service_account: str) -> None:
        self._operator_namespace = operator_namespace
        self._account = service_account
        self._at_a_time = asyncio.Semaphore(AT_A_TIME)

    async def run(self, access: Access, namespace: str | None) -> list[Finding]:
        async with KubernetesApi(access, field_manager=READER) as api:
            await _reach(api)
            listed = {kind: await _listed(api, kind, namespace) for kind in Kind}
            gateways = listed[Kind.MODEL_GATEWAY]
            known: Sequence[Content] = [] if isinstance(gateways, Unread) else gateways
            named = sorted((str(each["metadata"]["namespace"]), str(each["metadata"]["name"])) for each in known)
            findings = [check_definition(kind, await _definition(api, kind)) for kind in Kind]
            findings += await self._rights(api, namespace, named)
            lease = await _read(
                api, LEASE.path(self._operator_namespace, LEASE_NAME), "leases", self._operator_namespace
            )
            findings.append(check_lease(lease, self._operator_namespace, time.time()))
            findings.append(check_watch_age(await self._watch_age(access, lease)))
            if isinstance(gateways, Unread):
                findings.append(Finding.unread("fleets", gateways))
            for gateway in known:
                findings += [check_fleet(gateway), check_snapshot(gateway, await _published(api, gateway))]
                findings += check_proxies(gateway, await _pods(api, gateway), time.time())
        for kind, name in ((Kind.MODEL_PROVIDER, "providers"), (Kind.ROUTE_POLICY, "policies")):
            findings += check_fragments(listed[kind], name)
        return findings

    async def _rights(
        self, api: KubernetesApi, namespace: str | None, gateways: Sequence[tuple[str, str]]
    ) -> list[Finding]:
        mine = list(user_questions(namespace, gateways))
        theirs = list(operator_questions(self._operator_namespace, sorted({home for home, _ in gateways})))
        groups = [
            "system:serviceaccounts",
            f"system:serviceaccounts:{self._operator_namespace}",
            "system:authenticated",
        ]
        account = {"user": f"system:serviceaccount:{self._operator_namespace}:{self._account}", "groups": groups}
        return [
            *await self._reviewed(api, SELF_REVIEWS, {}, mine),
            *await self._reviewed(api, REVIEWS, account, theirs),
        ]

    async def _reviewed(self, api: KubernetesApi, path: str, who: Json, questions: Sequence[Question]) -> list[Finding]:
        wanted = sorted({right for question in questions for right in question.rights})
        answers = await asyncio.gather(*(self._review(api, path, who, right) for right in wanted))
        known = dict(zip(wanted, answers, strict=True))
        return [check_rights(question, known) for question in questions]

    async def _review(self, api: KubernetesApi, path: str, who: Json, right: Right) -> bool | Unread:
        spec = {**who, "resourceAttributes": right.attributes()}
        kind = "SubjectAccessReview" if who else "SelfSubjectAccessReview"
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
        async with self._at_a_time:
            try:
                answer = await api.create(path, body)
            except Forbidden:
                resource = path.rpartition("/")[2]
                return Unread(f"you may not ask: create {resource}.authorization.k8s.io", "ask a cluster administrator")
            except KubernetesError as error:
                return _no_answer(error)
        return bool((answer.get("status") or {}).get("allowed"))

    async def _watch_age(self, access: Access, lease: Content | Unread | None) -> float | Unread:
        """Return what the leader's metrics tell; its pod is named by the Lease."""
        if isinstance(lease, Unread):
            return Unread("which pod leads is not known: the lease cannot be read", lease.remedy)
        pod = holder_of(lease or {}).rpartition("_")[0]
        if not pod:
            return Unread("no operator leads")
        try:
            status, body = await get_from_pod(access, self._operator_namespace, pod, METRICS_PORT, "/metrics", {})
        except PodUnreachable as unreachable:
            remedy = "ask for a role that grants it" if unreachable.forbidden else ""
            return Unread(str(unreachable), remedy)
        lines = (line.split() for line in body.decode(errors="replace").splitlines())
        ages = [float(line[1]) for line in lines if line and line[0] == WATCH_AGE and len(line) == 2]
        if status != 200 or not ages:
            return Unread(f"pod {pod} answered {status} without {WATCH_AGE}")
        return ages[0]


async def _reach(api: KubernetesApi) -> None:
    """Raise GatherRefused where the API server does not answer, or does not know the user."""
    try:
        await api.get("/apis")
    except NotKnown as error:
        raise GatherRefused(NOT_KNOWN) from error
    except Forbidden:
        return  # it answers, and that is all there is to know here
    except KubernetesError as error:
        raise GatherRefused(f"the API server {api.access.server} does not answer: {error}") from error


async def _listed(api: KubernetesApi, kind: Kind, namespace: str | None) -> Sequence[Content] | Unread:
    try:
        return await list_kind(api, kind, namespace)
    except GatherRefused as refused:
        reason, _, remedy = str(refused).partition("; ")
        return Unread(reason, remedy)


async def _definition(api: KubernetesApi, kind: Kind) -> Content | Unread | None:
    """Return the definition of a kind; for whoever may not read definitions, as far as the API server publishes it."""
    path = f"{DEFINITIONS}/{definition_name(kind)}"
    try:
        return await api.get(path)
    except Forbidden:
        published = await _read(api, PUBLISHED, "definitions", "")
    except NotFound:
        return None
    except KubernetesError as error:
        return _no_answer(error)
    return published if published is None or isinstance(published, Unread) else published_definition(kind, published)


async def _published(api: KubernetesApi, gateway: Content) -> str | Unread | None:
    """Return the revision that the proxies' volumes hold or will hold; None where nothing is published."""
    namespace, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
    found = await _read(api, CONFIG_MAP.path(namespace, index_name(name)), "configmaps", namespace)
    if isinstance(found, Unread) or found is None:
        return found
    index = index_in(found)
    return None if index is None else index.revision


async def _pods(api: KubernetesApi, gateway: Content) -> Sequence[Content] | Unread:
    namespace, name = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
    try:
        return (await api.list(POD.path(namespace), selector=f"{GATEWAY_LABEL}={name}")).items
    except Forbidden:
        return _lacking("list pods", namespace)
    except KubernetesError as error:
        return _no_answer(error)


async def _read(api: KubernetesApi, path: str, resource: str, namespace: str) -> Json | Unread | None:
    """Return an object, None where it is not there, or why it cannot be read."""
    try:
        return await api.get(path)
    except NotFound:
        return None
    except Forbidden:
        return _lacking(f"get {resource}", namespace)
    except KubernetesError as error:
        return _no_answer(error)


def _no_answer(error: KubernetesError) -> Unread:
    return Unread(f"the API server does not answer: {error}"[:256])


def _lacking(right: str, namespace: str) -> Unread:
    scope = f" in namespace {namespace}" if namespace else ""
    return Unread(f"you lack a right: {right}{scope}", "ask for a role that grants it")
