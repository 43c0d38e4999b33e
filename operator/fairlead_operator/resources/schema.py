"""The CustomResourceDefinitions, made from the models that users' objects are read with."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel

from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_operator.resources.meta import GROUP, NAME_PATTERN, VERSION, Kind, Resource
from fairlead_operator.resources.policy import RoutePolicySpec
from fairlead_operator.resources.provider import ModelProviderSpec
from fairlead_operator.resources.rule import Rule
from fairlead_operator.resources.rules import RULES, rules_of
from fairlead_operator.resources.status_schema import (
    CommonStatus,
    ModelGatewayStatus,
    ModelProviderStatus,
    RoutePolicyStatus,
)

Schema = dict[str, Any]

CATEGORIES = ("fairlead", "ai")
"""What stands for all our kinds in `kubectl get`."""

NAME_MESSAGE = "the name must be a DNS label: at most 63 letters, digits and hyphens, all lower-case"
GATEWAY_NAME_MESSAGE = "the name of a ModelGateway is that of its Service, so it must begin with a letter"
GATEWAY_NAME_PATTERN = r"^[a-z].*$"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `wide`: only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What the API server must know of a kind beside its schema."""

    plural: str
    short_name: str
    spec: type[Resource]
    status: type[CommonStatus]
    columns: tuple[Column, ...]


def _condition(column: str, condition: str, field: str = "status", *, wide: bool = False) -> Column:
    return Column(column, f'.status.conditions[?(@.type=="{condition}")].{field}', wide=wide)


_AGE = Column("Age", ".metadata.creationTimestamp", "date")
_REASON = _condition("Reason", "Ready", "reason", wide=True)
_COST_TODAY = Column("Cost-Today", ".status.usage.cost[0].amount", wide=True)

KINDS: dict[Kind, KindFacts] = {
    Kind.MODEL_PROVIDER: KindFacts(
        "modelproviders",
        "mp",
        ModelProviderSpec,
        ModelProviderStatus,
        (
            Column("Type", ".spec.type"),
            _condition("Ready", "Ready"),
            Column("Health", ".status.health.state"),
            Column("Since", ".status.health.since", "date"),
            Column("TTFT-P95", ".status.health.ttftP95"),
            Column("Used-By", ".status.dependents.policies", "integer"),
            Column("Maintenance", ".spec.maintenance.state", wide=True),
            _COST_TODAY,
            _REASON,
            _AGE,
        ),
    ),
    Kind.ROUTE_POLICY: KindFacts(
        "routepolicies",
        "rp",
        RoutePolicySpec,
        RoutePolicyStatus,
        (
            _condition("Ready", "Ready"),
            _condition("Available", "Available"),
            Column("Active", ".status.rules[0].active"),
            _condition("Redundant", "Redundant"),
            Column("Gateway", ".spec.gatewayRef.name"),
            _COST_TODAY,
            _REASON,
            _AGE,
        ),
    ),
    Kind.MODEL_GATEWAY: KindFacts(
        "modelgateways",
        "mg",
        ModelGatewaySpec,
        ModelGatewayStatus,
        (
            _condition("Ready", "Ready"),
            _condition("Available", "Available"),
            Column("Proxies", ".status.proxies.ready", "integer"),
            Column("Policies", ".status.policies", "integer"),
            Column("Address", ".status.address"),
            Column("Revision", ".status.revision"),
            _REASON,
            _AGE,
        ),
    ),
}


