"""The line of a call, for machines and for people."""

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.scripted_transport import error, plain
from doubles.virtual_time import run_virtual

from fairlead_proxy.telemetry.access_log import LINE_FORMATS, AccessLine, text_line

LINE = AccessLine(
    at=1_700_000_000.0,
    call="d-1",
    request_id="",
    namespace="team",
    caller="",
    policy="team/policy",
    rule="main",
    provider="platform/a",
    model="large",
    operation="chat",
    mode="stream",
    code=200,
    reason="ok",
    attempts=2,
    duration_seconds=1.25,
    ttft_seconds=0.5,
    input_tokens=3,
    output_tokens=4,
    cost_usd="0.0000005",
    revision="r-1",
)


def test_a_line_for_people_tells_at_a_glance_who_answered_how_and_for_how_much() -> None:
    told = text_line(LINE).decode()
    assert told.partition("  ")[2] == (
        "200 ok  team/policy main  platform/a/large  stream, 2 attempts, 1.250s  first token 0.500s  3+4 tokens"
        "  0.0000005 USD  call=d-1"
    )


@pytest.mark.parametrize("log_format", LINE_FORMATS)
def test_a_call_is_one_line_that_holds_nothing_that_was_said(log_format: str) -> None:
    async def main() -> None:
        scripts = {"a": [error(500)], "b": [plain("secret answer")]}
        rig = Rig(config([provider("a"), provider("b")]), scripts, log_format=log_format)
        await rig.call(messages=[{"role": "user", "content": "secret question"}])
        (written,) = rig.lines
        assert b"secret" not in written
        assert written.count(b"\n") == 1
        assert b"team/b" in written

    run_virtual(main())
