"""What each proxy of a fleet does for the others: whom it probes, and which cooldowns and costs it learns from them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from fairlead_operator.heard import HeardProxy
from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import EJECTING_CLASSES, BreakerState, ProbeMode
from fairlead_proxy.contract.probe_cost import merge_costs
from fairlead_proxy.contract.report import Cooldown, Duties, Observation

TTL_SECONDS = 30.0


def duties_of(providers: Iterable[Provider], proxies: Sequence[HeardProxy]) -> Mapping[str, Duties]:
    """Return the duties of every ready proxy, by name.

    Only what holds for the whole account is shared (a limit, a quota, a key, a model): a proxy that alone fails to
    connect must not talk the others out of a provider that is well.
    """
    heard = [proxy for proxy in proxies if proxy.ready]
    ready = [proxy.name for proxy in heard]
    probing = elect(providers, ready)
    ailing = _ailing_credentials(heard)
    shared = _shared_cooldowns(heard)
    lifted = _lifted_cooldowns(heard)
    probe_costs = merge_costs(proxy.report.probe_costs for proxy in proxies if proxy.report)
    clocks = {proxy.name: proxy.ahead_seconds for proxy in heard}
    return {
        name: Duties(
            probe=probing.get(name, ()),
            ailing=tuple(key for provider in probing.get(name, ()) for key in ailing.get(provider, ())),
            cooldowns=tuple(_told_to(ahead, cooldown) for origin, cooldown in (*shared, *lifted) if origin != name),
            replicas=len(ready),
            ttl_seconds=TTL_SECONDS,
            probe_costs=probe_costs,
        )
        for name, ahead in clocks.items()
    }


def elect(providers: Iterable[Provider], ready: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return which proxy probes which providers: each provider goes to one, and moves only if that one leaves.

    Source: rendezvous hashing, Thaler and Ravishankar, 1998.
    """
    probing: dict[str, list[str]] = {}
    if not ready:
        return {}
    for provider in providers:
        if provider.active.mode is not ProbeMode.NONE:
            chosen = max(ready, key=lambda name: hashlib.sha256(f"{provider.id} {name}".encode()).digest())
            probing.setdefault(chosen, []).append(provider.id)
    return {name: tuple(sorted(ids)) for name, ids in probing.items()}


def _ailing_credentials(heard: Iterable[HeardProxy]) -> dict[str, tuple[str, ...]]:
    """Return, by provider, the credentials of which some breaker is open that an answered probe would end.

    The prober may be well itself: then only this tells it that others wait for the next probe.
    """
    ailing: dict[str, set[str]] = {}
    for proxy in heard:
        for observed in _observations(proxy):
            if observed.breaker is BreakerState.OPEN and not observed.retry_after:
                ailing.setdefault(observed.provider, set()).add(f"{observed.provider}/{observed.credential}")
    return {provider: tuple(sorted(keys)) for provider, keys in ailing.items()}


def _told_to(ahead_seconds: float, cooldown: Cooldown) -> Cooldown:
    """Return a cooldown by the clock of the proxy that it is told to."""
    if not ahead_seconds:
        return cooldown
    return msgspec.structs.replace(cooldown, until=cooldown.until + ahead_seconds)


def _shared_cooldowns(heard: Iterable[HeardProxy]) -> list[tuple[str, Cooldown]]:
    """Return, with the proxy that learnt it, the longest cooldown of each cell that concerns the account."""
    longest: dict[tuple[str, str, str, str], tuple[str, Cooldown]] = {}
    for proxy in heard:
        for observed in _observations(proxy):
            reason, until = observed.reason, observed.until
            if observed.breaker is not BreakerState.OPEN or reason not in EJECTING_CLASSES or until is None:
                continue
            cooldown = Cooldown(
                provider=observed.provider,
                credential=observed.credential,
                model=observed.model,
                mode=observed.mode,
                reason=reason,
                until=until - proxy.ahead_seconds,
                retry_after=observed.retry_after,
            )
            cell = (cooldown.provider, cooldown.credential, cooldown.model, cooldown.mode)
            if cell not in longest or longest[cell][1].until < cooldown.until:
                longest[cell] = (proxy.name, cooldown)
    return [longest[cell] for cell in sorted(longest)]


def _lifted_cooldowns(heard: Sequence[HeardProxy]) -> list[tuple[str, Cooldown]]:
    """Return the cooldowns that a later good probe ends; each carries the prober's name, which needs no telling."""
    answered: dict[tuple[str, str], tuple[str, float]] = {}
    for proxy in heard:
        for probe in proxy.report.probes if proxy.report else ():
            at = probe.at - proxy.ahead_seconds
            if probe.reason is None and answered.get((probe.provider, probe.credential), ("", 0.0))[1] < at:
                answered[probe.provider, probe.credential] = (proxy.name, at)
    lifted: dict[tuple[str, str, str, str], tuple[str, Cooldown]] = {}
    for proxy in heard:
        for observed in _observations(proxy):
            prober, at = answered.get((observed.provider, observed.credential), ("", 0.0))
            if prober and prober != proxy.name and _ends(observed, at + proxy.ahead_seconds):
                cooldown = _lift(observed, at)
                lifted[cooldown.provider, cooldown.credential, cooldown.model, cooldown.mode] = (prober, cooldown)
    return [lifted[cell] for cell in sorted(lifted)]


def _observations(proxy: HeardProxy) -> tuple[Observation, ...]:
    return proxy.report.observations if proxy.report else ()


def _ends(observed: Observation, probed_at: float) -> bool:
    """Say whether a good probe at that instant, on the observer's clock, is news to an open breaker."""
    return (
        observed.breaker is BreakerState.OPEN
        and not observed.retry_after
        and observed.reason is not None
        and (observed.last_attempt or 0.0) < probed_at
    )


def _lift(observed: Observation, at: float) -> Cooldown:
    assert observed.reason is not None
    return Cooldown(
        provider=observed.provider,
        credential=observed.credential,
        model=observed.model,
        mode=observed.mode,
        reason=observed.reason,
        until=at,
    )
