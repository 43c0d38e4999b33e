"""A decision in words: the rule, every target of it with its part in the plan, and what stands in the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from fairlead_operator.cli.answer import Answer, object_name
from fairlead_operator.cli.basis import Basis
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_proxy.contract.config import Target
from fairlead_proxy.contract.dialects import dialect_of, sort_of
from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import (
    FALLBACK_CLASSES,
    DialectName,
    FailureClass,
    Feature,
    Mode,
    Operation,
    Strategy,
)
from fairlead_proxy.decision.decide import decide
from fairlead_proxy.decision.facts import INTENT_HEADER, AssumedWorld, CallFacts
from fairlead_proxy.decision.plan import Considered, Plan, RefusalKind


class QuestionRefused(Exception):
    """An option that makes no sense; the message is one line that names it, its value and the remedy."""


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target. `share`: the part of the calls that try it first, from 0 to 1; `skipped`: why it is not tried.

    `late`: why it comes after the other targets. `dialect`: in which it is spoken to, empty where in none.
    """

    target: str
    priority: int
    weight: int
    share: float
    skipped: str
    late: str
    dialect: str

    @property
    def provider(self) -> str:
        return "/".join(self.target.split("/")[:2])

    @property
    def role(self) -> str:
        if self.skipped:
            return f"skipped    {self.skipped}"
        if self.share == 1:
            return "first"
        if self.share:
            return f"first for {self.share:.0%} of the calls"
        return f"last       {self.late}" if self.late else "fallback"


@dataclass(frozen=True, slots=True)
class Explanation:
    """`hints` say why a policy that could have served the call is not in force, and what a status says otherwise."""

    facts: CallFacts
    policy: str
    rule: str
    strategy: str
    targets: tuple[TargetView, ...]
    refusal: str
    code: str
    hints: tuple[str, ...] = ()

    def as_answer(self) -> Answer:
        """Return it in every shape; names are the providers of the targets that are tried, in that order."""
        tried = dict.fromkeys(view.provider for view in self.targets if not view.skipped)
        names = tuple(object_name(Kind.MODEL_PROVIDER, each.partition("/")[2]) for each in tried)
        return Answer(self.as_text(), self.as_json(), names)

    def as_text(self) -> str:
        asked = f"{self.facts.operation} in {self.facts.dialect}"
        lines = [f"call      model {self.facts.model} of namespace {self.facts.tenant}, {asked}"]
        if self.rule:
            lines += [f"policy    {self.policy}", f"rule      {self.rule}, {self.strategy}", "targets"]
        width = max((len(view.target) for view in self.targets), default=0)
        for position, view in enumerate(self.targets, 1):
            rank = f"weight {view.weight}" if self.strategy == Strategy.WEIGHTED else f"priority {view.priority}"
            lines.append(f"  {position}. {view.target.ljust(width)}  {rank}  {view.role}{self._translation(view)}")
        if self.refusal:
            lines.append(f"refused   {self.code}: {self.refusal}")
        lines += [f"hint      {hint}" for hint in self.hints]
        return "".join(f"{line}\n" for line in lines)

    def _translation(self, view: TargetView) -> str:
        translated = not view.skipped and view.dialect != self.facts.dialect
        return f", translated to {view.dialect}" if translated else ""

    def as_json(self) -> dict[str, object]:
        return {
            "namespace": self.facts.tenant,
            "model": self.facts.model,
            "operation": str(self.facts.operation),
            "dialect": str(self.facts.dialect),
            "policy": self.policy or None,
            "rule": self.rule or None,
            "strategy": str(self.strategy) or None,
            "targets": [
                {
                    "target": view.target,
                    "priority": view.priority,
                    "weight": view.weight,
                    "used": not view.skipped,
                    "share": round(view.share, 4),
                    "skipped": view.skipped or None,
                    "late": view.late or None,
                    "dialect": str(view.dialect) or None,
                }
                for view in self.targets
            ],
            "refused": {"code": str(self.code), "message": self.refusal} if self.refusal else None,
            "hints": list(self.hints),
        }


