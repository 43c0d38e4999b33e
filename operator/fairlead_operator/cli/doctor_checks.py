"""What `fairlead doctor` makes of the objects it has read: the Lease, the watches, fleets, proxies and fragments."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fairlead_operator.cli.columns import human_age
from fairlead_operator.cli.diagnosis import Finding, Level, Unread
from fairlead_operator.cli.object_facts import (
    NOT_LOOKED_AT,
    Content,
    condition_status,
    condition_words,
    id_of,
    is_stale,
    name_of,
    namespace_of,
    seconds_of,
    status_in,
    why_not_ready,
)
from fairlead_operator.cluster.kubernetes_nudging import NUDGE_ANNOTATION
from fairlead_operator.cluster.kubernetes_pods import pods_of
from fairlead_operator.handlers.watch_age import END_AFTER_SECONDS, RELIST_AFTER_SECONDS
from fairlead_operator.status.conditions import conditions_of

SKEW_SECONDS = 5.0
"""How far a clock may be ahead of ours before that is worth a word."""

SHOWN = 10
OPERATOR_LOG = "see the operator's log"


def check_lease(lease: Content | Unread | None, namespace: str, now: float) -> Finding:
    """Return who leads, and whether it still does; `now` in Unix seconds on this machine's clock."""
    what = "lease of the operator"
    if isinstance(lease, Unread):
        return Finding.unread(what, lease)
    if lease is None:
        remedy = "install the chart, or say where it is: --operator-namespace NS"
        return Finding(Level.FAIL, what, f"there is none in namespace {namespace}: no operator leads", remedy)
    holder = holder_of(lease)
    if not holder:
        return Finding(Level.FAIL, what, "the last holder gave it up: no operator leads", OPERATOR_LOG)
    spec = lease.get("spec") or {}
    renewed = seconds_of(spec.get("renewTime"))
    if renewed is None:
        return Finding(Level.FAIL, what, f"{holder} holds it and has never renewed it", OPERATOR_LOG)
    age, promised = now - renewed, float(spec.get("leaseDurationSeconds") or 0)
    if age < -SKEW_SECONDS:
        why = f"{holder} holds it; its clock is {-age:.0f} s ahead of this machine's"
        return Finding(Level.WARN, what, why, "set the clocks: ages here are wrong by as much")
    if age > promised:
        why = f"{holder} has not renewed it for {human_age(age)}; it promised to within {promised:.0f} s"
        return Finding(Level.FAIL, what, why, OPERATOR_LOG)
    return Finding(Level.OK, what, f"{holder} holds it, and renewed it {human_age(age)} ago")


def holder_of(lease: Content) -> str:
    """Return who holds a Lease: the operator's `pod_random`; empty for nobody."""
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def check_watch_age(age: float | Unread) -> Finding:
    """Return whether the operator sees what the API server lists; `age` in seconds, as its metrics tell it."""
    what = "watches of the operator"
    if isinstance(age, Unread):
        return Finding.unread(what, age)
    if age >= RELIST_AFTER_SECONDS:
        level = Level.FAIL if age >= END_AFTER_SECONDS else Level.WARN
        why = f"for {human_age(age)} it has held something otherwise than the API server lists it"
        return Finding(level, what, why, f"it lists again by itself; {OPERATOR_LOG}")
    return Finding(Level.OK, what, f"behind for {age:.0f} s")


def check_fleet(gateway: Content) -> Finding:
    """Return how many proxies of a gateway serve its revision, by its status."""
    what = f"fleet {id_of(gateway)}"
    status = status_in(gateway)
    if not status:
        return Finding(Level.FAIL, what, NOT_LOOKED_AT, "see the lease; is this namespace one of gatewayNamespaces?")
    if condition_status(gateway, "Accepted") == "False":
        return Finding(Level.FAIL, what, condition_words(gateway, "Accepted"), "correct the ModelGateway")
    if is_stale(gateway):
        return Finding(Level.WARN, what, "its status speaks of an older generation", f"look again; {OPERATOR_LOG}")
    proxies = status.get("proxies") or {}
    total, ready, programmed = (int(proxies.get(each) or 0) for each in ("total", "ready", "programmed"))
    if not ready:
        why = f"none of {total} proxies is ready"
        return Finding(Level.FAIL, what, why, f"kubectl describe pods -n {namespace_of(gateway)}")
    if condition_status(gateway, "Programmed") != "True" or programmed < ready:
        level = Level.FAIL if condition_status(gateway, "Programmed") == "False" else Level.WARN
        words = condition_words(gateway, "Programmed")
        why = f"{programmed} of {ready} ready proxies serve {status.get('revision')}; {words}"
        return Finding(level, what, why, f"look again; {OPERATOR_LOG}")
    why = f"{programmed} of {ready} ready proxies serve {status.get('revision')}"
    if ready < total:
        return Finding(Level.WARN, what, f"{why}; {total - ready} of {total} are not ready", "see the proxies below")
    return Finding(Level.OK, what, why)


