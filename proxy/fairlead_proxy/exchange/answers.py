"""What the client gets when no target answered: the calls' own answers, as design section 11 lays them down."""

import math
from collections.abc import Sequence

from fairlead_proxy.contract.names import TIMEOUT_CLASSES, FailureClass
from fairlead_proxy.decision.plan import Refusal, RefusalKind
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.exchange.outcome import Outcome

NO_RETRY = ("x-should-retry", "false")
"""Keeps the openai SDKs from multiplying attempts by three once all targets have been tried."""

SHUTTING_DOWN = Answer(503, "shutting_down", "This proxy is shutting down.", headers=(("retry-after", "1"),))
INTERNAL_ERROR = Answer(500, "internal_error", "the gateway failed to serve this call; its log has the details")

_STATUS = {
    RefusalKind.MODEL_NOT_FOUND: 404,
    RefusalKind.NO_RULE: 404,
    RefusalKind.CAPABILITY_MISSING: 400,
    RefusalKind.NO_TARGET: 503,
}
_NATURE_CLASSES = frozenset(
    {FailureClass.INVALID_REQUEST, FailureClass.CONTEXT_LENGTH_EXCEEDED, FailureClass.CONTENT_FILTERED}
)
"""The call's own fault; normally answered in the provider's own words."""

_LIMIT_CLASSES = frozenset({FailureClass.RATE_LIMITED, FailureClass.QUOTA_EXHAUSTED})


def refused(refusal: Refusal | None, now: float) -> Answer:
    """Return the answer of a call for which no target is tried; a plan without a step says why."""
    refusal = refusal or Refusal(RefusalKind.NO_TARGET, "no target can serve this call")
    headers: tuple[tuple[str, str], ...] = ()
    if refusal.kind is RefusalKind.NO_TARGET:
        headers = (*_retry_after(refusal.retry_at, now), NO_RETRY)
    param = "model" if refusal.kind is RefusalKind.MODEL_NOT_FOUND else None
    return Answer(_STATUS[refusal.kind], str(refusal.kind), refusal.message, param, headers)


def exhausted(model: str, outcomes: Sequence[Outcome], retry_at: float | None, now: float) -> Answer:
    """Return the answer of a call that no target answered, though it was planned. Nothing in it is the vendor's.

    Without any outcome every breaker has opened since the plan. `retry_at`: the soonest instant at which a target of
    the call may be tried again.
    """
    if not outcomes:
        return refused(Refusal(RefusalKind.NO_TARGET, f"no target of the model {model!r} can serve now", retry_at), now)
    told = "; ".join(f"{outcome.provider}/{outcome.model} {outcome.failure}" for outcome in outcomes)
    message = f"no target of the model {model!r} could answer: {told}"
    if outcomes[-1].failure in _NATURE_CLASSES:
        return Answer(400, "invalid_request", message)
    # Who found the call too long, or filtered it, does not tell whether another may answer it later.
    if all(outcome.failure in _LIMIT_CLASSES for outcome in outcomes if outcome.failure not in _NATURE_CLASSES):
        return Answer(429, "rate_limited", message, None, (*_retry_after(retry_at, now), NO_RETRY))
    if outcomes[-1].failure in TIMEOUT_CLASSES:
        return Answer(504, "upstream_timeout", message, None, (NO_RETRY,))
    return Answer(502, "upstream_failed", message, None, (NO_RETRY,))


def broken_off(outcome: Outcome) -> Answer:
    """Return the error that ends a stream of which something was already sent."""
    code = "upstream_timeout" if outcome.failure in TIMEOUT_CLASSES else "upstream_failed"
    message = f"the answer of {outcome.provider}/{outcome.model} broke off: {outcome.failure}"
    return Answer(502, code, message)


def _retry_after(retry_at: float | None, now: float) -> tuple[tuple[str, str], ...]:
    """Whole seconds, at least one. Source: RFC 9110, section 10.2.3."""
    if retry_at is None:
        return ()
    return (("retry-after", str(max(1, math.ceil(retry_at - now)))),)
