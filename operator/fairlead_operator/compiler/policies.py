"""From RoutePolicy to the fragment of its gateway, with every target resolved as of now."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from fairlead_operator.compiler.last_good import find_last_good
from fairlead_operator.compiler.policy_document import policy_document
from fairlead_operator.compiler.references import HeldProvider, find_gateway, find_target, gateway_missing
from fairlead_operator.compiler.rulings import (
    ACCEPTED,
    NOT_LOOKED_AT,
    clip,
    internal_error,
    refusal_of,
    resolution,
)
from fairlead_operator.compiler.scope import Scope
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.policy import RoutePolicySpec
from fairlead_operator.verdict import Reason, RuleView, Ruling, Truth
from fairlead_proxy.contract.config import Policy, Rule, Target
from fairlead_proxy.contract.names import Strategy
from fairlead_proxy.contract.snapshot import Fragment

Held = Mapping[str, Mapping[str, HeldProvider]]
"""By gateway, then by provider id: what policies may refer to."""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """A policy that would be served if it wins its conflicts; `document` None: nothing of it can be served."""

    found: Found[RoutePolicySpec]
    accepted: Ruling
    resolved: Ruling
    gateway: str | None = None
    document: Policy | None = None
    fragment: Fragment | None = None
    rolled_back_to: int | None = None


def compile_policy(found: Found[RoutePolicySpec], scope: Scope, held: Held) -> PolicyResult:
    """Never raises: a fault of ours becomes the verdict InternalError, with the last good in force."""
    if found.spec is None:
        return _last_good(found, refusal_of(found), scope, held)
    try:
        return _compile(found, found.spec, scope, held)
    except Exception as error:  # one object must never spoil another
        return _last_good(found, internal_error(error), scope, held)


def _compile(found: Found[RoutePolicySpec], spec: RoutePolicySpec, scope: Scope, held: Held) -> PolicyResult:
    namespace = found.ref.namespace
    gateway_id = spec.gateway_ref.id(namespace)
    gateway = find_gateway(scope.gateways, gateway_id, namespace)
    if gateway is None:
        missing = Ruling(Truth.FALSE, Reason.GATEWAY_NOT_FOUND, gateway_missing("spec.gatewayRef", gateway_id))
        return PolicyResult(found, ACCEPTED, missing)
    written = policy_document(found.ref.id, spec, gateway.defaults)
    document, failures = _resolve(written, gateway_id, held.get(gateway_id, {}))
    resolved = resolution(failures, serves=document is not None)
    if document is None:
        return PolicyResult(found, ACCEPTED, resolved, gateway_id)
    fragment = Fragment.of(document, uid=found.uid, generation=found.generation)
    return PolicyResult(found, ACCEPTED, resolved, gateway_id, document, fragment)


def _last_good(found: Found[RoutePolicySpec], accepted: Ruling, scope: Scope, held: Held) -> PolicyResult:
    """Keep what is served of it, less what admission and consent do not cover any more."""
    namespace = found.ref.namespace
    kept: list[tuple[int, str, Policy]] = []
    for gateway_id in scope.gateways:
        last = find_last_good(scope.last_good, gateway_id, found, Policy)
        if last is not None and find_gateway(scope.gateways, gateway_id, namespace):
            kept.append((last[1].header.generation, gateway_id, last[0]))
    if not kept:
        return PolicyResult(found, accepted, NOT_LOOKED_AT)
    generation, gateway_id, served = max(kept, key=lambda one: one[:2])
    document, failures = _resolve(served, gateway_id, held.get(gateway_id, {}))
    resolved = resolution(failures, serves=document is not None) if failures else NOT_LOOKED_AT
    if document is None:
        return PolicyResult(found, accepted, resolved, gateway_id)
    fragment = Fragment.of(document, uid=found.uid, generation=generation)
    return PolicyResult(found, accepted, resolved, gateway_id, document, fragment, rolled_back_to=generation)


def _resolve(policy: Policy, gateway_id: str, held: Mapping[str, HeldProvider]) -> tuple[Policy | None, list[Ruling]]:
    """Return the policy with only the targets that resolve, None if there is none at all, and why others do not."""
    failures: list[Ruling] = []
    rules: list[Rule] = []
    for number, rule in enumerate(policy.rules):
        targets: list[Target] = []
        for position, target in enumerate(rule.targets):
            field = f"spec.rules[{number}].route.targets[{position}]"
            provider = find_target(held, gateway_id, policy.namespace, target, field)
            if isinstance(provider, str):
                failures.append(Ruling(Truth.FALSE, Reason.PROVIDER_NOT_FOUND, provider))
            else:
                targets.append(target)
        rules.append(
            rule if len(targets) == len(rule.targets) else msgspec.structs.replace(rule, targets=tuple(targets))
        )
    if not any(rule.targets for rule in rules):
        return None, failures or [Ruling(Truth.FALSE, Reason.PROVIDER_NOT_FOUND, "no rule has a target left")]
    return (msgspec.structs.replace(policy, rules=tuple(rules)) if failures else policy), failures


def conflicted(result: PolicyResult, winner: str, model: str) -> Ruling:
    """Return the Accepted ruling of a policy that lost a virtual model to an older one."""
    lost = f"the virtual model {model!r} is offered by the older RoutePolicy {winner}: remove it from one of the two"
    if result.accepted.truth is Truth.TRUE:
        return Ruling(Truth.FALSE, Reason.CONFLICTED, f"spec.models: {lost}")
    return Ruling(result.accepted.truth, result.accepted.reason, clip(f"{lost}; {result.accepted.message}"))


def rule_views(policy: Policy, held: Mapping[str, HeldProvider]) -> tuple[RuleView, ...]:
    """Return each rule's targets in written form and order of trial."""
    return tuple(_rule_view(rule, held) for rule in policy.rules)


def _rule_view(rule: Rule, held: Mapping[str, HeldProvider]) -> RuleView:
    targets = list(rule.targets)
    if rule.strategy is Strategy.PRIORITY:
        targets.sort(key=lambda target: target.priority)
        first = sum(target.priority == targets[0].priority for target in targets)
    else:
        first = len(targets)
    keyless = tuple(str(target) for target in targets if held[target.provider].keyless)
    withheld = tuple(str(target) for target in targets if held[target.provider].withheld)
    return RuleView(rule.name, tuple(str(target) for target in targets), first, keyless, withheld)


def redundancy(policy: Policy, held: Mapping[str, HeldProvider]) -> Ruling:
    """Rule whether each rule has two targets that do not fail together."""
    single = [
        rule.name
        for rule in policy.rules
        if len({held[target.provider].document.failure_domain for target in rule.targets}) < 2
    ]
    if not single:
        return Ruling(Truth.TRUE, Reason.REDUNDANT)
    rules = f"the rule {single[0]}" if len(single) == 1 else f"the rules {', '.join(single)}"
    message = f"no two targets in different failure domains in {rules}"
    return Ruling(Truth.FALSE, Reason.SINGLE_FAILURE_DOMAIN, clip(message))
