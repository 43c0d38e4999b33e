"""Deadlines, repeats and fallback of a rule: what the policy says over what the gateway says over what is built in."""

from fairlead_operator.resources.meta import duration_seconds
from fairlead_operator.resources.policy import ResilienceSpec
from fairlead_proxy.contract.config import Resilience, Retry, Timeouts


def merge_resilience(spec: ResilienceSpec, base: Resilience) -> Resilience:
    """Return `base` with everything that the spec gives put over it, field by field."""
    given = spec.fallback
    return Resilience(
        timeouts=_timeouts(spec, base.timeouts),
        retry=_retry(spec, base.retry),
        fallback_when=base.fallback_when if given.when is None else frozenset(given.when),
        too_long=given.context_length or base.too_long,
        filtered=given.content_filter or base.filtered,
        broken=given.mid_stream or base.broken,
        gone=spec.client_gone or base.gone,
    )


def _timeouts(spec: ResilienceSpec, base: Timeouts) -> Timeouts:
    given = spec.timeouts
    return Timeouts(
        total_seconds=_seconds(given.total, base.total_seconds),
        per_try_seconds=_seconds(given.per_try, base.per_try_seconds),
        first_token_seconds=_seconds(given.first_token, base.first_token_seconds),
        idle_seconds=_seconds(given.idle, base.idle_seconds),
    )


def _retry(spec: ResilienceSpec, base: Retry) -> Retry:
    given = spec.retry
    return Retry(
        same_target=base.same_target if given.same_target is None else given.same_target,
        backoff_base_seconds=_seconds(given.backoff.base, base.backoff_base_seconds),
        backoff_max_seconds=_seconds(given.backoff.max, base.backoff_max_seconds),
        budget_percent=base.budget_percent if given.budget_percent is None else given.budget_percent,
    )


def _seconds(given: str | None, otherwise: float) -> float:
    return otherwise if given is None else duration_seconds(given)
