"""Events on a real API server: one for each turn, on the object that it is about, and none while nothing turns."""

from cluster.loop.stage import Json, Stage, gateway, policy, simulated
from cluster.processes import wait_until


def events(stage: Stage, kind: str, name: str) -> list[Json]:
    found: Json = stage.kubectl.read("get", "events.events.k8s.io", "-n", stage.platform)
    return [each for each in found["items"] if (each["regarding"]["kind"], each["regarding"]["name"]) == (kind, name)]


def told(stage: Stage, kind: str, name: str) -> list[tuple[str, str, str]]:
    found = sorted(events(stage, kind, name), key=lambda each: str(each["eventTime"]))
    return [(each["type"], each["action"], each["reason"]) for each in found]


def test_what_breaks_and_what_heals_is_told_once_each(stage: Stage) -> None:
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"]))
    stage.create("ModelGateway", "main", gateway())
    stage.serving()
    assert told(stage, "RoutePolicy", "smart") == [], "what goes well from the start is not told"

    stage.create("RoutePolicy", "smart", policy(stage.platform, ["nobody/small"]))
    stage.wait_for("routepolicy", "smart", "ResolvedRefs", "False", "ProviderNotFound")
    broken = ("Warning", "ResolvedRefs", "ProviderNotFound")
    wait_until(lambda: broken in told(stage, "RoutePolicy", "smart"), what="the event that tells of it")
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"]))
    stage.wait_for("routepolicy", "smart", "Ready", "True")
    healed = ("Normal", "ResolvedRefs", "ResolvedRefs")
    wait_until(lambda: healed in told(stage, "RoutePolicy", "smart"), what="the event that all is well again")
    seen = told(stage, "RoutePolicy", "smart")
    assert len(seen) == len(set(seen)), "each turn is told once"

    found = events(stage, "RoutePolicy", "smart")
    (one,) = [each for each in found if (each["action"], each["reason"]) == ("ResolvedRefs", "ProviderNotFound")]
    assert one["reportingController"] == "fairlead.dev/operator"
    assert one["regarding"]["uid"] == stage.read("routepolicy", "smart")["metadata"]["uid"]
    assert "no ModelProvider" in one["note"]
    assert "ProviderNotFound" in stage.kubectl("describe", "routepolicy", "smart", "-n", stage.platform)


def test_no_event_is_told_while_nothing_turns(stage: Stage) -> None:
    stage.create("ModelProvider", "sim", simulated())
    stage.create("ModelGateway", "main", gateway())
    stage.serving()
    stage.restart_operator()
    stage.serving()
    assert told(stage, "ModelProvider", "sim") == []
    assert [each for each in told(stage, "ModelGateway", "main") if each[0] == "Warning"] == []
