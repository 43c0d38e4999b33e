"""What changes between two routings: per tenant and virtual model, in words; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import Protocol

from fairlead_operator.cli.routing import EffectiveRule, Facts, Offer, Place, Routing


class ChangeKind(StrEnum):
    MODEL_NEW = "ModelNew"
    MODEL_GONE = "ModelGone"
    RULE_NEW = "RuleNew"
    RULE_GONE = "RuleGone"
    RULE_ORDER = "RuleOrder"
    MATCH = "Match"
    TARGET = "Target"
    RESILIENCE = "Resilience"
    PROVIDER = "Provider"
    GATEWAY = "Gateway"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `was` or `is_now` empty: it was or is not there. `why`: what made a thing go, where that shows.

    `namespace` and `model` are empty where it concerns a whole gateway, `rule` where it concerns no rule.
    """

    kind: ChangeKind
    gateway: str
    namespace: str = ""
    model: str = ""
    rule: str = ""
    what: str = ""
    was: str = ""
    is_now: str = ""
    why: str = ""

    def __str__(self) -> str:
        about = f"{self.namespace}/{self.model}" if self.model else f"gateway {self.gateway}"
        about = f"{about} rule {self.rule}" if self.rule else about
        why = f" ({self.why})" if self.why else ""
        match self.kind:
            case ChangeKind.MODEL_NEW:
                return f"{about}: is new, offered by the gateway {self.gateway}: {self.is_now}"
            case ChangeKind.MODEL_GONE:
                return f"{about}: is no longer offered by the gateway {self.gateway}{why}"
            case ChangeKind.RULE_NEW:
                return f"{about}: is new: {self.is_now}"
            case ChangeKind.RULE_GONE:
                return f"{about}: is gone; it was: {self.was}{why}"
            case _:
                return f"{about}: {self.what} {self._became()}{why}"

    def _became(self) -> str:
        if not self.was:
            return f"is new: {self.is_now}"
        return f"was {self.was}, is {self.is_now or 'gone'}"

    def as_json(self) -> dict[str, str]:
        told = {
            "kind": self.kind.value,
            "gateway": self.gateway,
            "namespace": self.namespace,
            "model": self.model,
            "rule": self.rule,
            "what": self.what,
            "was": self.was,
            "is": self.is_now,
            "why": self.why,
        }
        return {name: value for name, value in told.items() if value}


class Cause(Protocol):
    """Says why something of the old routing is not in the new one; empty where its policy does not ask for it now."""

    def of_offer(self, offer: Offer, policy: str) -> str: ...

    def of_target(self, offer: Offer, policy: str, target: str) -> str: ...