def check_snapshot(gateway: Content, published: str | Unread | None) -> Finding:
    """Return whether what is published is what the status speaks of; `published` None: nothing is."""
    what = f"snapshot {id_of(gateway)}"
    if isinstance(published, Unread):
        return Finding.unread(what, published)
    told = str(status_in(gateway).get("revision") or "")
    if published is None:
        return Finding(Level.FAIL, what, "nothing is published", f"the fleet above says why, or {OPERATOR_LOG}")
    if published != told:
        why = f"{published} is published, the status speaks of {told or 'none'}"
        return Finding(Level.WARN, what, why, f"look again; {OPERATOR_LOG}")
    return Finding(Level.OK, what, f"{published} is published")


def check_proxies(gateway: Content, pods: Sequence[Content] | Unread, now: float) -> Iterator[Finding]:
    """Yield each proxy: whether it is ready, and whether it has acknowledged, which status and nudges tell."""
    if isinstance(pods, Unread):
        yield Finding.unread(f"proxies of {id_of(gateway)}", pods)
        return
    status = status_in(gateway)
    revision = str(status.get("revision") or "")
    programmed = conditions_of(status).get("Programmed") or {}
    message = str(programmed.get("message") or "")
    whole = programmed.get("status") == "True" and not is_stale(gateway)
    by_name = {name_of(pod): pod for pod in pods}
    for proxy in pods_of(name_of(gateway), pods):
        what = f"proxy {namespace_of(gateway)}/{proxy.name}"
        nudged = _nudged(by_name[proxy.name], now)
        if not proxy.ready:
            remedy = f"kubectl describe pod {proxy.name} -n {namespace_of(gateway)}"
            yield Finding(Level.WARN, what, "it is not ready", remedy)
        elif whole:
            yield Finding(Level.OK, what, f"serves {revision}{nudged}")
        elif proxy.name in message:
            why = f"has not acknowledged {revision}{nudged}"
            yield Finding(Level.FAIL, what, why, f"kubectl logs {proxy.name} -n {namespace_of(gateway)}")
        else:
            yield Finding(
                Level.UNKNOWN, what, f"status does not tell whether it serves {revision}{nudged}", "look again"
            )


def check_fragments(contents: Sequence[Content] | Unread, kinds: str) -> Iterator[Finding]:
    """Yield the objects that are not in force as they are written; one line where all are."""
    what = f"fragments of {kinds}"
    if isinstance(contents, Unread):
        yield Finding.unread(what, contents)
        return
    lagging = [
        content for content in contents if condition_status(content, "Programmed") != "True" or is_stale(content)
    ]
    if not lagging:
        yield Finding(Level.OK, what, f"all {len(contents)} are acknowledged by every ready proxy")
    for content in lagging[:SHOWN]:
        refused = condition_status(content, "Programmed") == "False"
        why = why_not_ready(content) or condition_words(content, "Programmed")
        why = "its status speaks of an older generation" if is_stale(content) else why
        yield Finding(
            Level.FAIL if refused else Level.WARN,
            f"fragment {content['kind']} {id_of(content)}",
            why,
            f"kubectl describe {str(content['kind']).lower()} {name_of(content)} -n {namespace_of(content)}",
        )
    if len(lagging) > SHOWN:
        yield Finding(Level.WARN, what, f"{len(lagging) - SHOWN} more are not in force", "fairlead status")


def check_standalone(held: bool, problems: Iterable[str]) -> Iterator[Finding]:
    """Yield whether a run holds its state directory, and each file that it could not take."""
    if held:
        yield Finding(Level.OK, "the run", "it holds its state directory")
    else:
        yield Finding(Level.FAIL, "the run", "nobody holds the state directory", "start fairlead run")
    for problem in problems:
        yield Finding(Level.FAIL, "a file", f"not in force: {problem}", "correct it: the run reads it again")


def _nudged(pod: Content, now: float) -> str:
    """Return when the operator last had the kubelet refresh this pod; the mark is `revision-milliseconds`."""
    annotations: Mapping[str, Any] = pod["metadata"].get("annotations") or {}
    moment = str(annotations.get(NUDGE_ANNOTATION) or "").rpartition("-")[2]
    return f", nudged {human_age(now - int(moment) / 1000)} ago" if moment.isdecimal() else ""
