"""What a call held is free as soon as it ends: no cycle keeps its body until the collector comes by."""

import asyncio
import json
import sys
from collections.abc import Iterator

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import ROLE, Answer, chunk, error, hanging, plain, stream
from doubles.uncollected import alive, uncollected
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience, Timeouts
from fairlead_proxy.contract.names import FailureClass, ProviderType, WhenBroken
from fairlead_proxy.dialects.dialect import CallerDialect, ReadRequest
from fairlead_proxy.dialects.registry import ANTHROPIC, OPENAI_CHAT
from fairlead_proxy.dialects.telling import Telling
from fairlead_proxy.exchange.errors import UpstreamFailure

QUICK = Resilience(timeouts=Timeouts(per_try_seconds=1.0, first_token_seconds=1.0))


CONTINUE = Resilience(broken=WhenBroken.CONTINUE)
CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "cut")


@pytest.fixture
def _uncollected() -> Iterator[None]:
    with uncollected():
        yield


@pytest.mark.usefixtures("_uncollected")
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("answer", [None, error(500), error(400), hanging()], ids=["good", "500", "400", "hang"])
def test_body_of_a_call_that_has_ended_is_held_by_nobody(answer: Answer | None, streamed: bool) -> None:
    body = json.dumps({"model": "smart", "messages": [], "stream": streamed}).encode()
    before = sys.getrefcount(body)

    async def main() -> None:
        first = answer or (stream() if streamed else plain())
        rig = Rig(config([provider("a"), provider("b")], resilience=QUICK), {"a": [first], "b": [hanging()]})
        await rig.raw_call(body)
        rig.transport.requests.clear()
        await asyncio.sleep(0)  # a task keeps the CancelledError of an attempt that was ended until its next step
        assert rig.record().attempts
        assert sys.getrefcount(body) == before

    run_virtual(main())


@pytest.mark.usefixtures("_uncollected")
@pytest.mark.parametrize("caller", [OPENAI_CHAT, ANTHROPIC], ids=["untouched", "translated"])
@pytest.mark.parametrize("second", [ProviderType.OPENAI_COMPATIBLE, ProviderType.ANTHROPIC])
def test_a_stream_that_was_gone_on_with_leaves_nothing_of_its_call(caller: CallerDialect, second: ProviderType) -> None:
    asked = {"model": "smart", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "tell"}]}
    before = alive(ReadRequest, Telling)

    async def main() -> None:
        broken = stream(ROLE, chunk("Once upon "), CUT)
        providers = [provider("a"), provider("b", type_=second), provider("c")]
        rig = Rig(config(providers, resilience=CONTINUE), {"a": [broken], "b": [error(500)], "c": [stream()]})
        await rig.raw_call(json.dumps(asked).encode(), dialect=caller)
        assert len(rig.record().attempts) == 3
        rig.transport.requests.clear()
        await asyncio.sleep(0)

    run_virtual(main())
    assert alive(ReadRequest, Telling) == before
