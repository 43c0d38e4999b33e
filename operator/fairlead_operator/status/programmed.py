"""Whether every ready proxy serves an object as it was published: acknowledged, waited for, refused or withheld."""

from collections.abc import Mapping, Sequence

from fairlead_operator.status.conditions import listed
from fairlead_operator.status.proxies import FleetView, ReadyProxy
from fairlead_operator.verdict import Reason, Ruling, Truth, Verdict

PENDING_AFTER_SECONDS = 1.0
LAGGING_AFTER_SECONDS = 3.0
PROGRAMMED = Ruling(Truth.TRUE, Reason.PROGRAMMED)


def rule_programmed(verdict: Verdict, fleets: Mapping[str, FleetView], now: float) -> Ruling | None:
    """Return the Programmed ruling of a provider or policy; None while it is too early to say anything new."""
    settled = _without_proxies(verdict)
    if settled is not None:
        return settled
    holding = [fleets[gateway] for gateway in verdict.fragments if gateway in fleets]
    if not any(fleet.ready for fleet in holding):
        return _no_proxies(holding, now)
    key = f"{verdict.ref.kind}/{verdict.ref.id}"
    refusals: list[str] = []
    laggards: list[str] = []
    served = False
    due = False
    for fleet in holding:
        digest = verdict.fragments[fleet.gateway]
        if fleet.serves_everywhere(key, digest):
            served = True
            continue
        for proxy in fleet.ready:
            if proxy.serves(key, digest):
                served = True
                continue
            late = _is_due(fleet, proxy, digest, now)
            refusal = proxy.refusal(key, digest, late=late)
            if refusal is not None:
                refusals.append(f"{proxy.name}: {refusal}")
            laggards.append(proxy.name)
            due = due or late
    return _rule(verdict, laggards, refusals, served=served, due=due)


def rule_fleet_programmed(verdict: Verdict, fleet: FleetView | None, now: float) -> Ruling | None:
    """Return the Programmed ruling of a gateway, which speaks for the whole revision; None: too early to say."""
    settled = _without_proxies(verdict)
    if settled is not None:
        return settled
    if fleet is None or not fleet.ready:
        return _no_proxies([] if fleet is None else [fleet], now)
    laggards = [proxy.name for proxy in fleet.ready if proxy.revision != fleet.revision]
    due = any(_is_behind_for_long(fleet, proxy, now) for proxy in fleet.ready)
    key, digest = f"{verdict.ref.kind}/{verdict.ref.id}", verdict.fragments[fleet.gateway]
    found = ((proxy.name, proxy.refusal(key, digest, late=due)) for proxy in fleet.ready)
    refusals = [f"{name}: {refusal}" for name, refusal in found if refusal is not None]
    return _rule(verdict, laggards, refusals, served=len(laggards) < len(fleet.ready), due=due)


def _without_proxies(verdict: Verdict) -> Ruling | None:
    """Rule on what no proxy is asked about: what is not published at all, or only in an older form."""
    if verdict.withdrawn:
        blamed = "ResolvedRefs" if verdict.accepted.truth is Truth.TRUE else "Accepted"
        return Ruling(Truth.FALSE, Reason.WITHDRAWN, f"nothing of it is served; {blamed} says why")
    if verdict.too_large:
        gateways = ", ".join(verdict.too_large)
        remedy = "make it smaller, remove other objects of this namespace, or use two gateways"
        return Ruling(Truth.FALSE, Reason.TOO_LARGE, f"no room in the snapshot of {gateways}: {remedy}")
    if not verdict.fragments:
        return Ruling(Truth.UNKNOWN, Reason.NO_GATEWAY, "no gateway holds this object")
    return None


def _no_proxies(holding: Sequence[FleetView], now: float) -> Ruling | None:
    since = max((fleet.empty_since for fleet in holding if fleet.empty_since is not None), default=None)
    if since is not None and now - since < LAGGING_AFTER_SECONDS:
        return None
    return Ruling(Truth.UNKNOWN, Reason.NO_PROXIES, "no proxy is ready")


def _rule(
    verdict: Verdict, laggards: Sequence[str], refusals: Sequence[str], *, served: bool, due: bool
) -> Ruling | None:
    if refusals:
        return Ruling(Truth.FALSE, Reason.REFUSED, f"the version before is served; {listed(refusals, '; ')}")
    if verdict.rolled_back_to is not None:
        message = f"generation {verdict.rolled_back_to} is still served; Accepted says why"
        return Ruling(Truth.FALSE, Reason.ROLLED_BACK, message)
    if not laggards:
        return PROGRAMMED
    if not due:
        return None
    if not served:
        return Ruling(Truth.FALSE, Reason.PENDING, "published; no proxy has acknowledged it yet")
    return Ruling(Truth.FALSE, Reason.PARTIAL, f"not acknowledged by {listed(laggards, ', ')}")


def _is_due(fleet: FleetView, proxy: ReadyProxy, digest: str, now: float) -> bool:
    """Say whether this proxy lacks the fragment for so long that the status must show it.

    What is new to the whole fleet is shown as pending after 1 s; one proxy that lags, or has just come, after 3 s.
    """
    published = fleet.published_at.get(digest, now)
    heard_before = proxy.revision != "" and proxy.since <= published
    new_to_all = heard_before and not any(digest in other.acknowledged for other in fleet.ready)
    limit = PENDING_AFTER_SECONDS if new_to_all else LAGGING_AFTER_SECONDS
    return now - max(published, proxy.since) >= limit


def _is_behind_for_long(fleet: FleetView, proxy: ReadyProxy, now: float) -> bool:
    """Say whether a proxy lacks the revision for so long that the gateway must show it; one never heard may have it."""
    if proxy.revision == fleet.revision or fleet.behind_since is None:
        return False
    if not proxy.revision:
        return now - proxy.since >= LAGGING_AFTER_SECONDS
    return now - fleet.behind_since >= PENDING_AFTER_SECONDS
