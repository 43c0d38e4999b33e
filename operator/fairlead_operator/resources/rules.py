"""Every rule over several fields, those of policies and gateways among them, and which of them an object breaks.

The rules of providers stand in `provider_rules.py`, those of who may scrape a gateway in `telemetry_rules.py`, those of
one field alone beside that field (`fields.py`).
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

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
from fairlead_operator.resources.provider_rules import PROVIDER_RULES
from fairlead_operator.resources.rule import Rule, given_or
from fairlead_operator.resources.telemetry_rules import TELEMETRY_RULES


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


def _seconds(text: str | None) -> float | None:
    return None if text is None else duration_seconds(text)


def _exceeds(least: float | None, most: float | None) -> bool:
    return least is not None and most is not None and least > most


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
        f"{_NEVER} are the nature of the call, not of a provider; remove them, and see contextLength and contentFilter",
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
        f"!has(self.max) || {given_or('min', '2')} <= self.max",
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

RULES: tuple[Rule[Any], ...] = PROVIDER_RULES + POLICY_RULES + GATEWAY_RULES + TELEMETRY_RULES

_BY_TYPE: dict[type[Resource], tuple[Rule[Any], ...]] = {
    model: tuple(rule for rule in RULES if rule.on is model) for model in {rule.on for rule in RULES}
}