def changes_between(old: Routing, new: Routing, cause: Cause) -> list[Change]:
    """Return every difference, by tenant and model; gateways last. What has no effect makes none: names of rules and
    policies, the order of fields and of targets in one place, priorities and weights in the same proportions, rules
    that no call reaches, and prices.
    """
    changes: list[Change] = []
    for offer in sorted(old.rules.keys() | new.rules.keys()):
        changes.extend(_Comparison(offer, old, new, cause).changes())
    for gateway in sorted(old.gateways.keys() & new.gateways.keys()):
        facts = _different(old.gateways[gateway], new.gateways[gateway])
        changes.extend(Change(ChangeKind.GATEWAY, gateway, what=name, was=was, is_now=now) for name, was, now in facts)
    return changes


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One virtual model of one tenant, before and after."""

    offer: Offer
    old: Routing
    new: Routing
    cause: Cause

    def changes(self) -> Iterator[Change]:
        before, after = self.old.rules.get(self.offer), self.new.rules.get(self.offer)
        if before is None:
            yield self._change(ChangeKind.MODEL_NEW, is_now="; ".join(map(_named_rule, after or ())) or "no rule")
        elif after is None:
            why = self.cause.of_offer(self.offer, self.old.policies[self.offer])
            yield self._change(ChangeKind.MODEL_GONE, why=why)
        else:
            yield from self._of_rules(before, after)
            yield from self._of_providers(_targets_of(before) & _targets_of(after))

    def _of_rules(self, before: tuple[EffectiveRule, ...], after: tuple[EffectiveRule, ...]) -> Iterator[Change]:
        pairs = _pairs(before, after)
        paired, kept = {id(one) for one, _ in pairs}, {id(other) for _, other in pairs}
        for rule in before:
            if id(rule) not in paired:
                yield self._change(ChangeKind.RULE_GONE, rule.name, was=_shown_rule(rule))
        for rule in after:
            if id(rule) not in kept:
                yield self._change(ChangeKind.RULE_NEW, rule.name, is_now=_shown_rule(rule))
        was = [other.name for one in before for first, other in pairs if first is one]
        now = [other.name for _, other in pairs]
        if was != now:
            yield self._change(ChangeKind.RULE_ORDER, what="order of rules", was=", ".join(was), is_now=", ".join(now))
        for one, other in pairs:
            if one.calls != other.calls:
                calls = (" | ".join(one.calls), " | ".join(other.calls))
                yield self._change(ChangeKind.MATCH, other.name, "match", *calls)
            yield from self._of_places(other.name, one.places, other.places)
            for name, a, b in _different(one.resilience, other.resilience):
                yield self._change(ChangeKind.RESILIENCE, other.name, name, a, b)

    def _of_places(self, rule: str, before: tuple[Place, ...], after: tuple[Place, ...]) -> Iterator[Change]:
        still = {share.target for place in after for share in place}
        for number, (was, now) in enumerate(zip_longest(before, after, fillvalue=()), 1):
            if was != now:
                gone = [share.target for share in was if share.target not in still]
                why = "; ".join(filter(None, (self._why_gone(target) for target in gone)))
                what = f"target {number}"
                yield self._change(ChangeKind.TARGET, rule, what, _shown_place(was), _shown_place(now), why)

    def _why_gone(self, target: str) -> str:
        return self.cause.of_target(self.offer, self.old.policies[self.offer], target)

    def _of_providers(self, targets: frozenset[str]) -> Iterator[Change]:
        for target in sorted(targets):
            key = self.offer.gateway, target
            for name, a, b in _different(self.old.targets.get(key, {}), self.new.targets.get(key, {})):
                yield self._change(ChangeKind.PROVIDER, "", f"{name} of {target}", a, b)

    def _change(
        self, kind: ChangeKind, rule: str = "", what: str = "", was: str = "", is_now: str = "", why: str = ""
    ) -> Change:
        offer = self.offer
        return Change(kind, offer.gateway, offer.namespace, offer.model, rule, what, was, is_now, why)


def _pairs(
    before: tuple[EffectiveRule, ...], after: tuple[EffectiveRule, ...]
) -> list[tuple[EffectiveRule, EffectiveRule]]:
    """Return which rule became which, in the order of the new ones: by name, else by being the same in effect."""
    by_name = {rule.name: rule for rule in before}
    names = {rule.name for rule in after}
    left = [rule for rule in before if rule.name not in names]
    pairs = []
    for rule in after:
        one = by_name.get(rule.name) or next((each for each in left if each.effect == rule.effect), None)
        if one is not None:
            pairs.append((one, rule))
            left = [each for each in left if each is not one]
    return pairs


def _targets_of(rules: Iterable[EffectiveRule]) -> frozenset[str]:
    return frozenset(share.target for rule in rules for place in rule.places for share in place)


def _shown_rule(rule: EffectiveRule) -> str:
    places = ", then ".join(map(_shown_place, rule.places)) or "no target"
    return f"{' | '.join(rule.calls)} to {places}"


def _named_rule(rule: EffectiveRule) -> str:
    return f"rule {rule.name}: {_shown_rule(rule)}"


def _shown_place(place: Place) -> str:
    whole = sum(share.weight for share in place)
    shares = []
    for share in place:
        part = f" {share.weight} of {whole}" if len(place) > 1 else ""
        shares.append(f"{share.target}{part}{f' ({share.state})' if share.state else ''}")
    return " + ".join(shares)


def _different(old: Facts, new: Facts) -> Iterator[tuple[str, str, str]]:
    """Yield each setting that differs, with what it was and what it is; empty where it is not there."""
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name, ""), new.get(name, "")
        if was != now:
            yield name, was, now
