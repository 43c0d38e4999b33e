"""Experiments with faults: providers break at the same moment, under load from the real SDK, and heal again.

Each fault has a provider and a policy of its own; all policies fall back to one provider that stays well. Several side
by side, so that a minute of each takes few minutes; not all at once, as the SDK's calls cost more than ours.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import openai
from cluster.processes import wait_until
from doubles.processes import ScriptedUpstream, scripted_upstream
from fence.stage_canaries import KEYS, PROMPT
from node.fleet import Fleet

BROKEN_SECONDS = 60.0
CALLS_PER_SECOND = 10.0
LONGEST_HEALING_SECONDS = 45.0
WELL = "well"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to be broken, as a script for the provider, and what status says of it."""

    name: str
    script: Mapping[str, Any]
    reason: str
    """Of `Healthy`; empty where a part is broken and the whole stays healthy: then `health.state` is Degraded."""
    streams_only: bool = False


def _kind(kind: str, **more: Any) -> Json:
    return {"behaviour": {"kind": kind, **more}}


BATCHES = (
    (
        Fault("gone", {"down": True}, "Unreachable"),
        Fault("error-500", _kind("status", status=500), "Failing"),
        Fault("hang", _kind("hang"), "TimingOut"),
        Fault("error-in-stream", _kind("error_first"), "Failing", streams_only=True),
    ),
    (
        Fault("rate-limit", _kind("status", status=429, headers={"retry-after": "10"}), "RateLimited"),
        Fault("one-key-refused", {"keys": {KEYS["first"]: {"kind": "status", "status": 401}}}, ""),
        Fault("cut-before-content", _kind("cut_before"), "Failing", streams_only=True),
    ),
)
FAULTS = tuple(fault for batch in BATCHES for fault in batch)


@dataclass(slots=True)
class Outcome:
    """What became of one fault."""

    answered: int = 0
    by: set[str] = field(default_factory=set)
    """Providers that answered, as `namespace/name`."""
    failures: list[str] = field(default_factory=list)
    had_effect: int = 0
    """Calls that the provider itself answered in its broken way, or, while it was gone, that it could not see."""
    told_after: float | None = None
    """Seconds from the fault to the status that tells it."""
    callers_late: float = 0.0
    """Seconds by which the harness itself was late with its calls at the worst; a slow harness proves nothing."""
    healed_after: float | None = None
    """Seconds from its end to the status that tells that."""
    last_status: Json = field(default_factory=dict)


def experiment(fleet: Fleet, faults: Sequence[Fault]) -> Mapping[str, Outcome]:
    """Break a provider in each of these ways for a minute and heal it; return what happened, by fault."""
    outcomes = {fault.name: Outcome() for fault in faults}
    with ExitStack() as stack:
        upstreams = {
            name: stack.enter_context(scripted_upstream(fleet.node.host_address)) for name in [WELL, *outcomes]
        }
        _apply(fleet, faults, upstreams)
        with _load(fleet, faults, outcomes):
            wait_until(lambda: _all_healthy(fleet, outcomes), what="every provider is observed to serve", seconds=90)
            broken = time.monotonic()
            for fault in faults:
                upstreams[fault.name].obey(**fault.script)
            _watch(fleet, faults, outcomes, since=broken, until=broken + BROKEN_SECONDS, healing=False)
            for fault in faults:
                outcomes[fault.name].had_effect = _effect(fault, upstreams[fault.name], outcomes[fault.name])
                upstreams[fault.name].obey()
            healed = time.monotonic()
            _watch(fleet, faults, outcomes, since=healed, until=healed + LONGEST_HEALING_SECONDS, healing=True)
    return outcomes


def _effect(fault: Fault, upstream: ScriptedUpstream, outcome: Outcome) -> int:
    invoice = upstream.seen()["invoice"]
    kinds = {each.get("kind") for each in (fault.script.get("behaviour", {}), *fault.script.get("keys", {}).values())}
    seen = sum(bill["kind"] in kinds for bill in invoice)
    # Nobody listens where a provider is gone: that the others answered for it is what there is to count.
    return outcome.answered if fault.script.get("down") else seen


def _watch(
    fleet: Fleet,
    faults: Sequence[Fault],
    outcomes: Mapping[str, Outcome],
    *,
    since: float,
    until: float,
    healing: bool,
) -> None:
    """Note when status first tells the change; of a healing, return as soon as all are told."""
    while time.monotonic() < until:
        told = {each["metadata"]["name"]: each.get("status", {}) for each in _providers(fleet)}
        for fault in faults:
            outcome = outcomes[fault.name]
            outcome.last_status = told[fault.name]
            if healing and outcome.healed_after is None and _is_healthy(told[fault.name]):
                outcome.healed_after = time.monotonic() - since
            elif not healing and outcome.told_after is None and _tells(told[fault.name], fault):
                outcome.told_after = time.monotonic() - since
        if healing and all(outcome.healed_after is not None for outcome in outcomes.values()):
            return
        time.sleep(0.25)


def _tells(status: Json, fault: Fault) -> bool:
    healthy = _healthy(status)
    if fault.reason:
        return (healthy.get("status"), healthy.get("reason")) == ("False", fault.reason)
    return healthy.get("status") == "True" and status.get("health", {}).get("state") == "Degraded"


def _is_healthy(status: Json) -> bool:
    return _healthy(status).get("status") == "True" and status.get("health", {}).get("state") == "Healthy"


