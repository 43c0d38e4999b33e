"""A call as it is told afterwards."""

from doubles.gateway_rig import provider

from fairlead_proxy.contract.config import Target
from fairlead_proxy.contract.linked import Step
from fairlead_proxy.contract.names import FailureClass, Operation
from fairlead_proxy.contract.price import NANO, Price, Rates
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.exchange.usage import Usage

EUROS = Price(currency="EUR", rates=Rates(input=2 * NANO, output=20 * NANO))
DOLLARS = Price(rates=Rates(input=1 * NANO, output=10 * NANO))


def record_of(*outcomes: Outcome) -> CallRecord:
    record = CallRecord("d-1", "", "team", "", "r-1", Operation.CHAT, 0.0)
    for outcome in outcomes:
        record.attempted(outcome)
    return record


def outcome_at(name: str, price: Price | None, failure: FailureClass | None = None) -> Outcome:
    one = provider(name, price=price)
    step = Step.of(Target(provider=one.id, model="m"), one, one.models[0], one.credentials[0])
    usage = Usage(1_000_000, 0)
    return Outcome(step, step.plain_cell, Operation.CHAT, 0.0, 1.0, failure, usage=usage, cost=usage.cost(price))


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
    assert record.cost == {"EUR": 2 * NANO, "USD": 2 * NANO}
    assert [record.cost_in(currency) for currency in ("EUR", "USD", "CHF")] == [2 * NANO, 2 * NANO, None]


def test_one_attempt_costs_what_it_costs_in_its_own_currency_only() -> None:
    record = record_of(outcome_at("a", EUROS))
    assert [record.cost_in(currency) for currency in ("EUR", "USD")] == [2 * NANO, None]
    assert record_of(outcome_at("a", None)).cost_in("USD") is None
