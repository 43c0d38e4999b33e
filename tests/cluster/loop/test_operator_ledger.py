"""The ledger of a fleet: a sidecar in each pod ships what the proxy booked, and status tells what was used today."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from cluster.loop.conftest import KEY
from cluster.loop.stage import Stage, chat, gateway, policy, simulated
from cluster.processes import wait_until

POSTGRES = {"postgres": {"secretRef": {"name": "ledger-db", "key": "url"}}}


def serving(stage: Stage, ledger: dict[str, Any]) -> str:
    """Have gateway `main` serve with this ledger; return its address."""
    stage.secret("caller", labels={"fairlead.dev/key": "true"}, key=KEY)
    stage.create("ModelProvider", "sim", simulated())
    stage.create("RoutePolicy", "smart", policy(stage.platform, ["sim/small"]))
    stage.create("ModelGateway", "main", gateway(ledger=ledger))
    return stage.serving()


def tokens_of_calls(address: str, count: int) -> list[tuple[int, int]]:
    used = [chat(address, "smart", key=KEY)["body"]["usage"] for _ in range(count)]
    return sorted((each["prompt_tokens"], each["completion_tokens"]) for each in used)


def shipped(logs: Iterable[Path]) -> list[tuple[int, int]]:
    """Return the tokens of each record that sidecars have written to their output."""
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines() if line.startswith('{"id"')]
    return sorted((line["input_tokens"], line["output_tokens"]) for line in lines)


def test_every_call_is_shipped_once_also_of_a_pod_that_is_deleted(stage: Stage) -> None:
    address = serving(stage, {"jsonLines": {}})
    names = [pod["metadata"]["name"] for pod in stage.pods()]
    logs = [stage.node.log_file(stage.platform, name, "ledger") for name in names]
    used = tokens_of_calls(address, 6)
    wait_until(lambda: shipped(logs) == used, what="all calls are shipped")
    used = sorted([*used, *tokens_of_calls(address, 6)])
    for name in names:
        stage.kubectl("delete", "pod", name, "-n", stage.platform, "--timeout=60s", timeout_seconds=90)
    assert shipped(logs) == used, "what was booked last is shipped before the pod has gone"


def test_status_tells_what_was_used_today(stage: Stage) -> None:
    used = tokens_of_calls(serving(stage, {"jsonLines": {}}), 8)

    def told(kind: str, name: str) -> bool:
        usage = stage.read(kind, name)["status"].get("usage", {})
        shown = (usage.get("inputTokens", 0), usage.get("outputTokens", 0))
        whole = (sum(read for read, _ in used), sum(written for _, written in used))
        return all(abs(figure - truth) <= 0.1 * truth for figure, truth in zip(shown, whole, strict=True))

    for kind, name in (("modelprovider", "sim"), ("routepolicy", "smart")):
        wait_until(partial(told, kind, name), what=f"the usage of {kind} {name}", seconds=60)


def test_a_database_whose_address_is_missing_is_told_and_keeps_no_call_waiting(stage: Stage) -> None:
    address = serving(stage, POSTGRES)
    told = stage.wait_for("modelgateway", "main", "ResolvedRefs", "False", "SecretNotFound")
    assert told["message"].startswith("spec.ledger.postgres.secretRef: the Secret ledger-db does not exist")
    assert len(tokens_of_calls(address, 2)) == 2
    stage.secret("ledger-db", url="postgres://nobody:nothing@127.0.0.1:1/ledger")
    stage.wait_for("modelgateway", "main", "ResolvedRefs", "True")
    assert len(tokens_of_calls(address, 2)) == 2
    assert all(counts == [0] for counts in stage.restarts().values())


def test_a_ledger_that_names_no_store_is_refused(stage: Stage) -> None:
    stage.create("ModelGateway", "main", gateway(ledger={"retention": "24h"}))
    told = stage.wait_for("modelgateway", "main", "Accepted", "False", "Invalid")
    assert told["message"].startswith("spec.ledger: it names no store")
    assert stage.pods() == []