def _all_healthy(fleet: Fleet, names: Mapping[str, Outcome]) -> bool:
    told = {each["metadata"]["name"]: each.get("status", {}) for each in _providers(fleet)}
    return all(_is_healthy(told[name]) for name in names)


def _healthy(status: Json) -> Json:
    found: Json = next((each for each in status.get("conditions", []) if each["type"] == "Healthy"), {})
    return found


def _providers(fleet: Fleet) -> Sequence[Json]:
    items: Sequence[Json] = fleet.kubectl.read("get", "modelproviders", "-n", fleet.namespace)["items"]
    return items


@contextmanager
def _load(fleet: Fleet, faults: Sequence[Fault], outcomes: Mapping[str, Outcome]) -> Iterator[None]:
    """Call every policy at a steady rate by the openai SDK, without its retries, in a thread of its own."""
    ended = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(_call_all(fleet, faults, outcomes, ended),), name="load")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


async def _call_all(
    fleet: Fleet, faults: Sequence[Fault], outcomes: Mapping[str, Outcome], ended: threading.Event
) -> None:
    async with asyncio.TaskGroup() as group:
        for fault in faults:
            group.create_task(_call_steadily(fleet, fault, outcomes[fault.name], ended))


async def _call_steadily(fleet: Fleet, fault: Fault, outcome: Outcome, ended: threading.Event) -> None:
    """Call one policy by the clock, however slow its answers, over a client of its own: a pool is slow when large."""
    url = f"http://{fleet.address}/v1"
    # A connection for each call, so that every proxy has a part in it: one that is kept stays with its proxy.
    client = openai.AsyncOpenAI(
        base_url=url, api_key=fleet.key, max_retries=0, timeout=60, default_headers={"connection": "close"}
    )
    begun = time.monotonic()
    sent = 0
    async with client, asyncio.TaskGroup() as group:
        while not ended.is_set():
            due = begun + sent / CALLS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            outcome.callers_late = max(outcome.callers_late, time.monotonic() - due)
            stream = fault.streams_only or sent % 2 == 0
            group.create_task(_call(client, fault.name, outcome, stream=stream))
            sent += 1


async def _call(client: openai.AsyncOpenAI, model: str, outcome: Outcome, *, stream: bool) -> None:
    calls: Any = client.chat.completions.with_raw_response
    try:
        raw = await calls.create(model=model, messages=[{"role": "user", "content": PROMPT}], stream=stream)
        answer = raw.parse()
        if stream:
            chunks = [chunk async for chunk in answer]
            whole = any(choice.finish_reason for chunk in chunks for choice in chunk.choices)
        else:
            whole = bool(answer.choices[0].message.content)
    except openai.OpenAIError as error:
        outcome.failures.append(f"{time.strftime('%H:%M:%S')} {error!r} from {error.__cause__!r}")
        return
    if not whole:
        outcome.failures.append("the answer is not whole")
        return
    outcome.answered += 1
    outcome.by.add(raw.headers["x-fairlead-provider"])


def _apply(fleet: Fleet, faults: Sequence[Fault], upstreams: Mapping[str, ScriptedUpstream]) -> None:
    """Write providers and policies, and let the gateway's egress reach them."""
    allowed = {"cidr": f"{fleet.node.host_address}/32", "namespaces": [fleet.namespace]}
    gateway = fleet.kubectl.read("get", "modelgateway", "main", "-n", fleet.namespace)["spec"]
    written = {"apiVersion": "fairlead.dev/v1alpha1", "kind": "ModelGateway", "metadata": _named(fleet, "main")}
    keys = {"apiVersion": "v1", "kind": "Secret", "metadata": _named(fleet, "keys")}
    fleet.kubectl.apply(
        {**written, "spec": gateway | {"egress": {"allowCIDRs": [allowed]}}},
        {**keys, "stringData": {"one": KEYS["first"], "two": KEYS["second"]}},
        *(_provider(fleet, name, upstream) for name, upstream in upstreams.items()),
        *(_policy(fleet, fault.name) for fault in faults),
    )
    for fault in faults:
        policy = f"routepolicy/{fault.name}"
        fleet.kubectl("wait", "--for=condition=Programmed", policy, "-n", fleet.namespace, "--timeout=30s")


def _provider(fleet: Fleet, name: str, upstream: ScriptedUpstream) -> Json:
    credentials = [{"name": key, "secretRef": {"name": "keys", "key": key}} for key in ("one", "two")]
    spec = {
        "type": "OpenAICompatible",
        "endpoint": {"url": f"http://{fleet.node.host_address}:{upstream.port}/v1"},
        "credentials": credentials,
        "models": [{"name": "m"}],
        "health": {"active": {"mode": "ListModels"}},
    }
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": _named(fleet, name),
        "spec": spec,
    }


def _policy(fleet: Fleet, name: str) -> Json:
    targets = [
        {"provider": {"name": provider}, "model": "m", "priority": place} for place, provider in enumerate((name, WELL))
    ]
    rule = {"name": "all", "route": {"targets": targets}, "resilience": {"timeouts": {"perTry": "5s"}}}
    spec = {"gatewayRef": {"name": "main"}, "models": [name], "rules": [rule]}
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": _named(fleet, name),
        "spec": spec,
    }


def _named(fleet: Fleet, name: str) -> Json:
    return {"name": name, "namespace": fleet.namespace}
