"""RoutePolicy: a tenant's virtual models and the rules that choose targets, as the tenant writes them."""

import re
from typing import Annotated

from pydantic import Field

from fairlead_operator.resources.checks import SET, Checked
from fairlead_operator.resources.fields import within
from fairlead_operator.resources.meta import Duration, Name, ObjectReference, Resource
from fairlead_operator.resources.provider import ModelName
from fairlead_proxy.contract.names import (
    FailureClass,
    Operation,
    Strategy,
    WhenBroken,
    WhenFiltered,
    WhenGone,
    WhenTooLong,
)

VIRTUAL_MODEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$"
INTENT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
VirtualModel = Annotated[str, Field(min_length=1, max_length=128, pattern=VIRTUAL_MODEL_PATTERN)]
Intent = Annotated[str, Field(min_length=1, max_length=64, pattern=INTENT_PATTERN)]
Deadline = Annotated[Duration, within("10ms", "24h")]
Pause = Annotated[Duration, within("0s", "5m")]

HEADER_NAMES = Checked(
    cel="self.all(name, size(name) <= 64 && name.matches('^[A-Za-z0-9-]+$'))",
    message="a header's name is made of letters, digits and hyphens, 64 at most",
    holds=lambda headers: all(re.fullmatch(r"[A-Za-z0-9-]{1,64}", name) for name in headers),
)

REFUSED_HEADERS = ("authorization", "cookie", "x-api-key")
"""No rule may look at these: they hold what callers prove themselves with."""

NEVER_FALLBACK = (
    FailureClass.CONTEXT_LENGTH_EXCEEDED,
    FailureClass.CONTENT_FILTERED,
    FailureClass.INVALID_REQUEST,
    FailureClass.CLIENT_GONE,
)


class IntentMatch(Resource):
    """What the call is for, as the caller says in the header x-fairlead-intent."""

    any_of: Annotated[
        list[Intent], Field(description="Intents of which one must be the call's.", min_length=1, max_length=16), SET
    ]


class TokenRange(Resource):
    """Bounds, both inclusive, on the estimated size of the prompt."""

    min: Annotated[int | None, Field(description="At least so many tokens.", ge=0, le=100_000_000)] = None
    max: Annotated[int | None, Field(description="At most so many tokens.", ge=0, le=100_000_000)] = None


class MatchSpec(Resource):
    """One way to match: everything that is given must hold."""

    models: Annotated[
        list[VirtualModel], Field(description="Virtual models of this policy; omitted: any.", max_length=32), SET
    ] = []
    headers: Annotated[
        dict[str, Annotated[str, Field(max_length=256)]],
        Field(
            description="Request headers with exactly these values; names are case-insensitive. authorization, cookie "
            "and x-api-key are refused.",
            max_length=16,
        ),
        HEADER_NAMES,
    ] = {}
    operations: Annotated[
        list[Operation],
        Field(
            description="What the caller asks for: chat, by OpenAI's chat completions or Anthropic's or Gemini's API; "
            "responses, by OpenAI's Responses API; countTokens, by whichever of them. Omitted: any.",
            max_length=8,
        ),
        SET,
    ] = []
    prompt_tokens: Annotated[
        TokenRange | None,
        Field(description="Bounds on the prompt's tokens. They are estimated: bytes of text divided by 4."),
    ] = None
    intent: Annotated[IntentMatch | None, Field(description="What the call is for.")] = None


class TargetSpec(Resource):
    """A model at a provider."""

    provider: Annotated[ObjectReference, Field(description="The ModelProvider.")]
    model: Annotated[ModelName, Field(description="One of its models, by `name`.")]
    priority: Annotated[int, Field(description="Lower goes first; used by the strategy Priority.", ge=0, le=100)] = 0
    weight: Annotated[
        int,
        Field(description="Share of the calls within one priority, or within the rule for Weighted.", ge=1, le=1000),
    ] = 1


class RouteSpec(Resource):
    """Where calls of a rule go."""

    strategy: Annotated[Strategy, Field(description="Priority: in order of priority. Weighted: by weight alone.")] = (
        Strategy.PRIORITY
    )
    targets: Annotated[list[TargetSpec], Field(description="The targets.", min_length=1, max_length=16)]


