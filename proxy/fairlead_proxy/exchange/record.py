"""One call as it is told afterwards: filled in while it lives, read by log, ring and metrics. Never any content."""

from dataclasses import dataclass, field
from decimal import Decimal

from fairlead_proxy.contract.names import Operation
from fairlead_proxy.decision.facts import CallFacts
from fairlead_proxy.decision.plan import Plan
from fairlead_proxy.exchange.call import ClientCall
from fairlead_proxy.exchange.outcome import Outcome

MAX_NAME = 256


@dataclass(slots=True)
class CallRecord:
    """Instants are Unix seconds. `code`: the HTTP status that the client got (499: it left first).

    `reason` is `ok`, or one word for what was wrong; it comes from closed sets, so that it may be a label.
    """

    call: str
    request_id: str
    tenant: str
    caller: str
    revision: str
    operation: Operation
    started_at: float
    ended_at: float = 0.0
    code: int = 0
    reason: str = ""
    policy: str = ""
    rule: str = ""
    facts: CallFacts | None = None
    plan: Plan | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    passed_by: list[str] = field(default_factory=list)
    """Targets that were planned, but whose breaker had opened when their turn came."""

    @classmethod
    def of(cls, call: ClientCall, revision: str, now: float) -> "CallRecord":
        """Begin the record of a call; nothing of its body or headers is kept."""
        return cls(call.id, call.request_id, call.tenant, call.key_name, revision, call.operation, now)

    @property
    def virtual_model(self) -> str:
        """Return the model as the caller named it: any text, cut to what a record should hold."""
        return self.facts.model[:MAX_NAME] if self.facts else ""

    def planned(self, plan: Plan) -> None:
        """Note what was decided."""
        self.plan = plan
        if plan.route is not None:
            self.policy, self.rule = plan.route.policy.id, plan.route.rule.name

    def close(self, code: int, reason: str) -> None:
        """Note what the caller got."""
        self.code = code
        self.reason = reason

    @property
    def last(self) -> Outcome | None:
        return self.outcomes[-1] if self.outcomes else None

    @property
    def ttft_seconds(self) -> float | None:
        """From the call's start to its first content (streams only), so it holds what failed attempts cost."""
        last = self.last
        return None if last is None or last.first_token_at is None else last.first_token_at - self.started_at

    def cost_in(self, currency: str) -> Decimal | None:
        """Return what the attempts cost that were priced in this currency; None where none was."""
        priced = [each.cost for each in self.outcomes if each.cost is not None and each.currency == currency]
        if len(priced) < 2:
            return priced[0] if priced else None
        return sum(priced, Decimal(0))

    @property
    def cost(self) -> dict[str, Decimal]:
        """What the call's attempts cost, by currency."""
        sums: dict[str, Decimal] = {}
        for outcome in self.outcomes:
            if outcome.cost is not None:
                sums[outcome.currency] = sums.get(outcome.currency, Decimal(0)) + outcome.cost
        return sums
