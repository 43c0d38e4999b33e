"""What a process used today: the growth of each series, on the day on which it was seen."""

import asyncio

from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import error, plain
from doubles.virtual_time import run_virtual
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.usage_of_day import NOTHING, Spent, UsageOfDay
from fairlead_proxy.telemetry.day import LOOK_SECONDS, SECONDS_OF_DAY, DayOfUse, Series

NOON = 1_795_003_200.0
MIDNIGHT = NOON + 12 * 3_600
BOT = ("team", "team/bot", "all", "ai/lab", "m")
BOT_ELSEWHERE = ("team", "team/bot", "all", "ai/other", "m")
OTHER = ("team", "team/other", "all", "ai/lab", "m")


class Books:
    """What was used so far, as the metrics hold it."""

    def __init__(self) -> None:
        self.held: dict[Series, Spent] = {}
        self.looks = 0

    def use(self, series: Series, tokens: int, *, cost: int = 0) -> None:
        more = Spent(input_tokens=tokens, output_tokens=1, cost_nano={"USD": cost} if cost else {})
        self.held[series] = self.held.get(series, NOTHING).plus(more)

    def so_far(self) -> list[tuple[Series, Spent]]:
        self.looks += 1
        return list(self.held.items())

    def day(self, now: float = NOON) -> DayOfUse:
        return DayOfUse(self.so_far, now)


def spent(tokens: int, answers: int, cost: int = 0) -> Spent:
    return Spent(input_tokens=tokens, output_tokens=answers, cost_nano={"USD": cost} if cost else {})


def test_nothing_was_used_at_the_beginning() -> None:
    assert Books().day().usage(NOON) == UsageOfDay(day="2026-11-18")


def test_providers_and_policies_have_their_sums() -> None:
    books = Books()
    for series, tokens in ((BOT, 10), (BOT, 5), (BOT_ELSEWHERE, 3), (OTHER, 2)):
        books.use(series, tokens, cost=tokens * 2)
    assert books.day().usage(NOON) == UsageOfDay(
        day="2026-11-18",
        providers={"ai/lab": spent(17, 3, 34), "ai/other": spent(3, 1, 6)},
        policies={"team/bot": spent(18, 3, 36), "team/other": spent(2, 1, 4)},
    )


def test_what_no_policy_decided_is_in_the_sum_of_its_provider_only() -> None:
    books = Books()
    books.use(("ai", "", "", "ai/lab", "m"), 10)
    assert books.day().usage(NOON) == UsageOfDay(day="2026-11-18", providers={"ai/lab": spent(10, 1)})


def test_midnight_begins_anew() -> None:
    books = Books()
    day = books.day()
    books.use(BOT, 10)
    day.usage(MIDNIGHT - 1)
    assert day.usage(MIDNIGHT + 0.1) == UsageOfDay(day="2026-11-19")
    books.use(BOT, 4)
    assert day.usage(MIDNIGHT + 5).providers == {"ai/lab": spent(4, 1)}


def test_a_series_that_has_ended_takes_nothing_from_the_day_and_may_begin_anew() -> None:
    books = Books()
    day = books.day()
    books.use(BOT, 10)
    day.usage(NOON)
    del books.held[BOT]
    assert day.usage(NOON + 2).policies == {"team/bot": spent(10, 1)}
    books.use(BOT, 3)
    assert day.usage(NOON + 4).policies == {"team/bot": spent(13, 2)}


def test_a_series_that_began_anew_between_two_looks_is_counted_from_nothing() -> None:
    books = Books()
    day = books.day()
    books.use(BOT, 10)
    day.usage(NOON)
    books.held[BOT] = spent(3, 1)
    assert day.usage(NOON + 2).policies == {"team/bot": spent(13, 2)}


def test_reports_that_follow_each_other_closely_share_one_look() -> None:
    books = Books()
    day = books.day()
    told = [day.usage(NOON + step * LOOK_SECONDS / 8) for step in range(8)]
    assert books.looks == 1
    assert all(each is told[0] for each in told)
    day.usage(NOON + LOOK_SECONDS)
    assert books.looks == 2


def test_a_clock_that_was_set_back_is_looked_at_all_the_same() -> None:
    books = Books()
    day = books.day()
    day.usage(NOON)
    books.use(BOT, 10)
    assert day.usage(NOON - 60).providers == {"ai/lab": spent(10, 1)}


async def test_midnight_is_seen_though_nobody_asks() -> None:
    books = Books()
    day = books.day(MIDNIGHT - 60)
    books.use(BOT, 10)
    moments = iter((MIDNIGHT - LOOK_SECONDS, MIDNIGHT - LOOK_SECONDS, MIDNIGHT - 0.001, MIDNIGHT + 0.002))
    reached = asyncio.Event()

    def clock() -> float:
        now = next(moments, None)
        if now is None:
            reached.set()
            return MIDNIGHT + 1
        return now

    seeing = asyncio.create_task(day.see_midnights(clock))
    await asyncio.wait_for(reached.wait(), 5)
    seeing.cancel()
    await asyncio.gather(seeing, return_exceptions=True)
    assert books.looks == 2, "once before midnight and once after it"
    assert day.usage(MIDNIGHT + 0.5) == UsageOfDay(day="2026-11-19")


@given(st.lists(st.tuples(st.sampled_from((BOT, BOT_ELSEWHERE, OTHER)), st.integers(0, 10**12), st.booleans())))
def test_days_add_up_to_all_that_was_used(steps: list[tuple[Series, int, bool]]) -> None:
    books, now, total = Books(), NOON, NOTHING
    day = books.day()
    days: dict[str, UsageOfDay] = {}
    for series, tokens, looks in steps:
        books.use(series, tokens, cost=tokens)
        total = total.plus(spent(tokens, 1, tokens))
        now += SECONDS_OF_DAY / 5
        if looks:
            seen = day.usage(now)
            days[seen.day] = seen
    last = day.usage(now + LOOK_SECONDS)
    days[last.day] = last
    for sums in ([each.providers for each in days.values()], [each.policies for each in days.values()]):
        together = NOTHING
        for one in (spent for each in sums for spent in each.values()):
            together = together.plus(one)
        assert together == total


def test_what_the_metrics_hold_is_told_call_by_call() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [error(500), plain()], "b": [plain()]})
        day = DayOfUse(rig.metrics.used_so_far, NOON)
        seen = []
        for step in range(2):
            await rig.call()
            seen.append(day.usage(NOON + step * LOOK_SECONDS))
        first, second = seen
        assert first.providers.keys() == {"team/b"}
        assert second.providers.keys() == {"team/a", "team/b"}
        assert second.policies == {"team/policy": second.providers["team/a"].plus(second.providers["team/b"])}
        assert second.providers["team/a"] == first.providers["team/b"], "the same answer of another provider"
        samples = [sample for metric in rig.registry.collect() for sample in metric.samples]
        tokens = sum(sample.value for sample in samples if sample.name == "fairlead_tokens_total")
        used = second.policies["team/policy"]
        assert tokens == used.input_tokens + used.output_tokens > 0

    run_virtual(main())