def facts_of(
    namespace: str,
    model: str,
    *,
    headers: Sequence[str],
    dialect: str,
    operation: str,
    prompt_tokens: int,
    max_tokens: int,
    intent: str,
    needs: Sequence[str],
    features: Sequence[str],
    stream: bool,
) -> CallFacts:
    """Return the facts of the call that the options describe. Raises QuestionRefused."""
    given: dict[str, str] = {}
    for text in headers:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise QuestionRefused(f"--header {text}: not a header; write NAME=VALUE")
        given[name.strip().lower()] = value
    for text in features:
        if text not in set(Feature):
            raise QuestionRefused(f"--feature {text}: not a feature; there are {', '.join(Feature)}")
    spoken, asked = _asked_in(dialect, operation)
    return CallFacts(
        tenant=namespace,
        model=model,
        operation=asked,
        mode=Mode.STREAM if stream else Mode.PLAIN,
        headers=given,
        prompt_tokens=prompt_tokens,
        max_tokens=max_tokens,
        intent=intent or given.get(INTENT_HEADER, ""),
        needs=frozenset(needs),
        dialect=spoken,
        features=frozenset(features),
    )


_ASKED: dict[DialectName, tuple[Operation, ...]] = {
    DialectName.OPENAI_CHAT: (Operation.CHAT,),
    DialectName.OPENAI_RESPONSES: (Operation.RESPONSES, Operation.COUNT_TOKENS),
    DialectName.ANTHROPIC: (Operation.CHAT, Operation.COUNT_TOKENS),
    DialectName.GEMINI: (Operation.CHAT, Operation.COUNT_TOKENS),
}
"""What callers of each dialect can ask for; what they ask for by default comes first."""


def _asked_in(dialect: str, operation: str) -> tuple[DialectName, Operation]:
    """Return both as the engine knows them. Raises QuestionRefused, also for what no caller can ask."""
    spoken = next((each for each in _ASKED if each == dialect), None)
    if spoken is None:
        raise QuestionRefused(f"--dialect {dialect}: not a dialect of callers; there are {', '.join(_ASKED)}")
    if operation and operation not in set(Operation):
        raise QuestionRefused(f"--operation {operation}: not an operation; there is {', '.join(Operation)}")
    asked = Operation(operation) if operation else _ASKED[spoken][0]
    if asked not in _ASKED[spoken]:
        able = ", ".join(each for each, operations in _ASKED.items() if asked in operations)
        raise QuestionRefused(f"--operation {operation}: no call of {spoken} asks for it; write --dialect with {able}")
    return spoken, asked


def world_of(config: GatewayConfig, down: Sequence[str]) -> AssumedWorld:
    """Return a world in which these providers are down. Raises QuestionRefused."""
    failing: dict[str, FailureClass] = {}
    for text in down:
        provider, _, name = text.partition("=")
        if provider not in config.providers:
            known = ", ".join(sorted(config.providers)) or "none"
            raise QuestionRefused(f"--down {text}: no such provider in this gateway; it holds {known}")
        if name and name not in set(FALLBACK_CLASSES):
            known = ", ".join(sorted(FALLBACK_CLASSES))
            raise QuestionRefused(f"--down {text}: not a failure class of a provider; there are {known}")
        failing[provider] = FailureClass(name) if name else FailureClass.UNREACHABLE
    return AssumedWorld(failing)


