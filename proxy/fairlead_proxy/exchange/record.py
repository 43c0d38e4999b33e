"""One call as it is told afterwards: filled in while it lives, read by log, ring and metrics. Never any content."""

from fairlead_proxy.contract.names import Operation
from fairlead_proxy.decision.facts import CallFacts
from fairlead_proxy.decision.plan import Plan
from fairlead_proxy.exchange.call import ClientCall
from fairlead_proxy.exchange.outcome import Outcome

MAX_NAME = 256


class CallRecord:
    """Instants are Unix seconds. `code`: the HTTP status that the client got (499: it left first).

    `reason` is `ok`, or one word for what was wrong; it comes from closed sets, so that it may be a label. `last` is
    the newest attempt that has ended, `earlier` are those before it. `passed_by`: targets that were planned, but whose
    breaker had opened when their turn came.

    The ring keeps thousands of these: all that is not this call's alone is the configuration's own object, and
    nothing in here refers back, so that the collector has nothing to look for.
    """

    __slots__ = (
        "call", "caller", "code", "earlier", "ended_at", "facts", "last", "operation", "passed_by", "plan", "reason",
        "request_id", "revision", "started_at", "tenant",
    )  # fmt: skip

    def __init__(
        self,
        call: str,
        request_id: str,
        tenant: str,
        caller: str,
        revision: str,
        operation: Operation,
        started_at: float,
        ended_at: float = 0.0,
        code: int = 0,
        reason: str = "",
    ) -> None:
        self.call = call
        self.request_id = request_id
        self.tenant = tenant
        self.caller = caller
        self.revision = revision
        self.operation = operation
        self.started_at = started_at
        self.ended_at = ended_at
        self.code = code
        self.reason = reason
        self.facts: CallFacts | None = None
        self.plan: Plan | None = None
        self.last: Outcome | None = None
        self.earlier: tuple[Outcome, ...] = ()
        self.passed_by: tuple[str, ...] = ()

    @classmethod
    def of(cls, call: ClientCall, revision: str, now: float) -> "CallRecord":
        """Begin the record of a call; nothing of its body or headers is kept."""
        return cls(call.id, call.request_id, call.tenant, call.key_name, revision, call.operation, now)

    @property
    def virtual_model(self) -> str:
        """Return the model as the caller named it: any text, cut to what a record should hold."""
        return self.facts.model[:MAX_NAME] if self.facts else ""

    @property
    def policy(self) -> str:
        """Return the id of the policy that served the call; empty where none did."""
        plan = self.plan
        return "" if plan is None or plan.route is None else plan.route.policy.id

    @property
    def rule(self) -> str:
        plan = self.plan
        return "" if plan is None or plan.route is None else plan.route.rule.name

    def attempted(self, outcome: Outcome) -> None:
        """Note an attempt that has ended."""
        if self.last is not None:
            self.earlier = (*self.earlier, self.last)
        self.last = outcome

    def pass_by(self, target: str) -> None:
        """Note a target whose breaker has opened since it was planned."""
        self.passed_by = (*self.passed_by, target)

    def close(self, code: int, reason: str) -> None:
        """Note what the caller got."""
        self.code = code
        self.reason = reason

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Return what came of each attempt, in order."""
        return () if self.last is None else (*self.earlier, self.last)

    @property
    def attempts(self) -> int:
        """Count the attempts that have ended."""
        return 0 if self.last is None else len(self.earlier) + 1

    @property
    def ttft_seconds(self) -> float | None:
        """From the call's start to its first content (streams only), so it holds what failed attempts cost."""
        last = self.last
        if last is None:
            return None
        first = last.first_token_at
        if self.earlier:
            # Of a stream that another target went on with, the first content counts.
            first = next((each.first_token_at for each in self.earlier if each.first_token_at is not None), first)
        return None if first is None else first - self.started_at

    def cost_in(self, currency: str) -> int | None:
        """Return what the attempts cost that were priced in this currency, in its nano-units; None where none was."""
        last = self.last
        if last is None:
            return None
        if not self.earlier:
            return last.cost if last.currency == currency else None
        costs = [outcome.cost for outcome in self.outcomes if outcome.currency == currency]
        priced = [cost for cost in costs if cost is not None]
        return sum(priced) if priced else None

    @property
    def cost(self) -> dict[str, int]:
        """What the call's attempts cost, by currency, in its nano-units."""
        sums: dict[str, int] = {}
        for outcome in self.outcomes:
            cost = outcome.cost
            if cost is not None:
                sums[outcome.currency] = sums.get(outcome.currency, 0) + cost
        return sums
