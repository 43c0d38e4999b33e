"""What a call held is free as soon as it ends: no cycle keeps its body until the collector comes by."""

import asyncio
import gc
import json
import sys
from collections.abc import Iterator

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import Answer, error, hanging, plain, stream
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience, Timeouts

QUICK = Resilience(timeouts=Timeouts(per_try_seconds=1.0, first_token_seconds=1.0))


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
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
