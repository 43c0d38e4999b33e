"""What was used today: every life of every proxy counts once, whatever restarts, and midnight begins anew."""

from collections.abc import Mapping, Sequence
from typing import Any

from doubles.compiled import NOW
from hypothesis import given
from hypothesis import strategies as st

from fairlead_operator.heard import HeardProxy
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.status.spending import DaysUsage, UsageLog, read_usage
from fairlead_proxy.contract.report import ProxyReport
from fairlead_proxy.contract.usage_of_day import NOTHING, Spent, UsageOfDay, day_of

LAB = ObjectRef(Kind.MODEL_PROVIDER, "ai", "lab")
BOT = ObjectRef(Kind.ROUTE_POLICY, "team", "bot")
MIDNIGHT = NOW - NOW % 86_400 + 86_400
BEFORE = NOW - 1_000.0
"""When proxies started that were there before the operator."""


def used(tokens: int, *, cost: int | None = None, day: float = NOW) -> UsageOfDay:
    spent = Spent(input_tokens=tokens, cost_nano={"USD": tokens * 10 if cost is None else cost})
    return UsageOfDay(day=day_of(day), providers={"ai/lab": spent}, policies={"team/bot": spent})


def heard(name: str, usage: UsageOfDay | None, *, started_at: float = NOW, now: float = NOW) -> HeardProxy:
    report = ProxyReport(proxy=name, sequence=1, now=now, revision="r", started_at=started_at, usage=usage)
    return HeardProxy(name, True, report, now)


class Operator:
    """One life of an operator: what it hears of one fleet, and what it shows of one provider."""

    def __init__(self, status: Mapping[str, Any] | None = None) -> None:
        self.log, self.day = UsageLog(), DaysUsage()
        self.status: Mapping[str, Any] = status or {}

    def tell(self, *proxies: HeardProxy, now: float = NOW, ref: ObjectRef = LAB) -> Mapping[str, Any]:
        """Write the status after a pass, and return it."""
        shown = self.day.shown(ref, "uid", self.status, [self.log.view(proxies, now)], now)
        self.status = {} if shown is None else {"usage": shown}
        return self.status

    def tokens(self, *proxies: HeardProxy, now: float = NOW) -> int:
        self.tell(*proxies, now=now)
        found: int = self.status.get("usage", {}).get("inputTokens", 0)
        return found


def test_nothing_is_shown_where_nothing_was_used() -> None:
    assert Operator().tell(heard("a", None), heard("b", UsageOfDay(day=day_of(NOW)))) == {}


def test_all_proxies_count_for_the_provider_and_for_the_policy() -> None:
    proxies = heard("a", used(30)), heard("b", used(12))
    wanted = {
        "day": "2026-11-18",
        "inputTokens": 42,
        "outputTokens": 0,
        "cost": [{"currency": "USD", "amount": "0.00000042"}],
        "unpricedAttempts": 0,
        "estimatedAttempts": 0,
    }
    assert Operator().tell(*proxies) == {"usage": wanted}
    assert Operator().tell(*proxies, ref=BOT) == {"usage": wanted}


def test_the_same_report_heard_again_counts_once() -> None:
    operator, proxy = Operator(), heard("a", used(30))
    assert [operator.tokens(proxy), operator.tokens(proxy), operator.tokens(heard("a", used(30)))] == [30, 30, 30]


def test_a_proxy_that_has_gone_still_counts() -> None:
    operator = Operator()
    operator.tokens(heard("a", used(30)), heard("b", used(12)))
    assert operator.tokens(heard("b", used(20))) == 50


def test_a_process_that_was_started_again_under_its_name_counts_beside_the_one_before() -> None:
    operator = Operator()
    operator.tokens(heard("a", used(30)))
    assert operator.tokens(heard("a", used(5), started_at=NOW + 1)) == 35


def test_a_price_of_zero_is_a_cost_and_no_price_is_none() -> None:
    free = used(30, cost=0)
    unknown = UsageOfDay(day=day_of(NOW), providers={"ai/lab": Spent(input_tokens=30, unpriced=2, estimated=1)})
    assert Operator().tell(heard("a", free))["usage"]["cost"] == [{"currency": "USD", "amount": "0"}]
    shown = Operator().tell(heard("a", unknown))["usage"]
    assert (shown["cost"], shown["unpricedAttempts"], shown["estimatedAttempts"]) == ([], 2, 1)


def test_currencies_stand_apart_in_their_order() -> None:
    spent = Spent(cost_nano={"USD": 2_500_000_000, "EUR": 70_000_000})
    shown = Operator().tell(heard("a", UsageOfDay(day=day_of(NOW), providers={"ai/lab": spent})))["usage"]
    assert shown["cost"] == [{"currency": "EUR", "amount": "0.07"}, {"currency": "USD", "amount": "2.5"}]


def test_fleets_are_summed() -> None:
    views = [UsageLog().view([heard("a", used(tokens))], NOW) for tokens in (30, 12)]
    shown = DaysUsage().shown(LAB, "uid", {}, views, NOW)
    assert shown is not None
    assert shown["inputTokens"] == 42


