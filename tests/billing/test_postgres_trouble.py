"""Calls while PostgreSQL, where they are booked, is frozen, killed and back: none fails, each is booked once."""

import json
import urllib.request
from pathlib import Path

from doubles.postgres import postgres_server, query
from doubles.processes import Standalone, eventually, standalone

SECRET_AND_GATEWAY = """\
apiVersion: v1
kind: Secret
metadata: {{name: database, namespace: default}}
stringData: {{url: "{url}"}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelGateway
metadata: {{name: main, namespace: default}}
spec:
  tenants: {{namespaceSelector: {{}}}}
  ledger: {{postgres: {{secretRef: {{name: database, key: url}}}}}}
"""
ROUTE = """\
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: simulated, namespace: default}
spec:
  type: Simulated
  simulated: {ttft: 0s, tokensPerSecond: 100000}
  models: [{name: m, price: {perMTok: {input: "1", output: "2"}}}]
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {name: route, namespace: default}
spec:
  gatewayRef: {name: main}
  models: [smart]
  rules:
  - name: all
    route: {targets: [{provider: {name: simulated}, model: m}]}
"""
A_PHASE = 40
PATIENCE_SECONDS = 5.0
"""Far longer than a call takes, and shorter than what the shipper waits for a server that does not answer."""


def call(gateway: Standalone) -> str:
    """Make a call; return the decision's id. Raises where it is not answered, or not soon."""
    body = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "hello"}]}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.port}/v1/chat/completions", body, {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        assert answer.status == 200
        return str(answer.headers["x-fairlead-decision"])


def booked(url: str) -> list[str]:
    """Return the calls that the database holds, one for each record; none while it holds no table."""
    try:
        return sorted(str(row[0]) for row in query(url, "select call from fairlead_attempts"))
    except OSError:
        return []


def is_down(gateway: Standalone) -> bool:
    return 'fairlead_ledger_sink_up{sink="postgres"} 0.0' in gateway.metrics()


def test_no_call_waits_for_a_database_that_is_frozen_killed_or_away_and_none_is_lost_or_doubled(tmp_path: Path) -> None:
    with postgres_server() as database:
        url = database.new_database()
        source = tmp_path / "objects.yaml"
        source.write_text(SECRET_AND_GATEWAY.format(url=url) + "---\n" + ROUTE)
        with standalone(tmp_path, "-f", str(source)) as gateway:
            calls = [call(gateway) for _ in range(A_PHASE)]
            eventually(lambda: booked(url) == sorted(calls), within=30)
            database.freeze()
            calls += [call(gateway) for _ in range(A_PHASE)]
            eventually(lambda: is_down(gateway), within=30)
            calls += [call(gateway) for _ in range(A_PHASE)]
            database.thaw()
            eventually(lambda: booked(url) == sorted(calls), within=60)
            database.kill()
            calls += [call(gateway) for _ in range(A_PHASE)]
            eventually(lambda: is_down(gateway), within=30)
            database.start()
            calls += [call(gateway) for _ in range(A_PHASE)]
            eventually(lambda: booked(url) == sorted(calls), within=60)
