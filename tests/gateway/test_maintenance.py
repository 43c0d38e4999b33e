"""Providers that their owners take out of service while calls are under way."""

import asyncio
from dataclasses import replace

import msgspec
import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import error, plain
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.names import MaintenanceState

CORDONED, DRAINING = MaintenanceState.CORDONED, MaintenanceState.DRAINING


def kept_from_calls(one: Provider, state: MaintenanceState) -> Provider:
    return msgspec.structs.replace(one, maintenance=state)


def adopt(rig: Rig, *providers: Provider) -> None:
    rig.config = config(providers, revision="r-2")
    rig.gateway.adopt(rig.config, rig.keys)


@pytest.mark.parametrize("state", [CORDONED, DRAINING])
def test_a_call_under_way_goes_on_to_its_end(state: MaintenanceState) -> None:
    async def main() -> None:
        a, b = provider("a"), provider("b")
        rig = Rig(config([a, b]), {"a": [plain("from a", after_seconds=5.0)], "b": [plain("from b")]})
        first = asyncio.create_task(rig.call())
        await asyncio.sleep(1.0)
        adopt(rig, kept_from_calls(a, state), b)
        second = await rig.call()
        assert (await first).status == second.status == 200
        assert rig.transport.asked() == ["team/a", "team/b"]
        assert rig.record(2).targets[0].skipped == str(state)

    run_virtual(main())


def test_no_attempt_begins_there_though_its_call_was_planned_before() -> None:
    async def main() -> None:
        a, b, c = provider("a"), provider("b"), provider("c")
        script = {"a": [replace(error(500), after_seconds=5.0)], "b": [plain()], "c": [plain("from c")]}
        rig = Rig(config([a, b, c]), script)
        call = asyncio.create_task(rig.call())
        await asyncio.sleep(1.0)
        adopt(rig, a, kept_from_calls(b, CORDONED), c)
        assert (await call).status == 200
        assert rig.transport.asked() == ["team/a", "team/c"]
        assert rig.record(1).passed_by == ("team/b/m",)

    run_virtual(main())


def test_attempts_are_counted_only_where_their_provider_is_draining() -> None:
    async def main() -> None:
        a, b = provider("a"), provider("b")
        rig = Rig(config([a, b]), {"a": [plain(after_seconds=5.0)], "b": [plain(after_seconds=5.0)]})
        calls = [asyncio.create_task(rig.call()) for _ in range(2)]
        await asyncio.sleep(1.0)
        assert rig.gear.under_way() == {}
        adopt(rig, kept_from_calls(a, CORDONED), b)
        assert rig.gear.under_way() == {}
        adopt(rig, kept_from_calls(a, DRAINING), b)
        assert rig.gear.under_way() == {"team/a": 2}
        await asyncio.wait(calls)
        assert rig.gear.under_way() == {}

    run_virtual(main())


def test_a_provider_that_is_active_again_is_called_again() -> None:
    async def main() -> None:
        a, b = provider("a"), provider("b")
        rig = Rig(config([kept_from_calls(a, DRAINING), b]), {"a": [plain()], "b": [plain()]})
        await rig.call()
        adopt(rig, a, b)
        await rig.call()
        assert rig.transport.asked() == ["team/b", "team/a"]

    run_virtual(main())
