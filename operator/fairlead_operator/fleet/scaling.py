"""How many proxies a fleet shall have: up at once with the calls in flight, down when less has long been enough."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairlead_operator.heard import HeardProxy
from fairlead_operator.resources.gateway import ReplicasSpec

DOWN_AFTER_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The wish of now and what it rests on: since when fewer would do, and the most that were needed since then."""

    replicas: int
    lower_since: float | None = None
    most_since: int = 0


def scale_by(scale: Scale | None, spec: ReplicasSpec, proxies: Sequence[HeardProxy], now: float) -> Scale:
    """Return the scale after hearing these proxies; `scale` None: nobody has heard them before."""
    in_flight = [proxy.report.in_flight if proxy.report else None for proxy in proxies if proxy.ready]
    return next_scale(scale or first_scale(spec, len(proxies)), spec, in_flight, now)


def first_scale(spec: ReplicasSpec, running: int) -> Scale:
    """Return where an operator that has just started begins: with what runs, so that a restart scales nothing down."""
    return Scale(_bounded(spec, running))


def next_scale(scale: Scale, spec: ReplicasSpec, in_flight: Iterable[int | None], now: float) -> Scale:
    """Return the scale after hearing how many calls each proxy carries; None is one that has not been heard.

    An unheard proxy counts as loaded to its target: silence is no reason to take proxies away.
    """
    load = sum(spec.target_in_flight if calls is None else calls for calls in in_flight)
    needed = _bounded(spec, math.ceil(load / spec.target_in_flight))
    replicas = _bounded(spec, scale.replicas)
    if needed >= replicas:
        return Scale(needed)
    if scale.lower_since is None:
        return Scale(replicas, now, needed)
    most = max(scale.most_since, needed)
    if now - scale.lower_since >= DOWN_AFTER_SECONDS:
        return Scale(most)
    return Scale(replicas, scale.lower_since, most)


def _bounded(spec: ReplicasSpec, replicas: int) -> int:
    return max(spec.min, min(spec.max, replicas))
