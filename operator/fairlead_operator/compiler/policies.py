"""From RoutePolicy to the fragment of its gateway, with every target resolved as of now."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from fairlead_operator.compiler.last_good import find_last_good
from fairlead_operator.compiler.memory import Kept
from fairlead_operator.compiler.policy_document import policy_document
from fairlead_operator.compiler.references import (
    HeldProvider,
    OpenGateway,
    find_gateway,
    find_target,
    gateway_missing,
)
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
from fairlead_operator.verdict import Reason, RuleView, Ruling, Truth, Verdict
from fairlead_proxy.contract.config import Policy, Resilience, Rule, Target
from fairlead_proxy.contract.names import Strategy
from fairlead_proxy.contract.snapshot import Fragment

Held = Mapping[str, Mapping[str, HeldProvider]]
"""By gateway, then by provider id: what policies may refer to."""

NOTHING_SERVED = Ruling(Truth.FALSE, Reason.SINGLE_FAILURE_DOMAIN, "nothing of this policy is served")


@dataclass(frozen=True, slots=True)
class Served:
    """What a gateway serves of a policy. `uses`: the providers that its rules name; `sole`: all that some rule has."""

    gateway: str
    document: Policy
    fragment: Fragment
    uses: frozenset[str]
    sole: frozenset[str]


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """A policy, with the verdict that it has if it wins its conflicts; `served` None: nothing of it can be."""

    verdict: Verdict
    created: str
    served: Served | None = None

    @property
    def age(self) -> tuple[str, str, str]:
        """Sorts the older before the younger: creationTimestamp, then name."""
        return self.created, self.verdict.ref.namespace, self.verdict.ref.name


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """All that a valid policy is compiled from. `defaults` None: no gateway admits it under this name.

    `held`: of the providers that it names, those that the gateway holds.
    """

    found: Found[RoutePolicySpec]
    spec: RoutePolicySpec
    gateway: str
    defaults: Resilience | None
    held: Mapping[str, HeldProvider]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A policy as it was when it was compiled, and what came of it."""

    spec: RoutePolicySpec
    uid: str
    generation: int
    result: PolicyResult


@dataclass(slots=True)
class PolicyMemory:
    """What is kept of policies: which providers each one names, and what came of it.

    `offered`: what policies could refer to in the last compilation. `unchanged`: what came of each policy, by id, as
    long as that is the same: with ten thousand policies even looking up what each one names takes its time.
    """

    named: Kept[tuple[str, RoutePolicySpec], frozenset[str]] = field(default_factory=Kept)
    results: Kept[PolicyInputs, PolicyResult] = field(default_factory=Kept)
    offered: tuple[Mapping[str, OpenGateway], Held] = field(default_factory=lambda: ({}, {}))
    unchanged: dict[str, _Compiled] = field(default_factory=dict)

    def begin(self, gateways: Mapping[str, OpenGateway], held: Held) -> None:
        """Note what policies may refer to in the compilation that begins."""
        if self.offered != (gateways, held):
            self.offered = gateways, held
            self.unchanged.clear()

    def find_unchanged(self, found: Found[RoutePolicySpec]) -> PolicyResult | None:
        """Return what came of a policy in which nothing has changed since, nor in what it may refer to."""
        known = self.unchanged.get(found.ref.id)
        if known is None or known.spec is not found.spec:
            return None
        return known.result if (known.uid, known.generation) == (found.uid, found.generation) else None

    def forget_others(self, alive: Container[str]) -> None:
        """Forget every policy that does not exist any more."""
        self.named.forget_others(alive)
        self.results.forget_others(alive)
        for gone in [key for key in self.unchanged if key not in alive]:
            del self.unchanged[gone]


def compile_policy(found: Found[RoutePolicySpec], scope: Scope, held: Held, memory: PolicyMemory) -> PolicyResult:
    """Never raises: a fault of ours becomes the verdict InternalError, with the last good in force."""
    if found.spec is None:
        return _last_good(found, refusal_of(found), scope, held)
    known = memory.find_unchanged(found)
    if known is not None:
        return known
    try:
        named = memory.named.result(found.ref.id, (found.ref.namespace, found.spec), _named_providers)
        inputs = _inputs(found, found.spec, named, scope, held)
        result = memory.results.result(found.ref.id, inputs, _compile)
    except Exception as error:  # one object must never spoil another
        return _last_good(found, internal_error(error), scope, held)
    memory.unchanged[found.ref.id] = _Compiled(found.spec, found.uid, found.generation, result)
    return result


def _named_providers(written: tuple[str, RoutePolicySpec]) -> frozenset[str]:
    namespace, spec = written
    return frozenset(target.provider.id(namespace) for rule in spec.rules for target in rule.route.targets)


def _inputs(
    found: Found[RoutePolicySpec], spec: RoutePolicySpec, named: frozenset[str], scope: Scope, held: Held
) -> PolicyInputs:
    namespace = found.ref.namespace
    gateway_id = spec.gateway_ref.id(namespace)
    gateway = find_gateway(scope.gateways, gateway_id, namespace)
    providers = held.get(gateway_id, {})
    return PolicyInputs(
        found=found.as_written(),
        spec=spec,
        gateway=gateway_id,
        defaults=gateway.defaults if gateway else None,
        held={provider: providers[provider] for provider in named if provider in providers},
    )


