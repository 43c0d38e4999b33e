"""The ledger of `fairlead run`, with the real processes: what was called stands in it, whatever is killed or ended."""

import json
import os
import signal
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from doubles.processes import Standalone, eventually, standalone

OBJECTS = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: one}
spec:
  type: Simulated
  models: [{name: tiny, price: {perMTok: {input: "2", output: "6"}}}]
  simulated: {ttft: 1ms, tokensPerSecond: 100000}
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: smart}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules: [{name: all, route: {targets: [{provider: {name: one}, model: tiny}]}}]
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {name: main}
spec: {egress: {denyPrivateRanges: false}, tenants: {namespaceSelector: {}}, ledger: {jsonLines: {}}}
"""


def call(running: Standalone) -> dict[str, Any]:
    """Make a call; return its usage."""
    body = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"{running.url}/chat/completions", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        used: dict[str, Any] = json.loads(answer.read())["usage"]
        return used


def booked(state: Path) -> tuple[int, int, int, int]:
    """Return attempts, tokens in and out, and cost in nano-USD, as the ledger has them; raise OSError without one."""
    query = "select count(*), sum(input_tokens), sum(output_tokens), sum(cost_nano) from fairlead_attempts"
    try:
        with closing(sqlite3.connect(f"file:{state / 'ledger.sqlite'}?mode=ro", uri=True)) as database:
            attempts, read, written, cost = database.execute(query).fetchone()
            return attempts, read or 0, written or 0, cost or 0
    except sqlite3.OperationalError as error:
        raise OSError("there is no ledger yet") from error


def expected(used: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    read, written = (sum(each[name] for each in used) for name in ("prompt_tokens", "completion_tokens"))
    return len(used), read, written, read * 2_000 + written * 6_000


def children(running: Standalone) -> dict[str, int]:
    """Return the process ids of the worker and of the shipper."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = path.joinpath("stat").read_text().rpartition(")")[2].split()[1]
            words = path.joinpath("cmdline").read_text().split("\0")
        except OSError:
            continue
        if int(parent) == running.process.pid and len(words) > 3:
            found[words[3]] = int(path.name)
    return found


def test_every_call_is_in_the_ledger_and_in_the_lines_also_when_the_shipper_was_killed(tmp_path: Path) -> None:
    objects = tmp_path / "objects.yaml"
    objects.write_text(OBJECTS)
    with standalone(tmp_path, "-f", str(objects)) as running:
        used = [call(running) for _ in range(3)]
        eventually(lambda: booked(running.state) == expected(used), within=20)
        os.kill(children(running)["fairlead_ledger.cli"], signal.SIGKILL)
        used += [call(running) for _ in range(2)]
        eventually(lambda: booked(running.state) == expected(used), within=20)
        used += [call(running) for _ in range(2)]
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=30) == 0
        assert booked(running.state) == expected(used), "the last ones were shipped before the end"
        lines = [json.loads(line) for line in (running.state / "ledger.jsonl").read_text().splitlines()]
        assert sorted(line["cost_nano"] for line in lines) == sorted(expected([each])[3] for each in used)


def test_what_a_killed_worker_had_spooled_is_shipped(tmp_path: Path) -> None:
    objects = tmp_path / "objects.yaml"
    objects.write_text(OBJECTS)
    with standalone(tmp_path, "-f", str(objects)) as running:
        used = [call(running)]
        eventually(lambda: booked(running.state) == expected(used), within=20)
        os.kill(children(running)["fairlead_proxy.cli"], signal.SIGKILL)
        used.append(eventually(lambda: call(running), within=20))
        eventually(lambda: booked(running.state) == expected(used), within=20)
