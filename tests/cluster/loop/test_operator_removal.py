"""A fleet whose gateway or namespace is deleted ends at once: its proxies wait for nobody who would still come."""

import json
from pathlib import Path

import pytest
from cluster.loop.stage import Stage
from cluster.processes import wait_until

DELETED = {
    "the gateway": ("modelgateway", "main", "-n", "PLATFORM"),
    "its namespace": ("namespace", "PLATFORM"),
}


@pytest.mark.parametrize("what", DELETED.values(), ids=DELETED)
def test_proxies_of_a_fleet_that_was_deleted_wait_for_nobody(stage: Stage, serving: str, what: tuple[str, ...]) -> None:
    names = [pod["metadata"]["name"] for pod in stage.pods()]
    logs = [stage.node.log_file(stage.platform, name) for name in names]
    deleted = [stage.platform if word == "PLATFORM" else word for word in what]
    stage.kubectl("delete", *deleted, "--wait=false")
    ends = wait_until(lambda: ends_told(logs, len(names)), what="every proxy takes no more calls", seconds=60)
    assert [each["retired"] for each in ends] == [True, True]


@pytest.mark.parametrize("held", [False, True], ids=["and its gateway stays", "and somebody holds its gateway"])
def test_a_proxy_whose_fleet_goes_on_waits_for_those_who_have_not_heard_of_its_end(
    stage: Stage, serving: str, held: bool
) -> None:
    if held:
        hold(stage, ["example.com/held"])
        stage.kubectl("delete", "modelgateway", "main", "-n", stage.platform, "--wait=false")
        wait_until(lambda: "deletionTimestamp" in stage.read("modelgateway", "main")["metadata"], what="it is deleted")
    gone, *_ = stage.pods()
    log = stage.node.log_file(stage.platform, gone["metadata"]["name"])
    stage.kubectl("delete", "pod", gone["metadata"]["name"], "-n", stage.platform, "--wait=false")
    (end,) = wait_until(lambda: ends_told([log], 1), what="the proxy takes no more calls", seconds=60)
    assert end["retired"] is False
    if held:
        hold(stage, [])


def hold(stage: Stage, finalizers: list[str]) -> None:
    """Have somebody's finalizers hold the gateway, or nobody's."""
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    stage.kubectl("patch", "modelgateway", "main", "-n", stage.platform, "--type=merge", "-p", patch)


def ends_told(logs: list[Path], wanted: int) -> list[dict[str, object]]:
    """Return the lines with which proxies said that they take no more calls; nothing before each has said so."""
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines() if line.startswith("{")]
    ends = [line for line in lines if line.get("message") == "takes no more calls"]
    return ends if len(ends) == wanted else []
