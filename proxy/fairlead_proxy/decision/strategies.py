"""In which order the targets of a rule are tried."""

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from fairlead_proxy.contract.linked import LinkedTarget
from fairlead_proxy.contract.names import Strategy

Item = TypeVar("Item")
Ordering = Callable[[Sequence[LinkedTarget], Random], list[LinkedTarget]]


def by_priority(targets: Sequence[LinkedTarget], rng: Random) -> list[LinkedTarget]:
    """Lower priority first; within one level a draw by weight."""
    levels = sorted({linked.target.priority for linked in targets})
    ordered: list[LinkedTarget] = []
    for level in levels:
        ordered.extend(by_weight([linked for linked in targets if linked.target.priority == level], rng))
    return ordered


def by_weight(targets: Sequence[LinkedTarget], rng: Random) -> list[LinkedTarget]:
    """One draw by weight without replacement, whatever the priorities."""
    return draw(targets, [linked.target.weight for linked in targets], rng)


STRATEGIES: dict[Strategy, Ordering] = {Strategy.PRIORITY: by_priority, Strategy.WEIGHTED: by_weight}


def draw(items: Sequence[Item], weights: Sequence[int], rng: Random) -> list[Item]:
    """Return all items in the order of a draw without replacement. An item of weight 0 comes after all others.

    Each item gets the key -ln(u)/weight; the smallest goes first. Source: Efraimidis and Spirakis, 2006.
    """
    if len(items) < 2:
        return list(items)
    keys = [rng.expovariate(weight) if weight > 0 else float("inf") for weight in weights]
    return [items[position] for position in sorted(range(len(items)), key=keys.__getitem__)]