class TimeoutsSpec(Resource):
    """The four deadlines of a call."""

    total: Annotated[Deadline | None, Field(description="For the whole call, all attempts together.")] = None
    per_try: Annotated[Deadline | None, Field(description="For one attempt until content begins to flow.")] = None
    first_token: Annotated[Deadline | None, Field(description="For a stream's first content.")] = None
    idle: Annotated[
        Deadline | None,
        Field(description="Between two pieces of a stream; comments that keep the connection alive are pieces too."),
    ] = None


class BackoffSpec(Resource):
    """Pauses before a repeat, with full jitter."""

    base: Annotated[Pause | None, Field(description="Upper bound of the first pause; it doubles.")] = None
    max: Annotated[Pause | None, Field(description="Upper bound of any pause.")] = None


class RetrySpec(Resource):
    """Repeats on the same target, before the next one is tried."""

    same_target: Annotated[int | None, Field(description="How many repeats.", ge=0, le=5)] = None
    backoff: Annotated[BackoffSpec, Field(description="Pauses before a repeat.")] = BackoffSpec()
    budget_percent: Annotated[
        int | None, Field(description="Repeats may add at most this share of the calls.", ge=0, le=100)
    ] = None


class FallbackSpec(Resource):
    """When the next target is tried: for failures of providers, and for three that lie in the nature of a call."""

    when: Annotated[
        Annotated[list[FailureClass], SET] | None,
        Field(
            description="Failure classes that move on to the next target; omitted: every one that blames the provider.",
            max_length=13,
        ),
    ] = None
    context_length: Annotated[
        WhenTooLong | None,
        Field(
            description="What becomes of a call that a target finds too long. ToLarger: targets follow whose "
            "contextWindow is larger, or is not stated. Deny: the caller gets the provider's refusal. Built in: "
            "ToLarger."
        ),
    ] = None
    content_filter: Annotated[
        WhenFiltered | None,
        Field(
            description="What becomes of a call that a provider's filter stops before content flows. Fallback: the "
            "next target is asked. Deny: the caller gets the provider's refusal. Built in: Deny."
        ),
    ] = None
    mid_stream: Annotated[
        WhenBroken | None,
        Field(
            description="What becomes of a stream that breaks after content has flowed. Error: it ends with a typed "
            "error. Continue: the next target gets the conversation and what was said so far, and the stream goes on, "
            "with a comment event at the place; text only, never within a tool call or structured output, where it "
            "ends as with Error. Two models' words may not fit together. Built in: Error."
        ),
    ] = None


class ResilienceSpec(Resource):
    """Deadlines, repeats and fallback; what is omitted comes from the gateway's defaults."""

    timeouts: Annotated[TimeoutsSpec, Field(description="Deadlines.")] = TimeoutsSpec()
    retry: Annotated[RetrySpec, Field(description="Repeats on the same target.")] = RetrySpec()
    fallback: Annotated[FallbackSpec, Field(description="When the next target is tried.")] = FallbackSpec()
    client_gone: Annotated[
        WhenGone | None,
        Field(
            description="What becomes of an attempt whose caller leaves. Cancel: the provider is told at once, and "
            "what it does not count is estimated. Drain: its answer is heard out for 2 seconds at most, so that its "
            "own count is booked; what it makes meanwhile is paid for. Built in: Cancel."
        ),
    ] = None


class RuleSpec(Resource):
    """One rule; the first that matches serves the call."""

    name: Annotated[Name, Field(description="Name of the rule, unique in this policy.")]
    match: Annotated[
        list[MatchSpec], Field(description="Any entry may match; omitted: every model of this policy.", max_length=8)
    ] = []
    route: Annotated[RouteSpec, Field(description="Where the calls go.")]
    resilience: Annotated[ResilienceSpec, Field(description="Deadlines, repeats and fallback.")] = ResilienceSpec()


class RoutePolicySpec(Resource):
    """Virtual models for the callers of this namespace, and the rules that choose targets."""

    gateway_ref: Annotated[ObjectReference, Field(description="The ModelGateway that serves this policy.")]
    models: Annotated[
        list[VirtualModel],
        Field(description="Virtual models offered to this namespace's callers.", min_length=1, max_length=32),
        SET,
    ]
    rules: Annotated[
        list[RuleSpec], Field(description="The first rule that matches serves the call.", min_length=1, max_length=64)
    ]
