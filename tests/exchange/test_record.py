"""A call as it is told afterwards."""

from decimal import Decimal

from doubles.gateway_rig import provider

from fairlead_proxy.contract.config import Price, Target
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import FailureClass, Operation
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.exchange.usage import Usage

EUROS = Price(currency="EUR", input=Decimal(2), output=Decimal(20))
DOLLARS = Price(input=Decimal(1), output=Decimal(10))


def record_of(*outcomes: Outcome) -> CallRecord:
    record = CallRecord("d-1", "", "team", "", "r-1", Operation.CHAT, 0.0)
    for outcome in outcomes:
        record.attempted(outcome)
    return record


def outcome_at(name: str, price: Price | None, failure: FailureClass | None = None) -> Outcome:
    one = provider(name, price=price)
    step = Step.of(Target(provider=one.id, model="m"), one, one.models[0], one.credentials[0])
    return Outcome(step, step.plain_cell, Operation.CHAT, 0.0, 1.0, failure, usage=Usage(1_000_000, 0))


def test_attempts_are_told_in_the_order_in_which_they_ended() -> None:
    failed = FailureClass.SERVER_ERROR
    record = record_of(outcome_at("a", None, failed), outcome_at("b", None, failed), outcome_at("c", None))
    assert [outcome.provider for outcome in record.outcomes] == ["team/a", "team/b", "team/c"]
    assert (record.attempts, record.last) == (3, record.outcomes[-1])


def test_call_without_an_attempt_has_none() -> None:
    assert (record_of().outcomes, record_of().attempts, record_of().cost) == ((), 0, {})


def test_each_currency_is_summed_for_itself_and_what_has_no_price_is_left_out() -> None:
    record = record_of(
        outcome_at("a", EUROS), outcome_at("b", None), outcome_at("c", DOLLARS), outcome_at("d", DOLLARS)
    )
    assert record.cost == {"EUR": Decimal(2), "USD": Decimal(2)}
    assert [record.cost_in(currency) for currency in ("EUR", "USD", "CHF")] == [Decimal(2), Decimal(2), None]


def test_one_attempt_costs_what_it_costs_in_its_own_currency_only() -> None:
    record = record_of(outcome_at("a", EUROS))
    assert [record.cost_in(currency) for currency in ("EUR", "USD")] == [Decimal(2), None]
    assert record_of(outcome_at("a", None)).cost_in("USD") is None
