"""The caller leaves: the upstream is cancelled at once, what was used is booked, and nobody is blamed."""

import asyncio
import json

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import HANG, Answer, chunk, error, hanging, plain, stream
from doubles.virtual_time import EPOCH, run_virtual

from fairlead_proxy.contract.config import Resilience, Retry

CASES = [
    (hanging(), False, 0),
    (Answer(body=[b'{"id":', HANG]), False, 0),
    (hanging(), True, 0),
    (stream(chunk("12345678"), HANG), True, 2),
]


@pytest.mark.parametrize(("answer", "streamed", "output"), CASES)
def test_upstream_is_cancelled_at_once_and_the_use_is_booked(answer: Answer, streamed: bool, output: int) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [answer], "b": [plain()]})
        await rig.call(stream=streamed, sink=RecordingSink(leave_after=3.0))
        (attempt,) = rig.record().attempts
        assert attempt.outcome == "ClientGone"
        assert attempt.duration_seconds == pytest.approx(3.0, abs=0.1)
        assert attempt.usage is not None
        assert (attempt.usage.input_tokens, attempt.usage.output_tokens, attempt.usage.estimated) == (2, output, True)
        assert rig.transport.cut == 1
        assert rig.sample("fairlead_tokens_total", direction="input") == 2
        assert rig.sample("fairlead_requests_total", code="499", reason="ClientGone") == 1
        (seen,) = rig.health.observations(EPOCH + 3)
        assert (seen.attempts, seen.failures) == (1, 0)
        assert rig.metrics.in_flight == 0

    run_virtual(main())


def test_caller_that_leaves_before_a_repeat_costs_nothing_more() -> None:
    async def main() -> None:
        patient = Resilience(retry=Retry(same_target=1, backoff_base_seconds=60.0, backoff_max_seconds=60.0))
        rig = Rig(config([provider("a")], resilience=patient), {"a": [error(500)]})
        await rig.call(sink=RecordingSink(leave_after=0.1))
        assert rig.transport.asked() == ["team/a"]
        assert rig.record().duration_seconds == pytest.approx(0.1)

    run_virtual(main())


def test_caller_that_has_left_already_is_not_served() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [error(500)]})
        caller = RecordingSink()
        caller.leave()
        await rig.call(sink=caller)
        assert rig.record().code == 499

    run_virtual(main())


def test_caller_that_leaves_as_a_target_fails_is_not_tried_elsewhere() -> None:
    async def main() -> None:
        failing = Answer(500, after_seconds=1.0)
        rig = Rig(config([provider("a"), provider("b")]), {"a": [failing], "b": [hanging()]})
        await rig.call(sink=RecordingSink(leave_after=1.0))
        assert rig.transport.asked() == ["team/a"]

    run_virtual(main())


DRAINED = [(hanging(), 503), (stream(chunk("12345678"), HANG), 200)]


@pytest.mark.parametrize(("answer", "code"), DRAINED, ids=["before content", "after content"])
def test_call_cut_off_by_the_end_of_the_process_is_told_from_one_whose_caller_left(answer: Answer, code: int) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [answer]})
        call = asyncio.create_task(rig.call(stream=True))
        await asyncio.sleep(3.0)
        assert rig.under_way is not None
        rig.under_way.cut_off()
        caller = await call
        record = rig.record()
        assert (record.code, record.reason) == (code, "drained")
        (attempt,) = record.attempts
        assert (attempt.outcome, attempt.detail) == ("ClientGone", "cut off: this proxy ends")
        assert (caller.status, caller.ended, rig.transport.cut) == (code, 1, 1)
        told = caller.last_event if code == 200 else json.loads(caller.body)
        assert told["error"]["code"] == "shutting_down"
        (seen,) = rig.health.observations(EPOCH + 3)
        assert (seen.attempts, seen.failures) == (1, 0)

    run_virtual(main())
