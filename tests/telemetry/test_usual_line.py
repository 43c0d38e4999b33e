"""The short way to write a line says what the long way says, or leaves it to that."""

import json

import msgspec
from doubles.gateway_rig import config, provider
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.linked import Route
from fairlead_proxy.contract.names import FailureClass, Mode, Operation
from fairlead_proxy.contract.price import NANO, Price, Rates, Tier
from fairlead_proxy.decision.facts import CallFacts
from fairlead_proxy.decision.plan import Plan
from fairlead_proxy.exchange.outcome import Outcome
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.exchange.usage import Usage
from fairlead_proxy.telemetry.access_log import line_of
from fairlead_proxy.telemetry.usual_line import usual_line

MONEY = st.integers(0, 1000 * NANO) | st.sampled_from([0, 1, 1000, NANO // 8, NANO, 100 * NANO])
RATES = st.builds(Rates, input=st.none() | MONEY, output=st.none() | MONEY)
TIERS = st.just(()) | st.builds(lambda rates: (Tier(above=5, rates=rates),), RATES)
PRICES = st.none() | st.builds(Price, currency=st.sampled_from(["USD", "EUR"]), rates=RATES, tiers=TIERS)
TOKENS = st.integers(0, 10) | st.integers(0, 10_000_000)
USAGES = st.none() | st.builds(Usage, TOKENS, TOKENS, st.sampled_from([0, 0, 3]), st.sampled_from([0, 0, 2]))
SECONDS = st.floats(0.0, 1000.0)


def record_of(
    price: Price | None,
    usage: Usage | None,
    took: float,
    first: float | None,
    asked: str,
    mode: Mode,
    failure: FailureClass | None,
) -> CallRecord:
    """Return the record of a call at this price."""
    route: Route = config([provider("a", price=price)]).offers["team", "smart"].routes[0]
    step = route.targets[0].steps[0]
    began = 1_700_000_000.25
    first_token_at = None if first is None else began + first
    record = CallRecord("d-1", asked, "team", "team/key", "r-1", Operation.CHAT, began, began + took, 200, "ok")
    record.facts = CallFacts(tenant="team", model="smart", mode=mode)
    record.plan = Plan(route, (step,), ())
    record.attempted(
        Outcome(
            step,
            step.cell(mode),
            Operation.CHAT,
            began,
            began + took,
            failure,
            first_token_at=first_token_at,
            usage=usage,
            cost=None if usage is None else usage.cost(price),
        )
    )
    return record


@given(
    PRICES,
    USAGES,
    SECONDS,
    st.none() | SECONDS,
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8),
    st.sampled_from(Mode),
    st.sampled_from([None, None, None, FailureClass.TIMEOUT]),
)
def test_short_way_says_what_the_long_way_says(
    price: Price | None,
    usage: Usage | None,
    took: float,
    first: float | None,
    asked: str,
    mode: Mode,
    failure: FailureClass | None,
) -> None:
    record = record_of(price, usage, took, first, asked, mode, failure)
    written = [usual_line(record), usual_line(record)]
    assert written[0] == written[1]
    if written[0] is not None:
        assert written[0].endswith("}\n")
        assert json.loads(written[0]) == json.loads(msgspec.json.encode(line_of(record)))


def test_usual_call_takes_the_short_way() -> None:
    price = Price(rates=Rates(input=5 * NANO // 4, output=10 * NANO))
    line = usual_line(record_of(price, Usage(25, 150), 0.5, None, "id", Mode.PLAIN, None))
    assert line is not None
    assert json.loads(line)["cost_usd"] == "0.00153125"