def test_an_operator_that_starts_anew_counts_nothing_twice() -> None:
    first = Operator()
    first.tell(heard("a", used(30), started_at=BEFORE), heard("b", used(12), started_at=BEFORE))
    second = Operator(first.status)
    assert second.tokens() == 42, "before anybody is heard"
    assert second.tokens(heard("a", used(30), started_at=BEFORE)) == 42, "while some are"
    both = heard("a", used(30), started_at=BEFORE), heard("b", used(12), started_at=BEFORE)
    assert second.tokens(*both) == 42
    assert second.tokens(heard("a", used(40), started_at=BEFORE), both[1]) == 52


def test_an_operator_that_starts_anew_keeps_what_proxies_used_that_are_gone() -> None:
    first = Operator()
    first.tell(heard("gone", used(50), started_at=BEFORE), heard("a", used(10), started_at=BEFORE))
    second = Operator(first.status)
    assert second.tokens(heard("a", used(10), started_at=BEFORE)) == 60
    assert second.tokens(heard("a", used(30), started_at=BEFORE)) == 80


def test_what_was_used_while_no_operator_was_there_counts() -> None:
    first = Operator()
    first.tell(heard("a", used(10), started_at=BEFORE))
    assert Operator(first.status).tokens(heard("a", used(90), started_at=BEFORE)) == 90


def test_a_proxy_that_is_younger_than_the_operator_adds_to_what_the_status_held() -> None:
    operator = Operator(Operator().tell(heard("gone", used(50), started_at=BEFORE)))
    operator.tokens()
    assert operator.tokens(heard("new", used(8), started_at=NOW + 5), now=NOW + 10) == 58


def test_the_clock_of_a_proxy_may_be_wrong() -> None:
    operator = Operator(Operator().tell(heard("a", used(50), started_at=BEFORE)))
    ahead = 3_600.0
    skewed = heard("a", used(50), started_at=BEFORE + ahead, now=NOW + ahead)
    assert operator.tokens(HeardProxy("a", True, skewed.report, NOW)) == 50


def test_midnight_begins_anew() -> None:
    operator = Operator()
    operator.tokens(heard("a", used(30)), now=MIDNIGHT - 1)
    late = heard("a", used(31), now=MIDNIGHT)
    assert operator.tell(late, now=MIDNIGHT + 1) == {}, "a report of yesterday says nothing of today"
    assert operator.tokens(heard("a", used(3, day=MIDNIGHT)), now=MIDNIGHT + 2) == 3
    assert operator.status["usage"]["day"] == "2026-11-19"


def test_an_operator_that_starts_after_midnight_does_not_count_yesterday() -> None:
    operator = Operator(Operator().tell(heard("a", used(30))))
    assert operator.tokens(heard("a", used(3, day=MIDNIGHT)), now=MIDNIGHT + 2) == 3


def test_figures_keep_still_until_they_differ_by_more_than_a_tenth() -> None:
    operator = Operator()
    shown = [operator.tokens(heard("a", used(tokens))) for tokens in (1_000, 1_090, 1_101, 1_200)]
    assert shown == [1_000, 1_000, 1_100, 1_100]


def test_an_object_that_is_made_anew_under_its_name_inherits_nothing_from_a_status() -> None:
    day, log = DaysUsage(), UsageLog()
    before = Operator().tell(heard("gone", used(50), started_at=BEFORE))
    day.shown(LAB, "old", before, [log.view([], NOW)], NOW)
    assert day.shown(LAB, "new", {}, [log.view([], NOW)], NOW) is None


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(("use", "use", "use", "restart", "leave")),
        st.sampled_from("abc"),
        st.integers(0, 10**9),
    ),
    max_size=30,
)


@given(EVENTS)
def test_sums_are_exact_whatever_proxies_do(events: Sequence[tuple[str, str, int]]) -> None:
    log, truth, moment = UsageLog(), 0, NOW
    alive: dict[str, tuple[float, int]] = {}
    for what, name, tokens in events:
        moment += 1
        started_at, so_far = alive.get(name, (moment, 0))
        match what:
            case "use":
                alive[name], truth = (started_at, so_far + tokens), truth + tokens
            case "restart":
                alive[name] = moment, 0
            case _:
                alive.pop(name, None)
        log.view([heard(name, used(sum_), started_at=at) for name, (at, sum_) in alive.items()], moment)
    view = log.view([], moment)
    total = view.found.get(f"{LAB.kind}/{LAB.id}", NOTHING).plus(view.since.get(f"{LAB.kind}/{LAB.id}", NOTHING))
    assert (total.input_tokens, total.cost_nano.get("USD", 0)) == (truth, truth * 10)


@given(st.lists(st.tuples(st.integers(0, 10**7), st.booleans()), min_size=1, max_size=20))
def test_within_a_day_no_figure_falls_and_none_is_far_off(steps: Sequence[tuple[int, bool]]) -> None:
    operator, tokens, before = Operator(), 0, NOTHING
    for more, restarts in steps:
        tokens += more
        if restarts:
            operator = Operator(operator.status)
        operator.tell(heard("a", used(tokens), started_at=BEFORE))
        shown = read_usage(operator.status.get("usage", {}))
        assert shown.at_least(before) == shown
        assert abs(shown.input_tokens - tokens) <= 0.16 * tokens
        before = shown
