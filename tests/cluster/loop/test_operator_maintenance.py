"""A provider that is drained on a real API server while a stream runs."""

import threading
from collections.abc import Iterator

import pytest
from cluster.loop.conftest import KEY
from cluster.loop.stage import Stage, chat, compatible, gateway, policy, simulated, status_of, text_of_stream
from cluster.processes import wait_until
from doubles.processes import ScriptedUpstream, scripted_upstream
from fence.stage_canaries import KEYS


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


def test_a_drained_provider_gets_no_call_ends_its_streams_and_says_so(stage: Stage, upstream: ScriptedUpstream) -> None:
    stage.secret("caller", labels={"fairlead.dev/key": "true"}, key=KEY)
    stage.secret("upstream", apiKey=KEYS["first"])
    stage.create("ModelProvider", "real", compatible(upstream))
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["real/small", "sim/small"]))
    stage.create("ModelGateway", "main", gateway())
    address = stage.serving()
    upstream.behave("ok", tokens=60, pace=0.2)
    texts: list[str] = []
    streaming = threading.Thread(target=lambda: texts.append(text_of_stream(address, KEY)))
    streaming.start()
    wait_until(lambda: len(upstream.calls()) == 1, what="the stream runs")

    stage.create("ModelProvider", "real", {**compatible(upstream), "maintenance": {"state": "Draining"}})
    stage.wait_for("modelprovider", "real", "Drained", "False", "InFlight")
    served = chat(address, "smart", key=KEY)["headers"]["x-fairlead-provider"]
    assert served == f"{stage.platform}/sim"
    assert len(upstream.calls()) == 1

    streaming.join(timeout=60)
    assert len(texts[0].split()) == 60, "the stream went on to its end"
    stage.wait_for("modelprovider", "real", "Drained", "True", "Drained")
    rule = stage.read("routepolicy", "smart")["status"]["rules"][0]
    assert (rule["state"], rule["active"]) == ("FallenBack", f"{stage.platform}/sim/small")

    stage.create("ModelProvider", "real", compatible(upstream))
    wait_until(lambda: not stage.condition("modelprovider", "real", "Drained"), what="it is in service again")
    upstream.behave("ok", tokens=5)
    wait_until(
        lambda: status_of(address, "smart", key=KEY) == 200 and len(upstream.calls()) == 2, what="it is called again"
    )
