"""The status of each kind, as the operator writes it and users read it; the CRDs carry its schema."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from fairlead_operator.resources.checks import ListType

Text = Annotated[str, Field(max_length=512)]
Instant = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]


class StatusPart(BaseModel):
    """The base of everything in a status."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Condition(StatusPart):
    """One thing that is true of the object, false, or not known."""

    type: Annotated[str, Field(description="What the condition is about.", min_length=1, max_length=316)]
    status: Annotated[
        Literal["True", "False", "Unknown"], Field(description="Unknown: nothing was observed, or too long ago.")
    ]
    observed_generation: Annotated[
        int | None, Field(description="The generation of the spec that the condition speaks of.", ge=0)
    ] = None
    last_transition_time: Annotated[Instant, Field(description="When `status` last changed.")]
    reason: Annotated[
        str,
        Field(
            description="Why, in one word.",
            min_length=1,
            max_length=256,
            pattern=r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
        ),
    ]
    message: Annotated[str, Field(description="Why, in a sentence.", max_length=1024)]


class CommonStatus(StatusPart):
    """What every status has."""

    observed_generation: Annotated[
        int | None, Field(description="The generation of the spec that this status speaks of.", ge=0)
    ] = None
    conditions: Annotated[
        list[Condition], Field(description="What is true of the object.", max_length=16), ListType("type")
    ] = []


class ObserversStatus(StatusPart):
    """Which proxies the health is known from."""

    reporting: Annotated[Count, Field(description="Proxies with evidence of calls or probes that still holds.")]
    total: Annotated[Count, Field(description="Ready proxies, each of which may be an observer.")]
    dissenting: Annotated[
        list[Text], Field(description="Proxies that see it otherwise than the quorum.", max_length=20)
    ] = []


class PartStatus(StatusPart):
    """A credential or a model that is not healthy."""

    name: Annotated[Text, Field(description="Its name in the spec.")]
    state: Annotated[Text, Field(description="What is wrong with it.")]
    until: Annotated[Instant | None, Field(description="No call is sent there before.")] = None


class HealthStatus(StatusPart):
    """What the proxies observed of the provider."""

    state: Annotated[
        Literal["Healthy", "Degraded", "Unavailable", "Unknown"],
        Field(description="Degraded: it serves, but a part of its credentials or models does not."),
    ]
    since: Annotated[Instant | None, Field(description="Since when it is in this state.")] = None
    observers: Annotated[ObserversStatus | None, Field(description="Which proxies it is known from.")] = None
    success_rate: Annotated[
        Text | None, Field(description="Share of attempts that succeeded in the last 5 minutes, 0 to 1, rounded.")
    ] = None
    ttft_p95: Annotated[
        Text | None, Field(alias="ttftP95", description="Time to the first token, 95th percentile, rounded.")
    ] = None
    credentials: Annotated[
        list[PartStatus], Field(description="Credentials that are not healthy, 20 at most.", max_length=20)
    ] = []
    models: Annotated[
        list[PartStatus], Field(description="Models that are not healthy, 20 at most.", max_length=20)
    ] = []


class DependentsStatus(StatusPart):
    """Who uses the provider."""

    policies: Annotated[Count, Field(description="Policies with a rule that names it.")]
    namespaces: Annotated[Count, Field(description="Namespaces of these policies.")]
    sole_target_of: Annotated[Count, Field(description="Policies with a rule that has no other target.")]


class AmountStatus(StatusPart):
    """An amount of one currency."""

    currency: Annotated[str, Field(description="Code of the currency, such as USD.", max_length=16)]
    amount: Annotated[str, Field(description="Decimal, rounded.", max_length=32)]


class UsageStatus(StatusPart):
    """What was used on one day, as the proxies counted it."""

    day: Annotated[str, Field(description="The day in UTC, such as 2026-11-27.", max_length=10)]
    input_tokens: Annotated[Count, Field(description="Tokens that went in, cached ones included.")]
    output_tokens: Annotated[Count, Field(description="Tokens that came out.")]
    cost: Annotated[
        list[AmountStatus],
        Field(description="What the attempts with a known price cost; empty where no price is known.", max_length=8),
        ListType("currency"),
    ] = []
    unpriced_attempts: Annotated[
        Count, Field(description="Attempts that used tokens whose price is not known; `cost` leaves them out.")
    ]
    estimated_attempts: Annotated[
        Count, Field(description="Attempts whose tokens were estimated, since no provider told them.")
    ]


class ModelProviderStatus(CommonStatus):
    """What is known of the provider."""

    health: Annotated[HealthStatus | None, Field(description="What the proxies observed.")] = None
    dependents: Annotated[DependentsStatus | None, Field(description="Who uses it.")] = None
    usage: Annotated[
        UsageStatus | None,
        Field(
            description="What all its callers together used today, with two digits, and written anew only where that "
            "differs by more than a tenth: `fairlead cost` is exact. Absent where nothing was used yet."
        ),
    ] = None


class RuleStatus(StatusPart):
    """How one rule serves."""

    name: Annotated[Text, Field(description="Name of the rule.")]
    state: Annotated[
        Literal["Serving", "FallenBack", "NoTarget", "Unknown"],
        Field(description="FallenBack: another target than the first one serves."),
    ]
    active: Annotated[
        Text | None, Field(description="The target that a call would go to now: namespace/provider/model.")
    ] = None
    reason: Annotated[Text | None, Field(description="Why the rule is in this state.")] = None


class RoutePolicyStatus(CommonStatus):
    """How the policy is served."""

    rules: Annotated[list[RuleStatus], Field(description="Its rules, in their order.", max_length=64)] = []
    usage: Annotated[
        UsageStatus | None,
        Field(
            description="What its callers used today at all targets, with two digits, and written anew only where that "
            "differs by more than a tenth: `fairlead cost` is exact. Absent where nothing was used yet."
        ),
    ] = None


class ProxiesStatus(StatusPart):
    """The proxies of the fleet, counted."""

    total: Annotated[Count, Field(description="Proxies that exist: pods, or the workers of `fairlead run`.")]
    ready: Annotated[Count, Field(description="Of these, those that may get calls.")]
    programmed: Annotated[Count, Field(description="Of these, those that acknowledged the revision.")]


class ModelGatewayStatus(CommonStatus):
    """The state of the fleet."""

    address: Annotated[Text | None, Field(description="Where applications reach it, host:port.")] = None
    revision: Annotated[Text | None, Field(description="The configuration that its proxies shall serve.")] = None
    proxies: Annotated[ProxiesStatus | None, Field(description="Its proxies, counted.")] = None
    policies: Annotated[int | None, Field(description="Policies that it serves.", ge=0)] = None
