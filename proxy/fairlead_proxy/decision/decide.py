"""The one engine: a configuration, the facts of a call and the state of the world become a plan."""

from collections.abc import Sequence
from random import Random

from fairlead_proxy.contract.config import Model
from fairlead_proxy.contract.dialects import dialect_of
from fairlead_proxy.contract.linked import GatewayConfig, LinkedTarget, Step
from fairlead_proxy.decision.expression import missing_words
from fairlead_proxy.decision.facts import CallFacts, World
from fairlead_proxy.decision.match import is_usual, match_route
from fairlead_proxy.decision.plan import Considered, Plan, Refusal, RefusalKind, Skip, SkipReason
from fairlead_proxy.decision.strategies import STRATEGIES, draw

_NO_CREDENTIAL = Skip(SkipReason.NO_KEY, "the provider has no credential")
_LASTING = frozenset({SkipReason.OPERATION_UNSUPPORTED, SkipReason.CAPABILITY_MISSING, SkipReason.CANNOT_EXPRESS})
"""What a model or its dialect is not able to do. Everything else may pass: a key comes, a provider returns."""


def decide(config: GatewayConfig, facts: CallFacts, world: World, rng: Random) -> Plan:
    """Return which targets serve this call, in which order, and why; a refusal where there is none."""
    offer = config.offers.get((facts.tenant, facts.model))
    if offer is None:
        return _refused(RefusalKind.MODEL_NOT_FOUND, f"the model {facts.model!r} does not exist")
    route = offer.usual if is_usual(offer, facts) else match_route(offer.routes, facts)
    if route is None:
        return _refused(RefusalKind.NO_RULE, f"no rule for the model {facts.model!r} matches this call")
    under = world.settled(facts.operation) if route.settled and not (facts.needs or facts.features) else None
    remembered = route.remembered
    if under is not None and remembered.under is under and isinstance(remembered.plan, Plan):
        return remembered.plan
    ordered: Sequence[LinkedTarget] = route.order or STRATEGIES[route.rule.strategy](route.targets, rng)
    if route.windows:
        ordered = sorted(ordered, key=lambda linked: _too_small(linked, facts) is not None)
    steps: list[Step] = []
    considered: list[Considered] = []
    for linked in ordered:
        skip = _misfit(linked, facts)
        if skip is not None:
            considered.append(Considered(linked.target, skip))
            continue
        usable, passed_over = _credentials(linked.steps, facts, world, rng)
        steps += usable
        late = _too_small(linked, facts) if route.windows else None
        considered.append(Considered(linked.target, None if usable else _foremost(passed_over), passed_over, late))
    refusal = None if steps else _refusal_of(facts, considered)
    plan = Plan(route, tuple(steps), tuple(considered), refusal)
    if under is not None:
        remembered.plan, remembered.under = plan, under
    return plan


def _misfit(linked: LinkedTarget, facts: CallFacts) -> Skip | None:
    """Say why a target can never serve this call, whatever the state of its provider."""
    provider, model = linked.provider, linked.model
    if provider is None:
        return Skip(SkipReason.PROVIDER_MISSING)
    if not linked.permitted:
        return Skip(SkipReason.NOT_PERMITTED)
    if not provider.takes_calls:
        return Skip(SkipReason(provider.maintenance))
    if model is None:
        return Skip(SkipReason.MODEL_MISSING)
    dialect = None if linked.sort is None else dialect_of(linked.sort, facts.dialect, facts.operation)
    if dialect is None:
        return Skip(SkipReason.OPERATION_UNSUPPORTED, facts.operation)
    missing = _missing(model, facts) if facts.needs else None
    if missing:
        return Skip(SkipReason.CAPABILITY_MISSING, ", ".join(missing))
    if facts.features and dialect is not facts.dialect:
        missing = missing_words(dialect, facts.features)
        if missing:
            return Skip(SkipReason.CANNOT_EXPRESS, ", ".join(missing))
    return None


def _missing(model: Model, facts: CallFacts) -> list[str]:
    if model.capabilities is None:
        return []
    return sorted(facts.needs.difference(model.capabilities))


def _too_small(linked: LinkedTarget, facts: CallFacts) -> Skip | None:
    """Say why a target comes after those that seem to hold the call; it is tried all the same: no estimate denies."""
    window = linked.model.context_window if linked.model else None
    prompt_tokens = facts.prompt_tokens or 0
    if window is None or window >= prompt_tokens + facts.max_tokens:
        return None
    answer = f" and {facts.max_tokens} of answer" if facts.max_tokens else ""
    return Skip(SkipReason.CONTEXT_TOO_SMALL, f"about {prompt_tokens} tokens{answer}, window {window}")


def _credentials(
    steps: Sequence[Step], facts: CallFacts, world: World, rng: Random
) -> tuple[list[Step], tuple[tuple[str, Skip], ...]]:
    """Return the steps of one target to take, in order, and the credentials passed over with why."""
    usable: list[Step] = []
    passed_over: list[tuple[str, Skip]] = []
    if len(steps) > 1:
        steps = draw(steps, [step.credential.weight for step in steps], rng)
    for step in steps:
        name = step.credential.name
        if not world.has_key(step):
            passed_over.append((name, Skip(SkipReason.NO_KEY, name)))
            continue
        state = world.state_of(step, facts.mode)
        if state.able:
            usable.append(step)
        else:
            detail = str(state.reason) if state.reason else ""
            passed_over.append((name, Skip(SkipReason.COOLING, detail, state.reason, state.until)))
    return usable, tuple(passed_over)


def _foremost(passed_over: Sequence[tuple[str, Skip]]) -> Skip:
    """Return the skip to show for a target of which no credential is usable: the one that ends soonest."""
    skips = [skip for _, skip in passed_over]
    return min(skips, key=lambda skip: float("inf") if skip.until is None else skip.until, default=_NO_CREDENTIAL)


def _refusal_of(facts: CallFacts, considered: Sequence[Considered]) -> Refusal:
    """Blame the call only where every target is known to lack what it needs; else some target may serve it later."""
    skips = [entry.skip for entry in considered if entry.skip is not None]
    lacking = {skip.detail for skip in skips if skip.reason in _LASTING}
    if lacking and all(skip.reason in _LASTING for skip in skips):
        return Refusal(
            RefusalKind.CAPABILITY_MISSING,
            f"no target of the model {facts.model!r} offers what this request needs: {'; '.join(sorted(lacking))}",
        )
    soonest = min((skip.until for skip in skips if skip.until is not None), default=None)
    told = "; ".join(f"{entry.target} {_told(entry.skip)}" for entry in considered if entry.skip is not None)
    return Refusal(RefusalKind.NO_TARGET, f"no target of the model {facts.model!r} can serve now: {told}", soonest)


def _told(skip: Skip) -> str:
    """Return why, as the caller may know it: that a provider exists which it may not use is none of its business."""
    return str(SkipReason.PROVIDER_MISSING if skip.reason is SkipReason.NOT_PERMITTED else skip)


def _refused(kind: RefusalKind, message: str) -> Plan:
    return Plan(None, (), (), Refusal(kind, message))
