"""The status of a pod, worked out from the states of its containers, as a kubelet writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running yet, or not again yet."""

    reason: str = "ContainerCreating"
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A process with this id."""

    pid: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended."""

    exit_code: int
    reason: str
    since: datetime
    at: datetime


State = Waiting | Running | Ended


@dataclass(slots=True)
class ContainerFacts:
    """What is known of one container; the runner of the container writes it.

    `sidecar`: an init container that goes on running beside the containers.
    """

    name: str
    image: str
    state: State = Waiting()
    last: Ended | None = None
    restarts: int = 0
    started: bool = False
    ready: bool = False
    sidecar: bool = False

    @property
    def initialised(self) -> bool:
        """Whether what comes after it, as an init container, may start."""
        return self.started if self.sidecar else isinstance(self.state, Ended) and self.state.exit_code == 0


def status_of(
    pod: Json,
    containers: Sequence[ContainerFacts],
    init_containers: Sequence[ContainerFacts],
    *,
    address: str,
    host_address: str,
    now: datetime,
) -> dict[str, Any]:
    """Return the status to be written; an unchanged condition keeps the transition time of the pod's own status."""
    before = pod.get("status", {})
    return {
        "phase": _phase(pod, containers, init_containers),
        "hostIP": host_address,
        "hostIPs": [{"ip": host_address}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": before.get("startTime") or _text(now),
        "conditions": _conditions(before, containers, init_containers, now),
        "containerStatuses": [_container_status(each) for each in containers],
        "initContainerStatuses": [_container_status(each) for each in init_containers],
    }


def _phase(pod: Json, containers: Sequence[ContainerFacts], init_containers: Sequence[ContainerFacts]) -> str:
    policy = pod["spec"].get("restartPolicy", "Always")
    if policy == "Never" and any(_failed(each) for each in init_containers if not each.sidecar):
        return "Failed"
    if all(isinstance(each.state, Ended) for each in containers):
        failed = any(_failed(each) for each in containers)
        ends = {"Always": "Running", "OnFailure": "Running" if failed else "Succeeded"}
        return ends.get(policy, "Failed" if failed else "Succeeded")
    begun = any(not isinstance(each.state, Waiting) or each.restarts for each in containers)
    return "Running" if begun else "Pending"


def _failed(facts: ContainerFacts) -> bool:
    return isinstance(facts.state, Ended) and facts.state.exit_code != 0


def _conditions(
    before: Json, containers: Sequence[ContainerFacts], init_containers: Sequence[ContainerFacts], now: datetime
) -> list[dict[str, Any]]:
    initialised = all(each.initialised for each in init_containers)
    staying = [*containers, *(each for each in init_containers if each.sidecar)]
    unready = [each.name for each in staying if not each.ready]
    message = f"containers with unready status: [{' '.join(unready)}]"
    reason = {"reason": "ContainersNotReady", "message": message} if unready else {}
    wanted: Mapping[str, tuple[bool, Json]] = {
        "PodScheduled": (True, {}),
        "Initialized": (initialised, {}),
        "ContainersReady": (not unready, reason),
        "Ready": (not unready, reason),
    }
    old = {each["type"]: each for each in before.get("conditions", [])}
    conditions = []
    for kind, (holds, why) in wanted.items():
        status = "True" if holds else "False"
        kept = old.get(kind, {}).get("status") == status and "lastTransitionTime" in old[kind]
        since = old[kind]["lastTransitionTime"] if kept else _text(now)
        conditions.append({"type": kind, "status": status, "lastTransitionTime": since, **why})
    return conditions


def _container_status(facts: ContainerFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "image": facts.image,
        "imageID": facts.image,
        "ready": facts.ready,
        "started": facts.started,
        "restartCount": facts.restarts,
        "state": _state(facts.state),
        "lastState": _state(facts.last) if facts.last else {},
    }


def _state(state: State) -> dict[str, Any]:
    match state:
        case Waiting():
            return {"waiting": {"reason": state.reason, "message": state.message}}
        case Running():
            return {"running": {"startedAt": _text(state.since)}}
        case Ended():
            times = {"startedAt": _text(state.since), "finishedAt": _text(state.at)}
            return {"terminated": {"exitCode": state.exit_code, "reason": state.reason, **times}}


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