def crd_of(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind; the caller may change what it gets."""
    facts = KINDS[kind]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{facts.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.value,
                "listKind": f"{kind.value}List",
                "plural": facts.plural,
                "singular": kind.value.lower(),
                "shortNames": [facts.short_name],
                "categories": list(CATEGORIES),
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_printer_column(column) for column in facts.columns],
                    "schema": {"openAPIV3Schema": _object_schema(kind, facts)},
                }
            ],
        },
    }


def crd_files() -> dict[str, str]:
    """Return the text of each file under crds/, by file name."""
    return {f"{facts.plural}.{GROUP}.yaml": _yaml_of(crd_of(kind)) for kind, facts in KINDS.items()}


@cache
def resolved_schema(model: type[BaseModel]) -> Schema:
    """Return the JSON schema of a model with every reference replaced by what it refers to; not to be changed."""
    schema = model.model_json_schema(by_alias=True)
    return _resolve(schema, schema.get("$defs", {}))


def _resolve(node: Schema, models: Mapping[str, Schema]) -> Schema:
    """Inline references, and take `X or null` for an X that may be omitted."""
    siblings = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "$defs", "title")}
    if "$ref" in node:
        name = node["$ref"].removeprefix("#/$defs/")
        return {**_resolve(models[name], models), **siblings}
    if "anyOf" in node:
        [given] = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        return {**_resolve(given, models), **siblings}
    resolved = dict(siblings)
    if node.get("type") == "object":
        validations = [_validation(rule) for rule in rules_of(_RULED.get(node.get("title", ""), Resource))]
        if validations:
            resolved["x-kubernetes-validations"] = validations
    if "properties" in node:
        resolved["properties"] = {name: _resolve(each, models) for name, each in node["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            resolved[key] = _resolve(node[key], models)
    return resolved


_RULED: dict[str, type[Resource]] = {rule.on.__name__: rule.on for rule in RULES}


def _validation(rule: Rule[Any]) -> Schema:
    where = {"fieldPath": f".{rule.field}"} if rule.field else {}
    return {"rule": rule.cel, "message": rule.message, **where}


def _object_schema(kind: Kind, facts: KindFacts) -> Schema:
    names = {f"size(self.metadata.name) <= 63 && self.metadata.name.matches('{NAME_PATTERN}')": NAME_MESSAGE}
    if kind is Kind.MODEL_GATEWAY:
        names[f"self.metadata.name.matches('{GATEWAY_NAME_PATTERN}')"] = GATEWAY_NAME_MESSAGE
    return {
        "type": "object",
        "description": facts.spec.__doc__,
        "required": ["spec"],
        "x-kubernetes-validations": [
            {"rule": rule, "message": message, "fieldPath": ".metadata.name"} for rule, message in names.items()
        ],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}."},
            "kind": {"type": "string", "description": f"{kind.value}."},
            "metadata": {"type": "object", "properties": {"name": dict(_NAME_SCHEMA)}},
            "spec": {**_structural(resolved_schema(facts.spec)), "description": "What is wanted."},
            "status": {**_structural(resolved_schema(facts.status)), "description": "What was observed."},
        },
    }


_NAME_SCHEMA = {"type": "string", "description": "Name of the object.", "maxLength": 253}
"""Shown only because a rule's `fieldPath` may name nothing else; 253 is what the API server allows any name."""


def _structural(node: Schema, *, within_list: bool = False) -> Schema:
    """Return a structural schema of Kubernetes.

    Defaults of single values stay, but not within lists: there they would be written into users' lists, and a
    GitOps tool, which compares a list as a whole, would see a difference for ever. The operator knows them anyway.
    """
    # Copied: what comes out is the caller's to change, and the resolved schema is kept for the next one.
    kept = {key: deepcopy(value) for key, value in node.items() if key in _KEPT}
    default = node.get("default")
    plain = isinstance(default, str | int)
    if plain and not within_list:
        kept["default"] = default
    elif plain or (default and isinstance(default, list) and not isinstance(default[0], dict)):
        kept["description"] = f"{node['description']} Default: {_shown_default(default)}."
    if "properties" in node:
        kept["properties"] = {
            name: _structural(each, within_list=within_list) for name, each in node["properties"].items()
        }
    if "items" in node:
        kept["items"] = _structural(node["items"], within_list=True)
        kept.setdefault("x-kubernetes-list-type", "atomic")
    if isinstance(node.get("additionalProperties"), dict):
        kept["additionalProperties"] = _structural(node["additionalProperties"], within_list=True)
    return kept


_KEPT = (
    "type",
    "format",
    "description",
    "enum",
    "required",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-validations",
)


def _shown_default(default: object) -> str:
    """Return a default as a reader of YAML would write it."""
    return default if isinstance(default, str) else json.dumps(default)


def _printer_column(column: Column) -> Schema:
    shown: Schema = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**shown, "priority": 1} if column.wide else shown


def _yaml_of(crd: dict[str, Any]) -> str:
    head = "# Generated from the models in operator/fairlead_operator/resources; edit those, then: make generate\n"
    return head + yaml.safe_dump(crd, sort_keys=False, width=120, allow_unicode=True)
