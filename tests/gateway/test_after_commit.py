"""Failures after the first content went out: a typed error in the caller's dialect, never what looks whole."""

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import DONE, HANG, ROLE, Part, chunk, plain, stream
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience, Timeouts
from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.exchange.errors import UpstreamFailure

CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "the connection was cut")
ERROR_EVENT = b'data: {"error": {"message": "oops", "type": "server_error"}}\n\n'

BREAKS: list[tuple[str, list[Part]]] = [
    ("StreamBroken", []),
    ("StreamBroken", [CUT]),
    ("StreamBroken", [b'data: {"choi', CUT]),
    ("StreamStalled", [HANG]),
    ("ErrorInStream", [ERROR_EVENT]),
    ("MalformedResponse", [b"data: <html>\n\n"]),
]


@pytest.mark.parametrize(("failure", "parts"), BREAKS)
def test_stream_that_breaks_ends_in_a_typed_error(failure: str, parts: list[Part]) -> None:
    async def main() -> None:
        script = {"a": [stream(ROLE, chunk("hel"), *parts)], "b": [stream()]}
        rig = Rig(config([provider("a"), provider("b")]), script)
        caller = await rig.call(stream=True)
        assert caller.body.startswith(ROLE + chunk("hel"))
        assert caller.last_event["error"]["message"] == f"the answer of team/a/m broke off: {failure}"
        assert DONE not in caller.body
        assert (caller.heads, caller.ended, caller.aborted) == (1, 1, False)
        assert rig.transport.asked() == ["team/a"]
        assert rig.outcomes_of() == [failure]
        assert (rig.record().code, rig.record().reason) == (200, failure)

    run_virtual(main())


def test_what_came_before_the_fault_in_the_same_chunk_is_delivered() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream(chunk("hel"), chunk("lo") + ERROR_EVENT)]})
        caller = await rig.call(stream=True)
        assert caller.body.startswith(chunk("hel") + chunk("lo"))

    run_virtual(main())


def test_what_was_relayed_of_a_broken_stream_is_booked_as_an_estimate() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream(chunk("12345678"), CUT)]})
        await rig.call(stream=True)
        usage = rig.record().attempts[0].usage
        assert usage is not None
        assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (2, 2, True)

    run_virtual(main())


def test_failure_after_commit_blames_the_provider() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream(chunk("hel"), CUT)]})
        await rig.call(stream=True)
        (seen,) = rig.health.observations(1_700_000_000.0)
        assert (seen.attempts, seen.failures) == (1, 1)

    run_virtual(main())


def test_slow_caller_is_not_the_providers_silence() -> None:
    async def main() -> None:
        resilience = Resilience(timeouts=Timeouts(idle_seconds=5.0))
        rig = Rig(config([provider("a")], resilience=resilience), {"a": [stream()]})
        caller = await rig.call(stream=True, sink=RecordingSink(write_seconds=30.0))
        assert caller.spoken.endswith(DONE)
        assert rig.outcomes_of() == ["Answered"]

    run_virtual(main())


def test_caller_that_is_too_slow_for_the_whole_call_blames_nobody() -> None:
    async def main() -> None:
        resilience = Resilience(timeouts=Timeouts(total_seconds=20.0))
        rig = Rig(config([provider("a")], resilience=resilience), {"a": [stream()]})
        await rig.call(stream=True, sink=RecordingSink(write_seconds=30.0))
        assert rig.outcomes_of() == ["ClientGone"]
        assert rig.record().code == 499

    run_virtual(main())


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_answer_that_is_never_taken_is_not_one_that_was_given(streamed: bool) -> None:
    async def main() -> None:
        resilience = Resilience(timeouts=Timeouts(total_seconds=20.0))
        rig = Rig(config([provider("a")], resilience=resilience), {"a": [stream() if streamed else plain()]})
        await rig.call(stream=streamed, sink=RecordingSink(write_seconds=30.0))
        assert rig.outcomes_of() == ["ClientGone"]
        assert rig.record().code == 499
        assert rig.record().duration_seconds == pytest.approx(20.0)

    run_virtual(main())


def test_answer_that_is_taken_slowly_was_given_when_it_was_taken() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain()]})
        caller = await rig.call(sink=RecordingSink(write_seconds=30.0))
        assert (caller.status, rig.record().code) == (200, 200)
        assert rig.record().duration_seconds == pytest.approx(30.0)

    run_virtual(main())
