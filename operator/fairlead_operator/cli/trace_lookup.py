"""Finds the record of a call: at the admin port of a standalone run, or at the proxies of a cluster's fleets."""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp

from fairlead_operator.cli.cluster_options import Where
from fairlead_operator.cli.gathered import Content, GatherRefused
from fairlead_operator.cli.gathering import READER, list_kind, missing_right, user_access
from fairlead_operator.cli.pod_request import PodUnreachable, get_from_pod
from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_config import debug_token_in
from fairlead_operator.cluster.kubernetes_errors import Forbidden, KubernetesError, NotFound
from fairlead_operator.cluster.kubernetes_paths import POD, SECRET
from fairlead_operator.cluster.kubernetes_pods import ProxyPod, pods_of
from fairlead_operator.cluster.local_state import TOKEN_FILE, is_held, read_facts
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL, debug_token_name
from fairlead_operator.resources.gateway import ADMIN_PORT
from fairlead_operator.resources.meta import Kind
from fairlead_proxy.contract.report import DECISIONS_NOT_KEPT

DECISIONS = "/debug/decisions/"
LOCAL_SECONDS = 10.0
_KEPT = "each keeps as many as its gateway's telemetry.decisionRing says, and only while it lives"
_NONE_KEPT = "telemetry.decisionRing of the gateway is 0; raise it to trace calls that come after that"


class DecisionUnknown(Exception):
    """Every proxy was asked, and none remembers the call; the message is one line."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The record as the proxy told it. `proxy`: `namespace/pod`, or the address of a standalone run."""

    record: dict[str, Any]
    proxy: str


def find_decision(call: str, gateway: str | None, where: Where, environ: Mapping[str, str] = os.environ) -> Decision:
    """Return the record of a call by its id. Raises GatherRefused where it cannot be asked for, DecisionUnknown."""
    if where.state is not None:
        return asyncio.run(_find_local(call, *_local_admin(where.state)))
    if gateway is not None and gateway.count("/") != 1:
        raise GatherRefused(f"--gateway {gateway}: not NAMESPACE/NAME; write for example ai-platform/main")
    return asyncio.run(_find_remote(call, gateway, where, environ))


def _local_admin(state: Path) -> tuple[str, str]:
    """Return address and token of the admin port of the run that holds this directory. Raises GatherRefused."""
    if not state.is_dir():
        raise GatherRefused(f"--state {state}: no such directory; name the directory of a fairlead run")
    if not is_held(state):
        raise GatherRefused(f"--state {state}: nobody runs on it, and records live no longer than the run")
    try:
        return str(read_facts(state).get("admin")), (state / TOKEN_FILE).read_text().strip()
    except OSError as error:
        raise GatherRefused(f"--state {state}: its {TOKEN_FILE} cannot be read: {error.strerror}") from error


async def _find_local(call: str, address: str, token: str) -> Decision:
    url = f"http://{address}{DECISIONS}{quote(call, safe='')}"
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=LOCAL_SECONDS)) as session,
            session.get(url, headers={"authorization": f"Bearer {token}"}) as answer,
        ):
            status, body = answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise GatherRefused(f"the admin port {address} does not answer: {type(error).__name__}") from error
    if status == 404:
        if _keeps_none(body):
            raise DecisionUnknown(f"no worker remembers the call {call}, nor any other: {_NONE_KEPT}")
        raise DecisionUnknown(f"no worker remembers the call {call}: {_KEPT}")
    if status != 200:
        raise GatherRefused(
            f"the admin port {address} answered {status}: {body.decode(errors='replace').strip()}"[:512]
        )
    return Decision(_record(body, address), address)


