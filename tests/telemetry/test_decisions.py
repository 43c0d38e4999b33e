"""The ring of decisions: what it shows, what it never keeps, how much of it there is."""

import msgspec
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import error, plain
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.names import Operation
from fairlead_proxy.exchange.record import CallRecord
from fairlead_proxy.telemetry.decisions import DecisionRing


def test_record_tells_why_each_target_was_used_or_not_and_what_came_of_each_attempt() -> None:
    async def main() -> None:
        limited = error(429, "", ("retry-after", "30"))
        providers = [provider("a"), provider("b", credentials=["main"]), provider("c")]
        rig = Rig(config(providers), {"a": [limited], "b": [plain()], "c": [plain()]})
        await rig.call()
        record = rig.record()
        assert [(target.target, target.skipped) for target in record.targets] == [
            ("team/a/m", ""),
            ("team/b/m", "NoKey: main"),
            ("team/c/m", ""),
        ]
        assert [(attempt.target, attempt.outcome, attempt.status) for attempt in record.attempts] == [
            ("team/a/m", "RateLimited", 429),
            ("team/c/m", "Answered", 200),
        ]
        assert record.attempts[0].retry_after_seconds == 30.0

    run_virtual(main())


def test_record_is_json_and_holds_nothing_that_was_said() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain("secret answer")]})
        await rig.call(messages=[{"role": "user", "content": "secret question"}])
        shown = msgspec.json.encode(rig.record())
        assert b"secret" not in shown
        assert msgspec.json.decode(shown)["call"] == "d-1"

    run_virtual(main())


def test_ring_keeps_the_last_ones_only() -> None:
    ring = DecisionRing(2)
    for number in range(3):
        ring.add(CallRecord(f"d-{number}", "", "team", "", "r-1", Operation.CHAT, 0.0))
    assert [ring.get(f"d-{number}") is not None for number in range(3)] == [False, True, True]


def test_ring_of_no_size_keeps_nothing() -> None:
    ring = DecisionRing(0)
    ring.add(CallRecord("d-1", "", "team", "", "r-1", Operation.CHAT, 0.0))
    assert ring.get("d-1") is None


def record(call: str) -> CallRecord:
    return CallRecord(call, "", "team", "", "r-1", Operation.CHAT, 0.0)


def kept(ring: DecisionRing, calls: int) -> list[int]:
    return [number for number in range(calls) if ring.get(f"d-{number}") is not None]


def test_ring_that_shrinks_keeps_the_newest_and_goes_on_with_as_many() -> None:
    ring = DecisionRing(4)
    for number in range(4):
        ring.add(record(f"d-{number}"))
    ring.resize(2)
    assert (ring.size, kept(ring, 5)) == (2, [2, 3])
    ring.add(record("d-4"))
    assert kept(ring, 5) == [3, 4]


def test_ring_that_grows_forgets_nothing() -> None:
    ring = DecisionRing(2)
    for number in range(2):
        ring.add(record(f"d-{number}"))
    ring.resize(3)
    ring.add(record("d-2"))
    assert kept(ring, 3) == [0, 1, 2]
    ring.add(record("d-3"))
    assert kept(ring, 4) == [1, 2, 3]


def test_ring_that_is_taken_away_lets_go_of_all_and_may_come_back() -> None:
    ring = DecisionRing(2)
    ring.add(record("d-0"))
    ring.resize(0)
    ring.add(record("d-1"))
    assert (ring.size, kept(ring, 2)) == (0, [])
    ring.resize(1)
    ring.add(record("d-2"))
    assert kept(ring, 3) == [2]
