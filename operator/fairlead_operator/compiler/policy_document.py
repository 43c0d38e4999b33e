"""From the spec of a RoutePolicy to the document that the proxies load."""

from fairlead_operator.compiler.resilience import merge_resilience
from fairlead_operator.resources.policy import MatchSpec, RoutePolicySpec, RuleSpec, TargetSpec
from fairlead_proxy.contract.config import Match, Policy, Resilience, Rule, Target


def policy_document(policy_id: str, spec: RoutePolicySpec, defaults: Resilience) -> Policy:
    """Return the policy with all its targets, resolved or not, and the gateway's defaults merged into each rule."""
    namespace = policy_id.partition("/")[0]
    return Policy(
        id=policy_id, models=tuple(spec.models), rules=tuple(_rule(rule, namespace, defaults) for rule in spec.rules)
    )


def _rule(spec: RuleSpec, namespace: str, defaults: Resilience) -> Rule:
    return Rule(
        name=spec.name,
        match=tuple(_match(entry) for entry in spec.match),
        strategy=spec.route.strategy,
        targets=tuple(_target(target, namespace) for target in spec.route.targets),
        resilience=merge_resilience(spec.resilience, defaults),
    )


def _match(spec: MatchSpec) -> Match:
    tokens = spec.prompt_tokens
    return Match(
        models=tuple(spec.models),
        headers={name.lower(): value for name, value in spec.headers.items()},
        operations=tuple(spec.operations),
        prompt_tokens_min=tokens.min if tokens else None,
        prompt_tokens_max=tokens.max if tokens else None,
        intents=tuple(spec.intent.any_of) if spec.intent else (),
    )


def _target(spec: TargetSpec, namespace: str) -> Target:
    return Target(provider=spec.provider.id(namespace), model=spec.model, priority=spec.priority, weight=spec.weight)
