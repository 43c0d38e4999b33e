"""What stands in single values of our charts: names, labels, quantities, and structures that others define."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

CLOSED = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)
"""Unknown fields are refused; names are camelCase in YAML."""

UNIQUE = {"uniqueItems": True}


Name = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
Names = Annotated[list[Name], Field(max_length=64, json_schema_extra=UNIQUE)]
GatewayNamespace = Annotated[Name, Field(json_schema_extra={"not": {"const": "all"}})]
"""The operator's own word for every namespace is no namespace here: its rights are given one by one."""

Labels = dict[str, str]
Quantity = Annotated[str | int | float, WithJsonSchema({"type": ["string", "number"]})]
GatewaySpec = dict[str, Any]
"""The schema takes it from the definition of ModelGateway."""


Interval = Annotated[
    str,
    Field(
        description="How often, such as 30s. Empty: as often as the Prometheus scrapes otherwise.",
        pattern=r"^([0-9]+(ms|s|m|h))*$",
    ),
]


class Values(BaseModel):
    """The base of all that stands in one value."""

    model_config = CLOSED


class Resources(Values):
    """What a container is given, and what it may take."""

    requests: Annotated[dict[str, Quantity], Field(description="What it is given.")] = {}
    limits: Annotated[dict[str, Quantity], Field(description="What it may take.")] = {}


class Toleration(Values):
    """A taint that is tolerated."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class Requirement(Values):
    """A demand on a label."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = []


class Selector(Values):
    """A selector of labels."""

    match_labels: Labels = {}
    match_expressions: list[Requirement] = []


class AddressRange(Values):
    """A range of addresses."""

    cidr: str
    except_: Annotated[list[str], Field(alias="except")] = []


class Peer(Values):
    """A peer as in a NetworkPolicy; an empty one would be everybody, so it is refused."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    namespace_selector: Selector | None = None
    pod_selector: Selector | None = None
    ip_block: AddressRange | None = None


class Relabeling(Values):
    """A step of relabeling."""

    source_labels: list[str] = []
    separator: str | None = None
    target_label: str | None = None
    regex: str | None = None
    modulus: int | None = None
    replacement: str | None = None
    action: str | None = None
