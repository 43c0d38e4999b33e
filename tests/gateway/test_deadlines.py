"""The deadlines of a call, and its repeats on the same target."""

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import DONE, HANG, ROLE, Answer, chunk, error, hanging, plain, stream
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import PassiveHealth, Resilience, Retry, Timeouts
from fairlead_proxy.contract.keys import KeyRing

TIMEOUTS = Timeouts(total_seconds=25.0, per_try_seconds=10.0, first_token_seconds=4.0, idle_seconds=3.0)


def test_each_try_ends_at_its_own_deadline() -> None:
    async def main() -> None:
        rig = Rig(
            config([provider("a"), provider("b")], resilience=Resilience(timeouts=TIMEOUTS)),
            {"a": [hanging()], "b": [plain()]},
        )
        await rig.call()
        assert rig.record().attempts[0].duration_seconds == pytest.approx(10.0)

    run_virtual(main())


def test_first_token_ends_a_stream_sooner() -> None:
    async def main() -> None:
        rig = Rig(
            config([provider("a"), provider("b")], resilience=Resilience(timeouts=TIMEOUTS)),
            {"a": [stream(ROLE, HANG)], "b": [stream()]},
        )
        caller = await rig.call(stream=True)
        assert rig.record().attempts[0].duration_seconds == pytest.approx(4.0)
        assert rig.record().ttft_seconds == pytest.approx(4.0)
        assert caller.spoken.endswith(DONE)

    run_virtual(main())


def test_total_deadline_bounds_all_tries_together() -> None:
    async def main() -> None:
        names = "abcd"
        rig = Rig(
            config([provider(name) for name in names], resilience=Resilience(timeouts=TIMEOUTS)),
            {name: [hanging()] for name in names},
        )
        caller = await rig.call()
        assert caller.status == 504
        assert rig.record().duration_seconds == pytest.approx(25.0)
        assert rig.transport.asked() == ["team/a", "team/b", "team/c"]

    run_virtual(main())


def test_content_keeps_a_long_stream_alive_past_the_deadline_of_a_try() -> None:
    async def main() -> None:
        parts = [part for _ in range(9) for part in (chunk("x"), 2.0)]
        rig = Rig(
            config([provider("a")], resilience=Resilience(timeouts=TIMEOUTS)),
            {"a": [stream(*parts, chunk(finish="stop"), DONE)]},
        )
        caller = await rig.call(stream=True)
        assert rig.record().duration_seconds == pytest.approx(18.0)
        assert caller.spoken.endswith(DONE)

    run_virtual(main())


def test_silence_after_content_is_a_stall() -> None:
    async def main() -> None:
        rig = Rig(
            config([provider("a")], resilience=Resilience(timeouts=TIMEOUTS)),
            {"a": [stream(chunk("x"), 2.0, chunk("y"), HANG)]},
        )
        await rig.call(stream=True)
        assert rig.record().duration_seconds == pytest.approx(5.0)
        assert rig.outcomes_of() == ["StreamStalled"]

    run_virtual(main())


def test_total_deadline_holds_after_content_too() -> None:
    async def main() -> None:
        parts = [part for _ in range(60) for part in (chunk("x"), 1.0)]
        rig = Rig(config([provider("a")], resilience=Resilience(timeouts=TIMEOUTS)), {"a": [stream(*parts)]})
        caller = await rig.call(stream=True)
        assert rig.record().duration_seconds == pytest.approx(25.0)
        assert caller.last_event["error"]["code"] == "upstream_timeout"

    run_virtual(main())


def test_same_target_is_repeated_before_the_next_one() -> None:
    async def main() -> None:
        twice = Resilience(retry=Retry(same_target=2))
        rig = Rig(
            config([provider("a"), provider("b")], resilience=twice),
            {"a": [error(500), error(500), plain()], "b": [plain()]},
        )
        caller = await rig.call()
        assert rig.transport.asked() == ["team/a"] * 3
        assert caller.headers["x-fairlead-attempts"] == "3"

    run_virtual(main())


@pytest.mark.parametrize("answer", [error(429), error(401), hanging(), error(503, "", ("retry-after", "9"))])
def test_what_will_not_heal_by_itself_is_not_repeated(answer: Answer) -> None:
    async def main() -> None:
        twice = Resilience(retry=Retry(same_target=2))
        rig = Rig(config([provider("a"), provider("b")], resilience=twice), {"a": [answer], "b": [plain()]})
        await rig.call()
        assert rig.transport.asked() == ["team/a", "team/b"]

    run_virtual(main())


def test_repeats_stay_within_their_budget() -> None:
    async def main() -> None:
        once = Resilience(retry=Retry(same_target=1, budget_percent=20))
        patient = PassiveHealth(consecutive=1000, min_requests=1000)
        rig = Rig(
            config([provider("a", passive=patient), provider("b")], resilience=once),
            {"a": [error(500)], "b": [plain()]},
        )
        for _ in range(50):
            await rig.call()
        repeats = rig.transport.asked().count("team/a") - 50
        assert repeats == 10

    run_virtual(main())


def test_another_credential_is_moving_on_and_no_repeat() -> None:
    async def main() -> None:
        from_keys = provider("a", credentials=["one", "two"])
        rig = Rig(config([from_keys]), {"a": [error(401), plain()]})
        rig.keys = KeyRing(credentials={"team/a/one": "sk-1", "team/a/two": "sk-2"})
        caller = await rig.call()
        assert caller.status == 200
        assert {attempt.credential for attempt in rig.record().attempts} == {"one", "two"}

    run_virtual(main())


def test_stall_is_seen_as_soon_as_it_is_one() -> None:
    async def main() -> None:
        impatient = Resilience(timeouts=Timeouts(idle_seconds=1.0))
        rig = Rig(config([provider("a")], resilience=impatient), {"a": [stream(chunk("x"), HANG)]})
        await rig.call(stream=True)
        assert rig.record().duration_seconds == pytest.approx(1.0)

    run_virtual(main())
