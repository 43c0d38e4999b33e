"""Whether the last call has left a provider that is draining, as its proxies tell."""

from collections.abc import Mapping

from fairlead_operator.status.conditions import listed
from fairlead_operator.status.proxies import FleetView
from fairlead_operator.verdict import Reason, Ruling, Truth, Verdict


def rule_drained(verdict: Verdict, fleets: Mapping[str, FleetView]) -> Ruling | None:
    """Return the Drained ruling of a provider; None where it is not draining, or nothing of it is served.

    No attempt begins at a proxy that has acknowledged it, so what it then tells of as under way only becomes less.
    """
    if not verdict.draining or not verdict.fragments:
        return None
    key = f"{verdict.ref.kind}/{verdict.ref.id}"
    holding = [(fleets[gateway], digest) for gateway, digest in verdict.fragments.items() if gateway in fleets]
    proxies = sum(fleet.total for fleet, _ in holding)
    if not proxies:
        return Ruling(Truth.UNKNOWN, Reason.NO_PROXIES, "no proxy tells whether a call is under way")
    if any(fleet.ready and not fleet.serves_everywhere(key, digest) for fleet, digest in holding):
        return Ruling(Truth.FALSE, Reason.PENDING, "not every proxy knows of it yet; Programmed names them")
    unaware = [name for fleet, _ in holding for name in fleet.unaware]
    if unaware:
        why = f"proxies on their way out may hold calls, and do not know of it: {listed(unaware, ', ')}"
        return Ruling(Truth.FALSE, Reason.PENDING, why)
    calling = sum(len(fleet.calling.get(verdict.ref.id, ())) for fleet, _ in holding)
    if calling:
        return Ruling(Truth.FALSE, Reason.IN_FLIGHT, f"calls are under way at {calling} of {proxies} proxies")
    unheard = [name for fleet, _ in holding for name in fleet.unheard]
    if unheard:
        return Ruling(Truth.UNKNOWN, Reason.STALE, f"not heard of late: {listed(unheard, ', ')}")
    return Ruling(Truth.TRUE, Reason.DRAINED, "no call is under way, and none is sent there")