async def _find_remote(call: str, gateway: str | None, where: Where, environ: Mapping[str, str]) -> Decision:
    user = user_access(where, environ)
    asked: list[_Asked] = []
    async with KubernetesApi(user.access, field_manager=READER) as api:
        for namespace, name in await _gateways(api, gateway, where.namespace or None):
            headers = {"authorization": f"Bearer {await _debug_token(api, namespace, name)}"}
            pods = await _proxies(api, namespace, name)
            told = await asyncio.gather(*(_ask(user.access, namespace, pod.name, call, headers) for pod in pods))
            found = next((each.decision for each in told if each.decision is not None), None)
            if found is not None:
                return found
            asked += told
    silent = [each.problem for each in asked if each.problem]
    if silent:
        raise GatherRefused("not every proxy could be asked, and no other remembers the call: " + "; ".join(silent))
    if not asked:
        raise GatherRefused("there is no proxy to ask: no gateway here has a pod; name another with --gateway")
    if all(each.keeps_none for each in asked):
        raise DecisionUnknown(f"none of {len(asked)} proxies remembers the call {call}, nor any other: {_NONE_KEPT}")
    raise DecisionUnknown(f"none of {len(asked)} proxies remembers the call {call}: {_KEPT}")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one proxy answered: the record, or why there is no word from it; neither where it does not remember.

    `keeps_none`: it remembers no call at all.
    """

    decision: Decision | None = None
    problem: str = ""
    keeps_none: bool = False


async def _ask(access: Access, namespace: str, pod: str, call: str, headers: Mapping[str, str]) -> _Asked:
    """Raises GatherRefused where the user lacks the right to forward ports."""
    path = DECISIONS + quote(call, safe="")
    try:
        status, body = await get_from_pod(access, namespace, pod, ADMIN_PORT, path, headers)
    except PodUnreachable as unreachable:
        if unreachable.forbidden:
            raise GatherRefused(f"{unreachable}; ask for a role that grants it") from unreachable
        return _Asked(problem=str(unreachable))
    match status:
        case 200:
            return _Asked(Decision(_record(body, f"pod {namespace}/{pod}"), f"{namespace}/{pod}"))
        case 404:
            return _Asked(keeps_none=_keeps_none(body))
        case _:
            return _Asked(problem=f"pod {namespace}/{pod} answered {status}")


def _keeps_none(body: bytes) -> bool:
    """Say whether a 404 comes from a proxy, or a run, that remembers no call at all."""
    return DECISIONS_NOT_KEPT.encode() in body


def _record(body: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(body)
    except ValueError as error:
        raise GatherRefused(f"what {where} answers is no decision record: is it a proxy of another version?") from error
    if not isinstance(record, dict) or "call" not in record:
        raise GatherRefused(f"what {where} answers is no decision record: is it a proxy of another version?")
    return record


async def _gateways(api: KubernetesApi, gateway: str | None, namespace: str | None) -> Sequence[tuple[str, str]]:
    if gateway is not None:
        wanted, _, name = gateway.partition("/")
        return [(wanted, name)]
    try:
        found: list[Content] = await list_kind(api, Kind.MODEL_GATEWAY, namespace)
    except GatherRefused as refused:
        raise GatherRefused(f"{refused}; or name the gateway: --gateway NAMESPACE/NAME") from refused
    return [(str(each["metadata"]["namespace"]), str(each["metadata"]["name"])) for each in found]


async def _debug_token(api: KubernetesApi, namespace: str, gateway: str) -> str:
    name = debug_token_name(gateway)
    try:
        secret = await api.get(SECRET.path(namespace, name))
    except Forbidden as error:
        raise GatherRefused(missing_right("get", f"secrets/{name}", namespace)) from error
    except NotFound as error:
        raise GatherRefused(
            f"gateway {namespace}/{gateway} has no Secret {name}: there is no such gateway, or no fleet of it yet"
        ) from error
    except KubernetesError as error:
        raise GatherRefused(f"the API server does not answer: {error}") from error
    token = debug_token_in(secret)
    if not token:
        raise GatherRefused(f"the Secret {namespace}/{name} is not what the operator writes: it holds no token")
    return token


async def _proxies(api: KubernetesApi, namespace: str, gateway: str) -> list[ProxyPod]:
    try:
        listed = await api.list(POD.path(namespace), selector=f"{GATEWAY_LABEL}={gateway}")
    except Forbidden as error:
        raise GatherRefused(missing_right("list", "pods", namespace)) from error
    except KubernetesError as error:
        raise GatherRefused(f"the API server does not answer: {error}") from error
    return [pod for pod in pods_of(gateway, listed.items) if pod.address]
