"""One target that answers: what the caller gets, and what is told afterwards."""

from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import DONE, ROLE, USAGE, Answer, chunk, error, plain, stream
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.keys import KeyRing


def test_plain_answer_passes_byte_for_byte() -> None:
    async def main() -> None:
        answer = plain()
        rig = Rig(config([provider("a")]), {"a": [answer]})
        caller = await rig.call()
        assert (caller.status, caller.body, caller.ended) == (200, answer.body[0], 1)

    run_virtual(main())


def test_stream_passes_without_the_usage_that_only_we_asked_for() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream()]})
        caller = await rig.call(stream=True)
        assert caller.spoken == ROLE + chunk("hel") + chunk("lo") + chunk(finish="stop") + DONE
        assert USAGE not in caller.body
        assert caller.ended == 1

    run_virtual(main())


def test_answer_tells_who_gave_it() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain()]})
        caller = await rig.call()
        told = {name: value for name, value in caller.headers.items() if name.startswith("x-")}
        assert told == {
            "x-fairlead-decision": "d-1",
            "x-fairlead-provider": "team/a",
            "x-fairlead-model": "m",
            "x-fairlead-attempts": "1",
            "x-fairlead-rule": "main",
            "x-fairlead-cost-usd": "0.000060000",
            "x-request-id": "from-the-client",
        }

    run_virtual(main())


def test_headers_of_the_provider_stay_behind() -> None:
    async def main() -> None:
        answer = plain()
        leaky = Answer(
            headers=(*answer.headers, ("set-cookie", "a=b"), ("x-request-id", "theirs"), ("openai-processing-ms", "7")),
            body=answer.body,
        )
        rig = Rig(config([provider("a")]), {"a": [leaky]})
        caller = await rig.call()
        assert "set-cookie" not in caller.headers
        assert caller.headers["x-request-id"] == "from-the-client"
        assert caller.headers["openai-processing-ms"] == "7"

    run_virtual(main())


def test_upstream_is_asked_for_its_own_name_of_the_model_with_its_own_key() -> None:
    async def main() -> None:
        keys = KeyRing(credentials={"team/a/main": "sk-upstream"})
        rig = Rig(config([provider("a", credentials=["main"])]), {"a": [plain()]}, keys)
        await rig.call()
        (request,) = rig.transport.requests
        assert b'"model": "m-upstream"' in request.body.replace(b'"model":"', b'"model": "')
        assert ("authorization", "Bearer sk-upstream") in request.lane.headers
        assert (request.lane.method, request.lane.path) == ("POST", "/chat/completions")

    run_virtual(main())


def test_usage_and_cost_are_booked_once() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream()]})
        await rig.call(stream=True)
        (attempt,) = rig.record().attempts
        assert attempt.cost == "0.00006"
        assert rig.record().cost == {"USD": "0.00006"}
        assert rig.sample("fairlead_tokens_total", direction="input") == 10
        assert rig.sample("fairlead_tokens_total", direction="output") == 5
        assert rig.sample("fairlead_cost_usd_total") == 0.00006

    run_virtual(main())


def test_unknown_price_is_not_zero() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a", price=None)]), {"a": [plain()]})
        await rig.call()
        assert rig.record().attempts[0].cost is None
        assert rig.line()["cost_usd"] is None
        assert rig.sample("fairlead_unpriced_attempts_total", provider="team/a") == 1

    run_virtual(main())


def test_target_that_refuses_to_be_asked_for_usage_answers_anyway_and_is_not_asked_again() -> None:
    async def main() -> None:
        refusal = error(400, "unknown_parameter")
        body = b'{"error": {"message": "Unknown parameter: stream_options", "param": "stream_options"}}'
        refusing = Answer(400, refusal.headers, [body])
        rig = Rig(config([provider("a")]), {"a": [refusing, stream(chunk("hi"), chunk(finish="stop"), DONE)]})
        first = await rig.call(stream=True)
        await rig.call(stream=True)
        assert first.status == 200
        assert [b"stream_options" in request.body for request in rig.transport.requests] == [True, False, False]
        assert rig.outcomes_of() == ["Answered"]
        assert rig.record().attempts[0].usage is not None

    run_virtual(main())


def test_connection_is_given_back_after_the_end_of_a_stream() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream()]})
        await rig.call(stream=True)
        (errand,) = rig.transport.errands
        assert (errand.released, errand.closed) == (True, False)

    run_virtual(main())


def test_caller_that_leaves_after_the_end_of_its_stream_had_its_answer() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream(chunk("hi"), chunk(finish="stop"), DONE, 10.0)]})
        caller = await rig.call(stream=True, sink=RecordingSink(leave_after=0.1))
        assert caller.ended == 1
        assert rig.outcomes_of() == ["Answered"]
        assert rig.record().code == 200

    run_virtual(main())


def test_log_line_tells_what_happened_and_nothing_that_was_said() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain("a secret answer", after_seconds=2.0)]})
        await rig.call(messages=[{"role": "user", "content": "a secret question"}])
        line = rig.line()
        assert b"secret" not in rig.lines[0]
        expected = {
            "call": "d-1",
            "request_id": "from-the-client",
            "namespace": "team",
            "policy": "team/policy",
            "rule": "main",
            "provider": "team/a",
            "model": "m",
            "operation": "chat",
            "mode": "plain",
            "code": 200,
            "reason": "ok",
            "attempts": 1,
            "duration_seconds": 2.0,
            "ttft_seconds": None,
            "input_tokens": 10,
            "output_tokens": 5,
            "cost_usd": "0.00006",
            "revision": "r-1",
        }
        assert {name: line[name] for name in expected} == expected

    run_virtual(main())