def explain_call(basis: Basis, facts: CallFacts, world: AssumedWorld) -> Explanation:
    """Decide as the live proxy does, and say how."""
    plan = decide(basis.config, facts, world, Random(0))
    refusal = plan.refusal
    unknown = refusal is not None and refusal.kind is RefusalKind.MODEL_NOT_FOUND
    return Explanation(
        facts=facts,
        policy=plan.policy.id if plan.policy else "",
        rule=plan.rule.name if plan.rule else "",
        strategy=plan.rule.strategy if plan.rule else "",
        targets=_views(plan, basis.config, facts),
        refusal=refusal.message if refusal else "",
        code=refusal.kind if refusal else "",
        hints=(*(_hints(basis, facts) if unknown else ()), *_told(basis, plan, world)),
    )


def _views(plan: Plan, config: GatewayConfig, facts: CallFacts) -> tuple[TargetView, ...]:
    """Return the targets in order of trial: used ones before skipped, late ones last, likelier ones before others."""
    shares = _shares(plan)
    views = [
        TargetView(
            str(entry.target),
            entry.target.priority,
            entry.target.weight,
            shares.get(position, 0.0),
            str(entry.skip) if entry.skip else "",
            str(entry.late) if entry.late else "",
            _dialect_of(entry.target, config, facts),
        )
        for position, entry in enumerate(plan.considered)
    ]
    ranked = plan.rule is not None and plan.rule.strategy is Strategy.PRIORITY

    def place(view: TargetView) -> tuple[bool, bool, int, int, str]:
        return bool(view.skipped), bool(view.late), view.priority if ranked else 0, -view.weight, view.target

    return tuple(sorted(views, key=place))


def _dialect_of(target: Target, config: GatewayConfig, facts: CallFacts) -> str:
    provider = config.providers.get(target.provider)
    model = provider.model(target.model) if provider else None
    if provider is None or model is None:
        return ""
    return dialect_of(sort_of(provider, model), facts.dialect, facts.operation) or ""


def _shares(plan: Plan) -> Mapping[int, float]:
    """Return the part of the calls that each target gets first, by its position among those considered.

    A draw by weight without replacement: among those that can serve, the first goes by their weights alone.
    """
    able = {position: entry for position, entry in enumerate(plan.considered) if entry.skip is None}
    able = {position: entry for position, entry in able.items() if entry.late is None} or able
    if plan.rule is not None and plan.rule.strategy is Strategy.PRIORITY and able:
        first = min(entry.target.priority for entry in able.values())
        able = {position: entry for position, entry in able.items() if entry.target.priority == first}
    total = _weight(able)
    return {position: entry.target.weight / total for position, entry in able.items()}


def _weight(entries: Mapping[int, Considered]) -> int:
    return sum(entry.target.weight for entry in entries.values())


def _hints(basis: Basis, facts: CallFacts) -> tuple[str, ...]:
    """Name the models there are, and say of each policy that should offer this one why it is not in force."""
    models = ", ".join(basis.config.virtual_models(facts.tenant))
    return (
        f"the namespace {facts.tenant} has {f'the models {models}' if models else 'no models'}",
        *(f"{doubt.policy}: {doubt.message}" for doubt in basis.doubts if doubt.concerns(facts.tenant, facts.model)),
    )


def _told(basis: Basis, plan: Plan, world: AssumedWorld) -> tuple[str, ...]:
    """Say of everything that has a part in the plan where its status says that it is not in force as it is written.

    And of a provider that is not well now, since it is supposed to be.
    """
    parts = [(Kind.MODEL_GATEWAY, basis.config.gateway.id)]
    parts += [(Kind.ROUTE_POLICY, plan.policy.id)] if plan.policy else []
    parts += [(Kind.MODEL_PROVIDER, entry.target.provider) for entry in plan.considered]
    refs = dict.fromkeys(ObjectRef(kind, *object_id.split("/")) for kind, object_id in parts)
    ailing = {ref: basis.ailing[ref.id] for ref in refs if ref.id in basis.ailing and ref.id not in world.down}
    return (
        *(f"{ref}: {basis.statuses[ref]}" for ref in refs if ref in basis.statuses),
        *(f"{ref} is not healthy now: {words}; see --down {ref.id}" for ref, words in ailing.items()),
    )
