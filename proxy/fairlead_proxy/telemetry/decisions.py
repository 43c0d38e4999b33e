"""The last calls by id: why each target was used or skipped, and what came of each attempt. Never any content."""

from collections import deque

from msgspec import Struct

from fairlead_proxy.contract.names import DialectName, FailureClass, Mode, Operation
from fairlead_proxy.contract.price import write_amount
from fairlead_proxy.decision.plan import Considered
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.exchange.usage import Usage


class TargetView(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One target of the rule: used unless `skipped` says why not. `late`: why it comes after the other targets."""

    target: str
    skipped: str = ""
    late: str = ""
    skipped_credentials: dict[str, str] = {}


class AttemptView(Struct, frozen=True, kw_only=True):
    """One attempt, ended. Seconds count from its own start; `cost` is a decimal, null without a price; then
    `currency` is empty.

    `lost`: what of the request the target was not told, for want of words in its dialect.
    """

    target: str
    credential: str
    outcome: str
    status: int | None
    detail: str
    started_at: float
    duration_seconds: float
    first_byte_seconds: float | None
    first_token_seconds: float | None
    retry_after_seconds: float | None
    committed: bool
    usage: Usage | None
    cost: str | None
    currency: str
    lost: tuple[str, ...] = ()


class DecisionRecord(Struct, frozen=True, kw_only=True):
    """What `/debug/decisions/<id>` shows. Of the headers that rules match on, only the names are kept.

    `features`: what a target of another dialect had to have words for; none where every target speaks the caller's.
    """

    call: str
    request_id: str
    at: float
    namespace: str
    caller: str
    revision: str
    operation: Operation
    dialect: DialectName | None
    mode: Mode | None
    model: str
    prompt_tokens: int | None
    max_tokens: int
    intent: str
    needs: tuple[str, ...]
    features: tuple[str, ...]
    headers: tuple[str, ...]
    policy: str
    rule: str
    refusal: str
    targets: tuple[TargetView, ...]
    passed_by: tuple[str, ...]
    attempts: tuple[AttemptView, ...]
    code: int
    reason: str
    duration_seconds: float
    ttft_seconds: float | None
    cost: dict[str, str]


class DecisionRing:
    """The last `size` calls of this process; none where that is 0."""

    def __init__(self, size: int) -> None:
        self._records: deque[CallRecord] = deque(maxlen=max(size, 0))
        self.add = self._records.append
        """Keep the record of a call that has ended. Every call does this and hardly any is looked up, so there is no
        index to keep.
        """

    @property
    def size(self) -> int:
        return self._records.maxlen or 0

    def resize(self, size: int) -> None:
        """Keep so many calls from now on, and of those that are kept the newest."""
        if size != self.size:
            self._records = deque(self._records, maxlen=max(size, 0))
            self.add = self._records.append

    def get(self, call: str) -> DecisionRecord | None:
        """Return what is known of a call by its id (`x-fairlead-decision`); None if too old or of another process."""
        record = next((record for record in reversed(self._records) if record.call == call), None)
        return None if record is None else view_of(record)


def view_of(record: CallRecord) -> DecisionRecord:
    """Return a call as it may be shown."""
    facts, plan = record.facts, record.plan
    return DecisionRecord(
        call=record.call,
        request_id=record.request_id,
        at=record.started_at,
        namespace=record.tenant,
        caller=record.caller,
        revision=record.revision,
        operation=record.operation,
        dialect=facts.dialect if facts else None,
        mode=facts.mode if facts else None,
        model=record.virtual_model,
        prompt_tokens=facts.prompt_tokens if facts else None,
        max_tokens=facts.max_tokens if facts else 0,
        intent=facts.intent if facts else "",
        needs=tuple(sorted(facts.needs)) if facts else (),
        features=tuple(sorted(facts.features)) if facts else (),
        headers=tuple(sorted(facts.headers)) if facts else (),
        policy=record.policy,
        rule=record.rule,
        refusal=plan.refusal.message if plan and plan.refusal else "",
        targets=tuple(_target_view(entry) for entry in plan.considered) if plan else (),
        passed_by=record.passed_by,
        attempts=tuple(_attempt_view(outcome) for outcome in record.outcomes),
        code=record.code,
        reason=record.reason,
        duration_seconds=record.ended_at - record.started_at,
        ttft_seconds=record.ttft_seconds,
        cost={currency: write_amount(cost) for currency, cost in record.cost.items()},
    )


def outcome_word(failure: FailureClass | None) -> str:
    """Return the one word for an attempt's end: `Answered`, or its failure class."""
    return "Answered" if failure is None else str(failure)


def _target_view(entry: Considered) -> TargetView:
    return TargetView(
        target=str(entry.target),
        skipped=str(entry.skip) if entry.skip else "",
        late=str(entry.late) if entry.late else "",
        skipped_credentials={name: str(skip) for name, skip in entry.skipped_credentials},
    )


def _attempt_view(outcome: Outcome) -> AttemptView:
    cost = outcome.cost

    def since_start(instant: float | None) -> float | None:
        return None if instant is None else instant - outcome.started_at

    return AttemptView(
        target=f"{outcome.provider}/{outcome.model}",
        credential=outcome.cell.credential,
        outcome=outcome_word(outcome.failure),
        status=outcome.status,
        detail=outcome.detail,
        started_at=outcome.started_at,
        duration_seconds=outcome.ended_at - outcome.started_at,
        first_byte_seconds=since_start(outcome.first_byte_at),
        first_token_seconds=since_start(outcome.first_token_at),
        retry_after_seconds=outcome.retry_after_seconds,
        committed=outcome.committed,
        usage=outcome.usage,
        cost=None if cost is None else write_amount(cost),
        currency=outcome.currency,
        lost=outcome.lost,
    )
