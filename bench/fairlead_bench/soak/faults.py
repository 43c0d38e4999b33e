"""What goes wrong with providers in a soak, what each fault may make of an attempt, and when which is next."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

REST_SECONDS = 5.0
"""How long a provider is left alone after a fault: its cooldown is over by then, so that the next one is felt."""
LASTS_SECONDS = (2.0, 5.0)
PAUSE_SECONDS = (1.0, 3.0)
SLACK_SECONDS = 0.5
"""How much later than a fault's end its last attempt may begin: what was sent meanwhile was on its way."""

_WAITS = frozenset({"Timeout", "FirstTokenTimeout"})


@dataclass(frozen=True, slots=True)
class Fault:
    """`script` is what the provider is told (fields of its Script); `outcomes`: the failure classes it explains."""

    script: Mapping[str, Any]
    outcomes: frozenset[str]


def _behaving(kind: str, outcomes: Sequence[str] | frozenset[str], **more: Any) -> Fault:
    return Fault({"behaviour": {"kind": kind, **more}}, frozenset(outcomes))


def _status(status: int, *outcomes: str, **headers: str) -> Fault:
    return _behaving("status", outcomes, status=status, headers={_dashed(name): headers[name] for name in headers})


def _dashed(name: str) -> str:
    return name.replace("_", "-")


FAULTS: dict[str, Fault] = {
    # A connection that is closed under a call looks like no connection, or like a cut answer.
    "down": Fault({"down": True}, frozenset({"Unreachable", "StreamBroken"})),
    "reset": _behaving("reset", ["Unreachable"]),
    "hang": _behaving("hang", _WAITS),
    "429 with Retry-After": _status(429, "RateLimited", retry_after="2"),
    "429": _status(429, "RateLimited"),
    "500": _status(500, "ServerError"),
    # Amazon knows no such status; the scripted Bedrock calls it an InternalServerException.
    "529": _status(529, "Overloaded", "ServerError"),
    "cut stream": _behaving("cut_after", ["StreamBroken"], before_tokens=3),
    "reset stream": _behaving("reset_after", ["StreamBroken"], before_tokens=5),
    "ended stream": _behaving("end_after", ["StreamBroken"], before_tokens=4),
    "cut body": _behaving("cut_body", ["StreamBroken"]),
    "stalled stream": _behaving("stall_after", ["StreamStalled", *_WAITS], before_tokens=2),
    "stalled body": _behaving("stall_in_body", ["StreamStalled", *_WAITS]),
    # In the middle of a stream some vendors name what a status would have said.
    "error in stream": _behaving("error_after", ["ErrorInStream", "ServerError"], before_tokens=2),
    "error first": _behaving("error_first", ["ErrorInStream", "ServerError"]),
    "html": _behaving("html", ["MalformedResponse"]),
    "gzip bomb": _behaving("bomb", ["MalformedResponse"]),
    "slow head": _behaving("slow_head", _WAITS, pace=0.5),
}


WORST = ("slow head", "stalled stream", "hang")
"""What fills a gateway most: calls that wait with all that they asked, and those that wait in the middle of an answer.

With every provider struck there are soon as many calls under way as the callers make at once.
"""
WORST_SECONDS = 9.0
"""How long each of these lasts: three tries of 3 s, so that calls wait at the last of their targets, too."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault to come; seconds count from the schedule's start."""

    fault: str
    providers: tuple[str, ...]
    begins: float
    ends: float


@dataclass(slots=True)
class Injection:
    """A fault at one provider, in Unix seconds. `felt`: attempts that it has failed, as the proxy counts them."""

    fault: str
    provider: str
    began: float
    ended: float = math.inf
    felt: int = 0

    def explains(self, provider: str, outcome: str, began: float, ended: float) -> bool:
        """Say whether this made the provider fail so in an attempt that lasted from `began` to `ended`."""
        meets = began <= self.ended + SLACK_SECONDS and ended >= self.began - SLACK_SECONDS
        return provider == self.provider and meets and outcome in FAULTS[self.fault].outcomes


@dataclass(slots=True)
class History:
    """The faults so far."""

    injections: list[Injection] = field(default_factory=list)

    def explains(self, provider: str, outcome: str, began: float, ended: float) -> bool:
        return any(each.explains(provider, outcome, began, ended) for each in reversed(self.injections))

    def met(self, provider: str, began: float, ended: float) -> bool:
        """Say whether something was wrong with the provider at any time between these two."""
        return any(
            each.provider == provider and each.began <= ended and began <= each.ended for each in self.injections
        )

    def wave(self, provider: str, began: float, ended: float, *, patience_seconds: float) -> bool:
        """Say whether between these two came the calls that had waited at another provider in vain.

        They come all at once, as the gateway gives that one up: many more than this one gets else, and too many for it
        to answer each as soon as usual. The last ones come when they have waited as long as a try may last.
        """
        return any(
            each.provider != provider and each.began <= ended and began <= each.ended + patience_seconds
            for each in self.injections
            if FAULTS[each.fault].outcomes >= _WAITS
        )


def plan_faults(
    providers: Sequence[str], seconds: float, seed: int, *, worst_until: float | None = None
) -> list[Planned]:
    """Return what happens in so many seconds: every fault comes once before any comes again.

    `worst_until`: before this second WORST strike all providers at once, one after the other.
    """
    rng, planned = Random(seed), list[Planned]()
    rested = dict.fromkeys(providers, 0.0)
    now, deck = PAUSE_SECONDS[0], list[str]()
    worst = math.inf if worst_until is None else worst_until - len(WORST) * (WORST_SECONDS + REST_SECONDS)
    while True:
        deck = deck or rng.sample(list(FAULTS), len(FAULTS))
        ends = now + rng.uniform(*LASTS_SECONDS)
        if ends + REST_SECONDS > worst:
            for fault in WORST:
                planned.append(Planned(fault, tuple(providers), worst, worst + WORST_SECONDS))
                worst += WORST_SECONDS + REST_SECONDS
            now, worst = worst, math.inf
            continue
        if ends > seconds:
            return planned
        able = [name for name in providers if rested[name] <= now]
        struck = tuple(rng.sample(able, min(len(able), rng.choice((1, 1, 2)))))
        if struck:
            planned.append(Planned(deck.pop(), struck, now, ends))
            rested |= dict.fromkeys(struck, ends + REST_SECONDS)
        now = ends + rng.uniform(*PAUSE_SECONDS)
