"""Calls for which no target is tried, faults of our own, and changes of the configuration."""

import asyncio
import logging

import pytest
from doubles.gateway_rig import TENANT, Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import Answer, error, hanging, plain, stream
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.names import Operation
from fairlead_proxy.dialects.registry import OPENAI_CHAT
from fairlead_proxy.exchange.call import ClientCall

SECRET = "what the user said"


def test_unknown_model_is_not_found() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain()]})
        caller = await rig.call(model="nonsense")
        assert (caller.status, caller.error["code"]) == (404, "model_not_found")
        assert rig.sample("fairlead_requests_total", model="other", code="404", reason="model_not_found") == 1
        assert rig.sample("fairlead_requests_total", model="nonsense") == 0

    run_virtual(main())


def test_body_that_is_no_call_is_refused_in_the_dialect() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain()]})
        caller = await rig.raw_call(b"[1, 2")
        assert caller.status == 400
        assert (caller.headers["content-type"], caller.ended) == ("application/json", 1)
        assert caller.headers["x-fairlead-decision"] == "d-1"

    run_virtual(main())


def test_target_without_a_key_is_not_tried() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a", credentials=["main"]), provider("b")]), {"a": [plain()], "b": [plain()]})
        caller = await rig.call()
        assert caller.headers["x-fairlead-provider"] == "team/b"
        assert rig.record().targets[0].skipped == "NoKey: main"

    run_virtual(main())


class _Faulty(RecordingSink):
    """Fails at the first bytes of a provider's answer, as a fault of ours would."""

    def __init__(self) -> None:
        super().__init__()
        self._failed = False

    def answer(self, status: int, headers: bytes, body: bytes) -> None:
        if status == 200:
            raise RuntimeError(SECRET)
        super().answer(status, headers, body)

    def write(self, chunk: bytes) -> None:
        if not self._failed and self.heads:
            self._failed = self.status == 200
        if self._failed:
            raise RuntimeError(SECRET)
        super().write(chunk)


def test_fault_of_our_own_is_a_500_that_blames_no_provider(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain()]})
        caller = await rig.call(sink=_Faulty())
        assert (caller.status, caller.error["code"]) == (500, "internal_error")
        assert SECRET.encode() not in caller.body
        assert rig.outcomes_of() == ["InvalidRequest"]
        assert rig.record().reason == "internal_error"
        assert rig.metrics.in_flight == 0

    with caplog.at_level(logging.ERROR):
        run_virtual(main())
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_fault_of_our_own_in_mid_stream_does_not_look_like_an_end() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream()]})
        caller = await rig.call(stream=True, sink=_Faulty())
        assert (caller.aborted, caller.ended) == (True, 0)

    run_virtual(main())


def test_call_that_is_cut_off_is_booked_and_tries_nothing_else() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [hanging()], "b": [plain()]})
        serving = asyncio.create_task(rig.call())
        await asyncio.sleep(1.0)
        assert rig.under_way is not None
        rig.under_way.cut_off()
        await serving
        assert rig.outcomes_of() == ["ClientGone"]
        assert rig.transport.cut == 1
        assert rig.metrics.in_flight == 0
        assert rig.sample("fairlead_inflight_requests") == 0

    run_virtual(main())


def test_call_keeps_the_configuration_that_it_began_with() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), provider("b")]), {"a": [hanging()], "b": [plain()]})
        serving = asyncio.create_task(rig.call())
        await asyncio.sleep(1.0)
        rig.config = config([provider("a")], revision="r-2")
        rig.gateway.adopt(rig.config, rig.keys)
        caller = await serving
        assert caller.headers["x-fairlead-provider"] == "team/b"
        assert rig.record().revision == "r-1"

    run_virtual(main())


def test_call_goes_on_with_the_keys_that_it_began_with() -> None:
    async def main() -> None:
        both = [provider("a", credentials=["main"]), provider("b", credentials=["main"])]
        keys = KeyRing(credentials={"team/a/main": "sk-a", "team/b/main": "sk-b"})
        failing = Answer(500, after_seconds=2.0)
        rig = Rig(config(both), {"a": [failing], "b": [plain()]}, keys)
        serving = asyncio.create_task(rig.call())
        await asyncio.sleep(1.0)
        rig.gateway.adopt(config(both[:1], revision="r-2"), KeyRing(credentials={"team/a/main": "sk-new"}))
        assert (await serving).headers["x-fairlead-provider"] == "team/b"
        assert ("authorization", "Bearer sk-b") in rig.transport.requests[-1].lane.headers

    run_virtual(main())


def test_call_admitted_before_a_swap_undoes_nothing_of_it() -> None:
    async def main() -> None:
        limited = error(429, "", ("retry-after", "60"))
        before, after = config([provider("a")]), config([provider("a"), provider("b")], revision="r-2")
        rig = Rig(after, {"a": [error(500), plain()], "b": [limited]})
        await rig.call()
        late = ClientCall("late", TENANT, Operation.CHAT, {}, b'{"model":"smart","messages":[]}')
        over = rig.decisions.await_record("late")
        rig.gateway.begin(before, rig.keys, OPENAI_CHAT, late, RecordingSink())
        await over
        assert [cell.provider for cell in rig.breakers.noteworthy()] == ["team/b"]
        assert rig.sample("fairlead_attempts_total", provider="team/b") == 1

    run_virtual(main())


def test_end_of_a_call_to_a_provider_that_is_gone_opens_no_breaker() -> None:
    async def main() -> None:
        limited = Answer(429, (("retry-after", "60"),), after_seconds=2.0)
        rig = Rig(config([provider("a")]), {"a": [limited]})
        serving = asyncio.create_task(rig.call())
        await asyncio.sleep(1.0)
        rig.gateway.adopt(config([provider("b")], revision="r-2"), rig.keys)
        await serving
        assert rig.breakers.noteworthy() == set()
        assert not rig.breakers.troubled

    run_virtual(main())


def test_nothing_is_left_running_after_a_call() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream()]})
        await rig.call(stream=True, sink=RecordingSink(leave_after=100.0))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run_virtual(main())
