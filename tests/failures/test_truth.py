"""Status says what was observed: a provider that breaks is shown broken, one that heals is shown well again."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from doubles.figures import Figures
from doubles.processes import ScriptedUpstream, Standalone, eventually, scripted_upstream, standalone

QUESTION: Any = [{"role": "user", "content": "say something"}]
MANIFESTS = """
apiVersion: v1
kind: Secret
metadata: {{name: keys, namespace: default}}
stringData: {{good: sk-good-canary, bad: sk-bad-canary}}
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: primary, namespace: default}}
spec:
  type: OpenAICompatible
  endpoint: {{url: "{primary}"}}
  credentials:
  - {{name: good, secretRef: {{name: keys, key: good}}}}
  - {{name: bad, secretRef: {{name: keys, key: bad}}}}
  models: [{{name: m}}]
---
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: backup, namespace: default}}
spec:
  type: OpenAICompatible
  endpoint: {{url: "{backup}"}}
  models: [{{name: m}}]
---
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: policy, namespace: default}}
spec:
  gatewayRef: {{name: main}}
  models: [smart]
  rules:
  - name: only
    route:
      targets:
      - {{provider: {{name: primary}}, model: m, priority: 0}}
      - {{provider: {{name: backup}}, model: m, priority: 1}}
    resilience: {{timeouts: {{perTry: 5s, firstToken: 5s, idle: 5s}}}}
