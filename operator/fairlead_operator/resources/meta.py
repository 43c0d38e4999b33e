"""What all our kinds share: group, version, object identity, references, selectors and durations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from fairlead_operator.resources.checks import Checked

GROUP = "fairlead.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

KEY_LABEL = "fairlead.dev/key"
"""Secrets with this label set to "true" hold a caller's API key in `data.key`."""

TENANT_NAMESPACE_LABEL = "fairlead.dev/tenant-namespace"
"""Only in a gateway's own namespace: the namespace whose tenant the key stands for."""

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"

DURATION_PATTERN = r"^([0-9]+(ms|s|m|h))+$"
DECIMAL_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DURATION_PART = re.compile(r"([0-9]+)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Kind(StrEnum):
    MODEL_PROVIDER = "ModelProvider"
    ROUTE_POLICY = "RoutePolicy"
    MODEL_GATEWAY = "ModelGateway"


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """One object of ours. The text form of the last two is `namespace/name`, its id."""

    kind: Kind
    namespace: str
    name: str

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def duration_seconds(text: str) -> float:
    """Return a duration such as `1m30s` or `250ms` in seconds; raise ValueError where it is none."""
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration: write for example 250ms, 30s, 5m or 1h30m")
    return sum(int(amount) * _SECONDS[unit] for amount, unit in _DURATION_PART.findall(text))


Duration = Annotated[str, Field(max_length=32, pattern=DURATION_PATTERN)]
FRACTION_PATTERN = r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$"
Fraction = Annotated[str, Field(max_length=12, pattern=FRACTION_PATTERN)]
"""A number from 0 to 1, written as a string: CRDs have no floats that survive every client."""

Name = Annotated[str, Field(min_length=1, max_length=63, pattern=NAME_PATTERN)]


class Resource(BaseModel):
    """The base of everything users write: unknown fields are refused, names are camelCase in YAML.

    A field that is null counts as omitted, as it does for the API server. An entry of a map that is null is refused,
    which is stricter: the API server drops it, and a rule that shall match on a header would match without it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False)

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict) or None not in value.values():
            return value
        known = {field.alias for field in cls.model_fields.values()}
        return {name: each for name, each in value.items() if each is not None or name not in known}


class ObjectReference(Resource):
    """A reference to an object of ours; without a namespace it means the referring object's own."""

    name: Annotated[Name, Field(description="Name of the object.")]
    namespace: Annotated[Name | None, Field(description="Its namespace; omitted: the namespace of this object.")] = None

    def id(self, own_namespace: str) -> str:
        return f"{self.namespace or own_namespace}/{self.name}"


class LabelOperator(StrEnum):
    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


LABEL_KEY_PATTERN = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
LABEL_KEYS = Checked(
    cel=f"self.all(key, size(key) <= 317 && key.matches('{LABEL_KEY_PATTERN}'))",
    message="must be names of labels, such as example.com/team",
    holds=lambda labels: all(len(key) <= 317 and re.match(LABEL_KEY_PATTERN, key) for key in labels),
)
LabelKey = Annotated[str, Field(min_length=1, max_length=317, pattern=LABEL_KEY_PATTERN)]
LabelValue = Annotated[str, Field(max_length=63)]


class LabelExpression(Resource):
    """One demand on a label, as in every selector of Kubernetes."""

    key: Annotated[LabelKey, Field(description="Name of the label.")]
    operator: Annotated[LabelOperator, Field(description="How the label's value is compared with `values`.")]
    values: Annotated[
        list[LabelValue], Field(description="For In and NotIn: the values; else none.", max_length=32)
    ] = []

    def selects(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case LabelOperator.IN:
                return labels.get(self.key) in self.values
            case LabelOperator.NOT_IN:
                return labels.get(self.key) not in self.values
            case LabelOperator.EXISTS:
                return self.key in labels
            case LabelOperator.DOES_NOT_EXIST:
                return self.key not in labels


class LabelSelector(Resource):
    """Objects by label. Everything that is given must hold; an empty selector selects all."""

    match_labels: Annotated[
        dict[str, LabelValue],
        Field(description="Labels that must be there, with these values.", max_length=16),
        LABEL_KEYS,
    ] = {}
    match_expressions: Annotated[
        list[LabelExpression], Field(description="Demands on labels that must hold.", max_length=16)
    ] = []

    @property
    def selects_all(self) -> bool:
        return not self.match_labels and not self.match_expressions

    def selects(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(name) == value for name, value in self.match_labels.items()) and all(
            expression.selects(labels) for expression in self.match_expressions
        )


class NamespacesSelector(Resource):
    """Which namespaces are meant, beside the object's own, which always is."""

    namespace_selector: Annotated[
        LabelSelector | None,
        Field(description="Selects namespaces by label; {} selects all; omitted selects none but the object's own."),
    ] = None

    def selects(self, labels: Mapping[str, str]) -> bool:
        return self.namespace_selector is not None and self.namespace_selector.selects(labels)