def _compile(inputs: PolicyInputs) -> PolicyResult:
    found = inputs.found
    if inputs.defaults is None:
        missing = Ruling(Truth.FALSE, Reason.GATEWAY_NOT_FOUND, gateway_missing("spec.gatewayRef", inputs.gateway))
        return _unserved(found, ACCEPTED, missing, withdrawn=False)
    written = policy_document(found.ref.id, inputs.spec, inputs.defaults)
    document, failures = _resolve(written, inputs.gateway, inputs.held)
    resolved = resolution(failures, serves=document is not None)
    if document is None:
        return _unserved(found, ACCEPTED, resolved)
    fragment = Fragment.of(document, uid=found.uid, generation=found.generation)
    verdict = Verdict.on(found, ACCEPTED, resolved, {inputs.gateway: fragment.header.hash})
    return _served(verdict, found.created, document, fragment, inputs.held)


def _last_good(found: Found[RoutePolicySpec], accepted: Ruling, scope: Scope, held: Held) -> PolicyResult:
    """Keep what is served of it, less what admission and consent do not cover any more."""
    namespace = found.ref.namespace
    kept: list[tuple[int, str, Policy]] = []
    for gateway_id in scope.gateways:
        last = find_last_good(scope.last_good, gateway_id, found, Policy)
        if last is not None and find_gateway(scope.gateways, gateway_id, namespace):
            kept.append((last[1].header.generation, gateway_id, last[0]))
    if not kept:
        return _unserved(found, accepted, NOT_LOOKED_AT)
    generation, gateway_id, served = max(kept, key=lambda one: one[:2])
    providers = held.get(gateway_id, {})
    document, failures = _resolve(served, gateway_id, providers)
    resolved = resolution(failures, serves=document is not None) if failures else NOT_LOOKED_AT
    if document is None:
        return _unserved(found, accepted, resolved)
    fragment = Fragment.of(document, uid=found.uid, generation=generation)
    verdict = Verdict.on(found, accepted, resolved, {gateway_id: fragment.header.hash}, rolled_back_to=generation)
    return _served(verdict, found.created, document, fragment, providers)


def _unserved(
    found: Found[RoutePolicySpec], accepted: Ruling, resolved: Ruling, *, withdrawn: bool = True
) -> PolicyResult:
    verdict = Verdict.on(found, accepted, resolved, withdrawn=withdrawn)
    return PolicyResult(replace(verdict, redundant=NOTHING_SERVED), found.created)


def _served(
    verdict: Verdict, created: str, document: Policy, fragment: Fragment, held: Mapping[str, HeldProvider]
) -> PolicyResult:
    by_rule = [frozenset(target.provider for target in rule.targets) for rule in document.rules]
    verdict = replace(
        verdict,
        redundant=_redundancy(document, held),
        rules=tuple(_rule_view(rule, held) for rule in document.rules),
    )
    return PolicyResult(
        verdict=verdict,
        created=created,
        served=Served(
            gateway=next(iter(verdict.fragments)),
            document=document,
            fragment=fragment,
            uses=frozenset().union(*by_rule),
            sole=frozenset().union(*(providers for providers in by_rule if len(providers) == 1)),
        ),
    )


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


def conflicted(accepted: Ruling, winner: str, model: str) -> Ruling:
    """Return the Accepted ruling of a policy that lost a virtual model to an older one."""
    lost = f"the virtual model {model!r} is offered by the older RoutePolicy {winner}: remove it from one of the two"
    if accepted.truth is Truth.TRUE:
        return Ruling(Truth.FALSE, Reason.CONFLICTED, f"spec.models: {lost}")
    return Ruling(accepted.truth, accepted.reason, clip(f"{lost}; {accepted.message}"))


def _rule_view(rule: Rule, held: Mapping[str, HeldProvider]) -> RuleView:
    """Return the rule's targets in written form and order of trial."""
    targets = list(rule.targets)
    if rule.strategy is Strategy.PRIORITY:
        targets.sort(key=lambda target: target.priority)
        first = sum(target.priority == targets[0].priority for target in targets)
    else:
        first = len(targets)
    keyless = tuple(str(target) for target in targets if held[target.provider].keyless)
    withheld = tuple(str(target) for target in targets if held[target.provider].withheld)
    closed = tuple(str(target) for target in targets if not held[target.provider].document.takes_calls)
    return RuleView(rule.name, tuple(str(target) for target in targets), first, keyless, withheld, closed)


def _redundancy(policy: Policy, held: Mapping[str, HeldProvider]) -> Ruling:
    """Rule whether each rule has two targets that do not fail together; one in maintenance is none."""
    providers = {provider: entry.document for provider, entry in held.items() if entry.document.takes_calls}
    single = [
        rule.name
        for rule in policy.rules
        if len({providers[each.provider].failure_domain for each in rule.targets if each.provider in providers}) < 2
    ]
    if not single:
        return Ruling(Truth.TRUE, Reason.REDUNDANT)
    rules = f"the rule {single[0]}" if len(single) == 1 else f"the rules {', '.join(single)}"
    message = f"no two targets in different failure domains in {rules}"
    return Ruling(Truth.FALSE, Reason.SINGLE_FAILURE_DOMAIN, clip(message))
