"""Effective routing: which targets calls for a virtual model meet, without anything that has no effect."""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic.alias_generators import to_camel

from fairlead_operator.compiler.compile import Compilation, CompiledGateway
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.verdict import RuleView
from fairlead_proxy.contract.config import Gateway, Match, Policy, Provider, Resilience, Rule
from fairlead_proxy.contract.names import Strategy

Facts = Mapping[str, str]
"""Settings by their names as YAML has them, as text."""

ANY_CALL = "every call"

_NOT_OF_GATEWAYS = ("id", "tenants", "defaults", "key_selector", "decision_ring")
_NOT_OF_PROVIDERS = ("id", "consumers", "models", "failure_domain", "maintenance", "ca_secret", "ca_pem")
_NOT_OF_MODELS = ("price",)


@dataclass(frozen=True, slots=True)
class Share:
    """A target with its share of the calls that reach its place: `weight` of the sum of all weights there.

    `state`: why it cannot serve now; empty: it can.
    """

    target: str
    weight: int
    state: str = ""

    @property
    def provider(self) -> str:
        return self.target.rpartition("/")[0]


Place = tuple[Share, ...]
"""Targets among which a draw decides; the next place is tried when all of them have failed."""


@dataclass(frozen=True, slots=True)
class EffectiveRule:
    """One rule as the callers of one virtual model meet it. `calls`: which of their calls it takes, any of these."""

    name: str
    calls: tuple[str, ...]
    places: tuple[Place, ...]
    resilience: Facts

    @property
    def effect(self) -> object:
        """All of it but its name."""
        return self.calls, self.places, self.resilience


@dataclass(frozen=True, slots=True, order=True)
class Offer:
    """A virtual model that a gateway offers to a namespace."""

    namespace: str
    model: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Routing:
    """What all gateways of a set of files would do. `policies`: by offer, the id of the policy that makes it.

    `providers`: by gateway and written form of a target, what decides how it is called; of those in use only.
    """

    rules: Mapping[Offer, tuple[EffectiveRule, ...]]
    policies: Mapping[Offer, str]
    gateways: Mapping[str, Facts]
    targets: Mapping[tuple[str, str], Facts]


def routing_of(compilation: Compilation) -> Routing:
    """Return the routing of everything that these gateways would load."""
    rules: dict[Offer, tuple[EffectiveRule, ...]] = {}
    policies: dict[Offer, str] = {}
    gateways: dict[str, Facts] = {}
    targets: dict[tuple[str, str], Facts] = {}
    for gateway in compilation.gateways.values():
        documents = [fragment.read() for fragment in gateway.fragments]
        for document in documents:
            if isinstance(document, Gateway):
                gateways[gateway.id] = _facts(document, _NOT_OF_GATEWAYS)
            if isinstance(document, Policy):
                states = _states(compilation, document)
                for model in document.models:
                    offer = Offer(document.namespace, model, gateway.id)
                    policies[offer] = document.id
                    rules[offer] = tuple(_rules_for(model, document.rules, states))
        targets.update(_targets(gateway))
    return Routing(rules, policies, gateways, targets)


def _rules_for(model: str, rules: Iterable[Rule], states: Mapping[tuple[str, str], str]) -> Iterable[EffectiveRule]:
    """Yield the rules that calls for a model can reach: those behind a rule that takes every call are never tried."""
    for rule in rules:
        calls = {_call(entry) for entry in rule.match if not entry.models or model in entry.models}
        if rule.match and not calls:
            continue
        every = not rule.match or ANY_CALL in calls
        yield EffectiveRule(
            rule.name, (ANY_CALL,) if every else tuple(sorted(calls)), _places(rule, states), _resilience(rule)
        )
        if every:
            return


def _call(entry: Match) -> str:
    """Return what an entry asks of a call, beside its model."""
    asked = [f"header {name}={value}" for name, value in sorted(entry.headers.items())]
    if entry.operations:
        asked.append(f"operation {' or '.join(sorted(entry.operations))}")
    if entry.prompt_tokens_min:  # 0 asks for nothing
        asked.append(f"at least {entry.prompt_tokens_min} prompt tokens")
    if entry.prompt_tokens_max is not None:
        asked.append(f"at most {entry.prompt_tokens_max} prompt tokens")
    if entry.intents:
        asked.append(f"intent {' or '.join(sorted(entry.intents))}")
    return ", ".join(asked) or ANY_CALL


