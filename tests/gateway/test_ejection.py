"""Breakers within the life of a call: who is skipped, who tests, who moves on."""

import asyncio

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import DONE, HANG, ROLE, Answer, chunk, error, hanging, plain, stream
from doubles.virtual_time import EPOCH, run_virtual

from fairlead_bench.soak.explaining import MOVED_ON
from fairlead_proxy.contract.config import PassiveHealth, Resilience, Timeouts
from fairlead_proxy.contract.names import BreakerState

QUICK = PassiveHealth(consecutive=2, base_cooldown_seconds=5.0)


async def warm_up(rig: Rig, *, streamed: bool = False) -> None:
    """Let the rig learn how long this target takes."""
    for _ in range(20):
        await rig.call(stream=streamed)


def test_rate_limited_target_is_not_asked_again_before_its_time() -> None:
    async def main() -> None:
        limited = error(429, "", ("retry-after", "10"))
        rig = Rig(config([provider("a"), provider("b")]), {"a": [limited, plain()], "b": [plain()]})
        for _ in range(9):
            await rig.call()
            await asyncio.sleep(1.0)
        assert rig.transport.asked().count("team/a") == 1
        await asyncio.sleep(1.0)
        await rig.call()
        assert rig.transport.asked()[-1] == "team/a"

    run_virtual(main())


def test_target_that_fails_again_and_again_is_passed_by() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), {"a": [error(500)], "b": [plain()]})
        for _ in range(10):
            assert (await rig.call()).status == 200
        assert rig.transport.asked().count("team/a") == 2
        assert rig.record(10).targets[0].skipped == "Cooling: ServerError"

    run_virtual(main())


def test_when_all_cool_the_caller_is_told_when_to_come_back() -> None:
    async def main() -> None:
        limited = error(429, "", ("retry-after", "7"))
        rig = Rig(config([provider("a")]), {"a": [limited]})
        await rig.call()
        caller = await rig.call()
        assert (caller.status, caller.error["code"]) == (503, "no_target")
        assert (caller.headers["retry-after"], caller.headers["x-should-retry"]) == ("7", "false")
        assert len(rig.transport.requests) == 1

    run_virtual(main())


def test_half_open_lets_one_call_test_while_the_others_pass_by() -> None:
    async def main() -> None:
        slow = plain(after_seconds=2.0)
        script = {"a": [error(500), error(500), slow], "b": [plain()]}
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), script)
        await rig.call()
        await rig.call()
        await asyncio.sleep(7.0)
        await asyncio.gather(*(rig.call() for _ in range(5)))
        assert rig.transport.asked()[4:].count("team/a") == 1
        assert rig.breakers.noteworthy() == set()

    run_virtual(main())


def test_breaker_that_opened_since_the_plan_is_seen_before_the_attempt() -> None:
    async def main() -> None:
        script = {"a": [hanging()], "b": [error(429, "", ("retry-after", "60"))], "c": [plain()]}
        resilience = Resilience(timeouts=Timeouts(per_try_seconds=5.0))
        rig = Rig(config([provider("a"), provider("b"), provider("c")], resilience=resilience), script)
        first = asyncio.create_task(rig.call())
        await asyncio.sleep(1.0)
        second = asyncio.create_task(rig.call())
        await asyncio.wait([first, second])
        assert rig.transport.asked().count("team/b") == 1
        assert rig.record(2).passed_by == ("team/b/m",)
        assert second.result().headers["x-fairlead-attempts"] == "2"

    run_virtual(main())


def test_hang_ejects_while_calls_wait_and_they_all_move_on() -> None:
    async def main() -> None:
        quick = [plain(after_seconds=0.1)] * 20
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), {"a": [*quick, hanging()], "b": [plain()]})
        await warm_up(rig)
        callers = await asyncio.gather(*(rig.call() for _ in range(4)))
        assert [caller.headers["x-fairlead-provider"] for caller in callers] == ["team/b"] * 4
        assert [rig.record(number).duration_seconds for number in range(21, 25)] == [pytest.approx(1.0)] * 4
        assert [rig.outcomes_of(number)[0] for number in range(21, 25)] == ["Timeout"] * 4
        assert {rig.record(number).attempts[0].detail for number in range(21, 25)} == {MOVED_ON}

    run_virtual(main())


def test_call_with_nowhere_to_go_waits_on() -> None:
    async def main() -> None:
        quick = [plain(after_seconds=0.1)] * 20
        slow = plain(after_seconds=30.0)
        rig = Rig(config([provider("a", passive=QUICK)]), {"a": [*quick, slow]})
        await warm_up(rig)
        callers = await asyncio.gather(*(rig.call() for _ in range(3)))
        assert [caller.status for caller in callers] == [200] * 3
        assert rig.breakers.noteworthy() != set()  # slow, not dead: half open, for one call to show it
        rig.transport.scripts["team/a"] = [plain()]
        await rig.call()
        assert rig.breakers.noteworthy() == set()

    run_virtual(main())


