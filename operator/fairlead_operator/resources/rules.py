"""Rules over several fields, each written once: `cel` for the API server, `breaks` for us, one message for both.

The rules of one field alone stand beside that field (`fields.py`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, get_args

from fairlead_operator.resources.checks import repeated
from fairlead_operator.resources.gateway import ADMIN_PORT, ListenerSpec, ModelGatewaySpec, ReplicasSpec
from fairlead_operator.resources.meta import LabelExpression, LabelOperator, Resource, duration_seconds
from fairlead_operator.resources.policy import (
    NEVER_FALLBACK,
    REFUSED_HEADERS,
    BackoffSpec,
    FallbackSpec,
    MatchSpec,
    RoutePolicySpec,
    RouteSpec,
    TokenRange,
)
from fairlead_operator.resources.provider import (
    Endpoint,
    ModelProviderSpec,
    OutageSpec,
    PassiveHealthSpec,
    SimulatedSpec,
)
from fairlead_proxy.contract.names import FailureClass, ProviderType

M = TypeVar("M", bound=Resource)


@dataclass(frozen=True, slots=True)
class Rule(Generic[M]):
    """One rule on every object of type `on`; `cel` sees that object as `self`.

    `breaks` says whether it is broken: by a truth value, or by the values that are at fault, which are then shown.
    `field` is where the fault lies, as YAML names it; empty: the object itself.
    """

    on: type[M]
    field: str
    message: str
    breaks: Callable[[M], bool | Sequence[str]]
    cel: str


def broken_rules(spec: Resource, path: str) -> Iterator[str]:
    """Yield one line for each rule that this object, or an object within it, breaks."""
    for rule in _BY_TYPE.get(type(spec), ()):
        fault = rule.breaks(spec)
        if fault:
            place = f"{path}.{rule.field}" if rule.field else path
            shown = "" if fault is True else " (here: " + ", ".join(f'"{value}"' for value in fault) + ")"
            yield f"{place}: {rule.message}{shown}"
    for attribute, name in _parts_of(type(spec)):
        part = getattr(spec, attribute)
        if isinstance(part, list):
            for index, entry in enumerate(part):
                yield from broken_rules(entry, f"{path}.{name}[{index}]")
        elif part is not None:
            yield from broken_rules(part, f"{path}.{name}")


@cache
def _parts_of(model: type[Resource]) -> tuple[tuple[str, str], ...]:
    """Return attribute and YAML name of the fields that hold objects with fields of their own, or lists of them."""
    return tuple(
        (attribute, field.alias or attribute)
        for attribute, field in model.model_fields.items()
        if any(issubclass(each, Resource) for each in _classes_in(field.annotation))
    )


def _classes_in(annotation: Any) -> Iterator[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _classes_in(argument)


def rules_of(model: type[Resource]) -> tuple[Rule[Any], ...]:
    return _BY_TYPE.get(model, ())


def _or(name: str, default: str) -> str:
    """A field as CEL reads it where the CRD itself has no default, as within lists."""
    return f"(has(self.{name}) ? self.{name} : {default})"


def _seconds(text: str | None) -> float | None:
    return None if text is None else duration_seconds(text)


def _exceeds(least: float | None, most: float | None) -> bool:
    return least is not None and most is not None and least > most


PROVIDER_RULES: tuple[Rule[Any], ...] = (
    Rule(
        ModelProviderSpec,
        "endpoint",
        "type OpenAICompatible has no address of its own; set endpoint.url",
        lambda spec: spec.type == ProviderType.OPENAI_COMPATIBLE and (spec.endpoint is None or not spec.endpoint.url),
        "self.type != 'OpenAICompatible' || (has(self.endpoint) && has(self.endpoint.url))",
    ),
    Rule(
        Endpoint,
        "caRef",
        "nothing is verified over http://; write an https:// url or remove caRef",
        lambda spec: spec.ca_ref is not None and spec.url is not None and spec.url.startswith("http://"),
        "!has(self.caRef) || !has(self.url) || !self.url.startsWith('http://')",
    ),
    Rule(
        ModelProviderSpec,
        "simulated",
        "only a provider of type Simulated takes it; remove it or set type to Simulated",
        lambda spec: spec.type != ProviderType.SIMULATED and spec.simulated is not None,
        "self.type == 'Simulated' || !has(self.simulated)",
    ),
    Rule(
        ModelProviderSpec,
        "endpoint",
        "a provider of type Simulated connects to nothing; remove endpoint",
        lambda spec: spec.type == ProviderType.SIMULATED and spec.endpoint is not None,
        "self.type != 'Simulated' || !has(self.endpoint)",
    ),
    Rule(
        ModelProviderSpec,
        "credentials",
        "a provider of type Simulated needs no key; remove credentials",
        lambda spec: spec.type == ProviderType.SIMULATED and bool(spec.credentials),
        "self.type != 'Simulated' || !has(self.credentials) || size(self.credentials) == 0",
    ),
    Rule(
        ModelProviderSpec,
        "credentials",
        "one credential at least needs a weight above 0",
        lambda spec: bool(spec.credentials) and all(credential.weight == 0 for credential in spec.credentials),
        "!has(self.credentials) || size(self.credentials) == 0 || "
        "self.credentials.exists(one, !has(one.weight) || one.weight > 0)",
    ),
    Rule(
        ModelProviderSpec,
        "gatewayRefs",
        "a gateway is named more than once; name each once",
        lambda spec: repeated(f"{ref.namespace or ''}/{ref.name}".lstrip("/") for ref in spec.gateway_refs or []),
        "!has(self.gatewayRefs) || self.gatewayRefs.all(one, self.gatewayRefs.exists_one(other, one == other))",
    ),
    Rule(
        PassiveHealthSpec,
        "baseCooldown",
        "must not be longer than maxCooldown",
        lambda spec: duration_seconds(spec.base_cooldown) > duration_seconds(spec.max_cooldown),
        "duration(" + _or("baseCooldown", "'5s'") + ") <= duration(" + _or("maxCooldown", "'5m'") + ")",
    ),
    Rule(
        OutageSpec,
        "every",
        "must be longer than `for`, else the outage never ends",
        lambda spec: spec.every is not None and duration_seconds(spec.every) <= duration_seconds(spec.for_),
        "!has(self.every) || duration(self.every) > duration(self.__for__)",
    ),
    Rule(
        SimulatedSpec,
        "failure",
        "ClientGone is what a caller does, not a provider; choose another failure",
        lambda spec: spec.failure == FailureClass.CLIENT_GONE,
        "!has(self.failure) || self.failure != 'ClientGone'",
    ),
    Rule(
        OutageSpec,
        "failure",
        "ClientGone is what a caller does, not a provider; choose another failure",
        lambda spec: spec.failure == FailureClass.CLIENT_GONE,
        "!has(self.failure) || self.failure != 'ClientGone'",
    ),
)


def _unknown_models(spec: RoutePolicySpec) -> list[str]:
    offered = set(spec.models)
    named = (name for rule in spec.rules for entry in rule.match for name in entry.models)
    return list(dict.fromkeys(name for name in named if name not in offered))


def _refused_headers(spec: MatchSpec) -> list[str]:
    return [name for name in spec.headers if name.lower() in REFUSED_HEADERS]


def _never_fallback(spec: FallbackSpec) -> list[str]:
    return [name.value for name in spec.when or [] if name in NEVER_FALLBACK]


_NEVER = ", ".join(name.value for name in NEVER_FALLBACK)
_REFUSED = ", ".join(REFUSED_HEADERS[:-1]) + f" and {REFUSED_HEADERS[-1]}"

POLICY_RULES: tuple[Rule[Any], ...] = (
    Rule(
        RoutePolicySpec,
        "rules",
        "two rules have the same name; give each its own",
        lambda spec: repeated(rule.name for rule in spec.rules),
        "self.rules.all(one, self.rules.exists_one(other, one.name == other.name))",
    ),
    Rule(
        RoutePolicySpec,
        "rules",
        "match.models names a model that spec.models does not offer; add it there or remove it here",
        _unknown_models,
        "self.rules.all(rule, !has(rule.match) || rule.match.all(entry, !has(entry.models) || "
        "entry.models.all(name, name in self.models)))",
    ),
    Rule(
        MatchSpec,
        "headers",
        f"{_REFUSED} hold what callers prove themselves with; match on another header",
        _refused_headers,
        "!has(self.headers) || self.headers.all(name, !(name.lowerAscii() in "
        "['authorization', 'cookie', 'x-api-key']))",
    ),
    Rule(
        MatchSpec,
        "headers",
        "names of headers are case-insensitive; name each once",
        lambda spec: repeated(name.lower() for name in spec.headers),
        "!has(self.headers) || self.headers.all(one, self.headers.exists_one(other, "
        "one.lowerAscii() == other.lowerAscii()))",
    ),
    Rule(
        TokenRange,
        "min",
        "must not be greater than max",
        lambda spec: _exceeds(spec.min, spec.max),
        "!has(self.min) || !has(self.max) || self.min <= self.max",
    ),
    Rule(
        RouteSpec,
        "targets",
        "a target stands more than once; name each once",
        lambda spec: repeated(
            f"{target.provider.namespace or ''}/{target.provider.name}/{target.model}".lstrip("/")
            for target in spec.targets
        ),
        "self.targets.all(one, self.targets.exists_one(other, one.model == other.model && "
        "one.provider == other.provider))",
    ),
    Rule(
        BackoffSpec,
        "base",
        "must not be longer than max",
        lambda spec: _exceeds(_seconds(spec.base), _seconds(spec.max)),
        "!has(self.base) || !has(self.max) || duration(self.base) <= duration(self.max)",
    ),
    Rule(
        FallbackSpec,
        "when",
        f"{_NEVER} are the nature of the call, not of a provider; remove them",
        _never_fallback,
        "!has(self.when) || self.when.all(name, !(name in ["
        + ", ".join(f"'{name.value}'" for name in NEVER_FALLBACK)
        + "]))",
    ),
)

GATEWAY_RULES: tuple[Rule[Any], ...] = (
    Rule(
        ReplicasSpec,
        "max",
        "must not be less than min",
        lambda spec: spec.max < spec.min,
        f"!has(self.max) || {_or('min', '2')} <= self.max",
    ),
    Rule(
        ModelGatewaySpec,
        "listeners",
        "two listeners have the same port; give each its own",
        lambda spec: repeated(str(listener.port) for listener in spec.listeners),
        "!has(self.listeners) || self.listeners.all(one, self.listeners.exists_one(other, one.port == other.port))",
    ),
    Rule(
        ListenerSpec,
        "port",
        f"{ADMIN_PORT} is the proxies' own port for health and metrics; choose another",
        lambda spec: spec.port == ADMIN_PORT,
        f"self.port != {ADMIN_PORT}",
    ),
    Rule(
        LabelExpression,
        "values",
        "In and NotIn need values; Exists and DoesNotExist take none",
        lambda spec: bool(spec.values) != (spec.operator in (LabelOperator.IN, LabelOperator.NOT_IN)),
        "(has(self.values) && size(self.values) > 0) == (self.operator in ['In', 'NotIn'])",
    ),
)

RULES: tuple[Rule[Any], ...] = PROVIDER_RULES + POLICY_RULES + GATEWAY_RULES

_BY_TYPE: dict[type[Resource], tuple[Rule[Any], ...]] = {
    model: tuple(rule for rule in RULES if rule.on is model) for model in {rule.on for rule in RULES}
}