"""


class House:
    """Two scripted providers, a gateway over them, and a caller that does not stop."""

    def __init__(self, primary: ScriptedUpstream, backup: ScriptedUpstream, gateway: Standalone) -> None:
        self.primary, self.backup, self.gateway = primary, backup, gateway
        self.failed: list[Exception] = []
        self.answered = 0

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=self.gateway.url, api_key="ignored", max_retries=0, timeout=60)

    def health(self, provider: str = "primary") -> tuple[str, str, str]:
        """Return status and reason of Healthy, and the state."""
        healthy = self.gateway.condition("ModelProvider", "default", provider, "Healthy")
        state = self.gateway.status_of("ModelProvider", "default", provider)["health"]["state"]
        return healthy["status"], healthy["reason"], state

    @contextmanager
    def calling(self, *, callers: int = 4) -> Iterator[None]:
        """Call without pause, half of it streaming, until the block ends; note every failure."""
        over = threading.Event()
        threads = [threading.Thread(target=self._call, args=(over, number % 2 == 0)) for number in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _call(self, over: threading.Event, stream: bool) -> None:
        client = self.client
        while not over.wait(0.2):
            try:
                answer = client.chat.completions.create(model="smart", messages=QUESTION, stream=stream)
                assert stream is False or text_of(answer)
                self.answered += 1
            except Exception as error:
                self.failed.append(error)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with scripted_upstream() as primary, scripted_upstream() as backup:
        manifests = tmp_path / "all.yaml"
        manifests.write_text(MANIFESTS.format(primary=primary.url, backup=backup.url))
        with standalone(tmp_path, "-f", str(manifests)) as gateway:
            yield House(primary, backup, gateway)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ({"down": True}, "Unreachable"),
        ({"behaviour": {"kind": "status", "status": 500}}, "Failing"),
        ({"behaviour": {"kind": "hang"}}, "TimingOut"),
        ({"behaviour": {"kind": "status", "status": 429, "headers": {"retry-after": "10"}}}, "RateLimited"),
        ({"behaviour": {"kind": "error_first", "only": "stream"}}, "Failing"),
        ({"behaviour": {"kind": "cut_before", "only": "stream"}}, "Failing"),
    ],
    ids=["gone", "500", "hang", "429", "error-in-stream", "stream-cut"],
)
def test_a_provider_that_breaks_is_shown_broken_and_well_again_while_every_call_is_answered(
    house: House, script: dict[str, Any], reason: str
) -> None:
    with house.calling():
        eventually(lambda: house.health() == ("True", "Serving", "Healthy"), within=30)
        # Without a past there is no telling what is late, and a hang shows at its deadline only.
        eventually(lambda: house.answered >= 80, within=60)
        house.primary.obey(**script)
        eventually(lambda: house.health()[:2] == ("False", reason), within=30)
        rule = house.gateway.status_of("RoutePolicy", "default", "policy")["rules"][0]
        assert (rule["state"], rule["active"]) == ("FallenBack", "default/backup/m")
        house.primary.obey()
        eventually(lambda: house.health() == ("True", "Serving", "Healthy"), within=90)
    assert house.failed == []
    assert house.answered > 20


def test_one_rejected_key_of_two_leaves_the_provider_degraded(house: House) -> None:
    house.primary.obey(keys={"sk-bad-canary": {"kind": "status", "status": 401, "error": {"code": "invalid_api_key"}}})
    with house.calling():
        eventually(lambda: house.health() == ("True", "Serving", "Degraded"), within=30)
    credentials = house.gateway.status_of("ModelProvider", "default", "primary")["health"]["credentials"]
    assert [(each["name"], each["state"]) for each in credentials] == [("bad", "CredentialRejected")]
    assert house.failed == []


def test_what_nobody_calls_is_unknown_however_well_it_may_be(house: House) -> None:
    house.primary.obey(models_status=500)
    ready = eventually(lambda: house.gateway.condition("ModelProvider", "default", "primary", "Ready"), within=10)
    assert ready["status"] == "True"
    healthy = house.gateway.condition("ModelProvider", "default", "primary", "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("Unknown", "NoTraffic")


def test_a_caller_that_leaves_cancels_the_provider_at_once_and_is_booked(house: House, figures: Figures) -> None:
    house.primary.behave("ok", tokens=4000, pace=0.005)
    stream = house.client.chat.completions.with_raw_response.create(model="smart", messages=QUESTION, stream=True)
    decision = stream.headers["x-fairlead-decision"]
    chunks = iter(stream.parse())
    next(chunks)
    left = time.monotonic()
    stream.http_response.close()
    record = eventually(lambda: house.gateway.decision(decision), within=5)
    assert record["attempts"][-1]["outcome"] == "ClientGone"
    assert record["attempts"][-1]["usage"]["output_tokens"] > 0
    assert record["attempts"][-1]["usage"]["estimated"] is True
    eventually(lambda: house.primary.seen()["invoice"][-1]["cut_at"], within=5)
    bill = house.primary.seen()["invoice"][-1]
    figures.hold("a caller leaves until its provider is cut off", bill["cut_at"] - left, bound=0.1)
    assert bill["whole"] is False
    assert bill["output_tokens"] < 400
    healthy = eventually(lambda: house.gateway.condition("ModelProvider", "default", "primary", "Healthy"), within=10)
    assert healthy["status"] != "False"


def test_keys_stand_nowhere_but_in_the_calls(house: House) -> None:
    with house.calling():
        eventually(lambda: house.answered > 5, within=30)
    assert {call["headers"]["authorization"] for call in house.primary.calls()} <= {
        "Bearer sk-good-canary",
        "Bearer sk-bad-canary",
    }
    emitted = house.gateway.log.read_text() + house.gateway.metrics()
    for path in house.gateway.state.rglob("*"):
        if path.is_file() and path.name != "keys.json":
            emitted += path.read_bytes().decode("utf-8", "replace")
    assert "canary" not in emitted


def test_a_worker_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        manifests = tmp_path / "all.yaml"
        manifests.write_text(MANIFESTS.format(primary="http://127.0.0.1:1/v1", backup="http://127.0.0.1:1/v1"))
        with (
            pytest.raises(RuntimeError, match="ended with 2") as caught,
            standalone(tmp_path, "-f", str(manifests), "--listen", f"127.0.0.1:{port}"),
        ):
            pass
    assert f"127.0.0.1:{port}" in str(caught.value)


def text_of(stream: Any) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