def test_overdue_attempts_are_reported_while_they_wait() -> None:
    async def main() -> None:
        quick = [stream()] * 20
        rig = Rig(config([provider("a"), provider("b")]), {"a": [*quick, hanging()], "b": [stream()]})
        await warm_up(rig, streamed=True)
        waiting = asyncio.create_task(rig.call(stream=True))
        await asyncio.sleep(2.0)
        (seen,) = rig.health.observations(EPOCH + 2.0)
        assert (seen.overdue, seen.failures) == (1, 0)
        await waiting
        (afterwards, *_) = rig.health.observations(EPOCH + 40.0)
        assert (afterwards.overdue, afterwards.failures) == (0, 1)

    run_virtual(main())


def test_without_history_only_the_deadline_counts() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), {"a": [hanging()], "b": [plain()]})
        await asyncio.gather(*(rig.call() for _ in range(3)))
        assert [rig.record(number).duration_seconds for number in (1, 2, 3)] == [pytest.approx(120.0)] * 3

    run_virtual(main())


def test_slow_model_is_not_taken_for_a_dead_one() -> None:
    async def main() -> None:
        usual = [plain(after_seconds=5.0)] * 20
        rig = Rig(config([provider("a"), provider("b")]), {"a": [*usual, plain(after_seconds=18.0)], "b": [plain()]})
        await warm_up(rig)
        caller = await rig.call()
        assert caller.headers["x-fairlead-provider"] == "team/a"

    run_virtual(main())


def test_streams_that_break_after_content_eject_as_well() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), {"a": [stream(chunk("x"))], "b": [stream()]})
        for _ in range(3):
            await rig.call(stream=True)
        assert rig.transport.asked() == ["team/a", "team/a", "team/b"]

    run_virtual(main())


@pytest.mark.parametrize("answer", [error(400, "invalid_value"), Answer(body=[HANG])])
def test_test_call_that_tells_nothing_gives_its_place_back(answer: Answer) -> None:
    async def main() -> None:
        script = {"a": [error(500), error(500), answer, plain()], "b": [plain()]}
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), script)
        await rig.call()
        await rig.call()
        await asyncio.sleep(7.0)
        await asyncio.gather(rig.call(sink=RecordingSink(leave_after=1.0)), return_exceptions=True)
        caller = await rig.call()
        assert caller.headers["x-fairlead-provider"] == "team/a"

    run_virtual(main())


def test_plain_and_streamed_calls_have_breakers_of_their_own() -> None:
    async def main() -> None:
        script = {"a": [error(500), error(500), stream()], "b": [plain()]}
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), script)
        await rig.call()
        await rig.call()
        caller = await rig.call(stream=True)
        assert caller.headers["x-fairlead-provider"] == "team/a"
        assert rig.breakers.read(next(iter(rig.breakers.noteworthy())), EPOCH).state is BreakerState.OPEN

    run_virtual(main())


def test_stream_that_has_begun_is_not_overdue_however_long_it_thinks() -> None:
    async def main() -> None:
        thinking = stream(b": thinking\n\n", 8.0, chunk("x"), chunk(finish="stop"), DONE)
        script = {"a": [*[stream()] * 20, thinking], "b": [stream()]}
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), script)
        await warm_up(rig, streamed=True)
        callers = await asyncio.gather(*(rig.call(stream=True) for _ in range(4)))
        assert {caller.headers["x-fairlead-provider"] for caller in callers} == {"team/a"}
        assert rig.breakers.noteworthy() == set()

    run_virtual(main())


def test_target_that_refuses_the_question_for_usage_and_then_hangs_is_overdue_too() -> None:
    async def main() -> None:
        quick = [stream(0.1, ROLE, chunk("x"), chunk(finish="stop"), DONE)] * 20
        refuses = Answer(
            400,
            body=[b'{"error":{"message":"Unrecognized request argument: stream_options","param":"stream_options"}}'],
        )
        script = {"a": [*quick, refuses, refuses, hanging()], "b": [stream()]}
        rig = Rig(config([provider("a", passive=QUICK), provider("b")]), script)
        await warm_up(rig, streamed=True)
        callers = await asyncio.gather(*(rig.call(stream=True) for _ in range(2)))
        assert [caller.headers["x-fairlead-provider"] for caller in callers] == ["team/b"] * 2
        assert [rig.record(number).duration_seconds < 5.0 for number in (21, 22)] == [True] * 2

    run_virtual(main())