def _places(rule: Rule, states: Mapping[tuple[str, str], str]) -> tuple[Place, ...]:
    """Return the targets in order of trial. Only the order of priorities counts, and only the ratio of weights."""
    levels: dict[int, list[Share]] = {}
    for target in rule.targets:
        level = target.priority if rule.strategy is Strategy.PRIORITY else 0
        share = Share(str(target), target.weight, states.get((rule.name, str(target)), ""))
        levels.setdefault(level, []).append(share)
    return tuple(_reduced(levels[level]) for level in sorted(levels))


def _reduced(shares: list[Share]) -> Place:
    divisor = math.gcd(*(share.weight for share in shares))
    ordered = sorted(shares, key=lambda share: share.target)
    return tuple(Share(share.target, share.weight // divisor, share.state) for share in ordered)


def _states(compilation: Compilation, policy: Policy) -> dict[tuple[str, str], str]:
    """Return, by rule and target, why a target that is accepted cannot serve."""
    namespace, _, name = policy.id.partition("/")
    views: tuple[RuleView, ...] = compilation.verdicts[ObjectRef(Kind.ROUTE_POLICY, namespace, name)].rules
    states: dict[tuple[str, str], str] = {}
    for view in views:
        states.update(((view.name, target), "in maintenance") for target in view.closed)
        states.update(((view.name, target), "without a key") for target in view.keyless)
        states.update(((view.name, target), "withheld") for target in view.withheld)
    return states


def _resilience(rule: Rule) -> Facts:
    given: Resilience = rule.resilience
    facts = {
        "timeouts.total": _seconds(given.timeouts.total_seconds),
        "timeouts.perTry": _seconds(given.timeouts.per_try_seconds),
        "timeouts.firstToken": _seconds(given.timeouts.first_token_seconds),
        "timeouts.idle": _seconds(given.timeouts.idle_seconds),
        "retry.sameTarget": str(given.retry.same_target),
        "fallback.when": ", ".join(sorted(given.fallback_when)) or "never",
        "fallback.contextLength": given.too_long.value,
        "fallback.contentFilter": given.filtered.value,
        "fallback.midStream": given.broken.value,
        "clientGone": given.gone.value,
    }
    if given.retry.same_target:  # without repeats nothing pauses, and nothing counts against their budget
        facts["retry.backoff.base"] = _seconds(given.retry.backoff_base_seconds)
        facts["retry.backoff.max"] = _seconds(given.retry.backoff_max_seconds)
        facts["retry.budgetPercent"] = str(given.retry.budget_percent)
    return facts


def _seconds(value: float) -> str:
    return f"{value:g}s"


def _targets(gateway: CompiledGateway) -> dict[tuple[str, str], Facts]:
    """Return what decides how each model of a gateway's providers is called."""
    targets: dict[tuple[str, str], Facts] = {}
    for provider in gateway.providers:
        shared = _facts(provider, _NOT_OF_PROVIDERS)
        if provider.ca_pem:
            digest = hashlib.sha256(provider.ca_pem.encode()).hexdigest()
            shared = {**shared, "caRef": f"certificates with SHA-256 {digest[:12]}"}
        for model in provider.models:
            targets[gateway.id, f"{provider.id}/{model.name}"] = {**shared, **_facts(model, _NOT_OF_MODELS)}
    return targets


def _facts(document: Gateway | Provider | msgspec.Struct, without: tuple[str, ...]) -> Facts:
    given: dict[str, Any] = msgspec.to_builtins(document)
    return dict(_flat({name: value for name, value in given.items() if name not in without}, ""))


def _flat(value: Any, path: str) -> Iterable[tuple[str, str]]:
    """Yield each single value with its path; entries with a name stand under it, in no order."""
    match value:
        case dict():
            for name, each in value.items():
                yield from _flat(each, f"{path}.{to_camel(name)}" if path else to_camel(name))
        case [dict(), *_] if all("name" in each for each in value):
            for each in value:
                yield f"{path}[{each['name']}]", "given"
                yield from _flat({key: one for key, one in each.items() if key != "name"}, f"{path}[{each['name']}]")
        case list() | tuple():
            yield path, ", ".join(sorted(_text(each) for each in value)) or "none"
        case _:
            yield path, _text(value)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{to_camel(name)}={_text(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return "+".join(sorted(_text(each) for each in value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)
