"""`fairlead run` as a user meets it: real processes from the first file to the last signal."""

import hashlib
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest
from doubles.command_line import invoke
from doubles.figures import Figures
from doubles.processes import Standalone, eventually, scripted_upstream, standalone

PROVIDER = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: {name}}}
spec: {{type: Simulated, models: [{{name: tiny}}], simulated: {{ttft: 1ms, tokensPerSecond: 100000}}}}
---
"""
UPSTREAM = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {{name: lab}}
spec: {{type: OpenAICompatible, endpoint: {{url: "{url}"}}, models: [{{name: tiny}}]}}
---
"""
POLICY = """
apiVersion: fairlead.dev/v1alpha1
kind: RoutePolicy
metadata: {{name: {model}}}
spec:
  gatewayRef: {{name: main}}
  models: [{model}]
  rules:
  - name: all
    route: {{targets: [{{provider: {{name: {provider}}}, model: tiny}}]}}
"""
INSTALLED = Path(sys.executable).parent
PROGRAMS = {
    "fairlead": INSTALLED / "fairlead",
    "kubectl-fairlead": INSTALLED / "kubectl-fairlead",
    "kubectl-fairlead by krew": Path(__file__).parents[2] / "packaging" / "krew" / "kubectl-fairlead",
}
HELLO: Any = [{"role": "user", "content": "Hello"}]
ONE, TWO = PROVIDER.format(name="one"), PROVIDER.format(name="two")


@dataclass(frozen=True)
class Tenant:
    """One virtual model of its own in a gateway that tests share: its policy stands in a file of its own."""

    gateway: Standalone
    model: str
    path: Path

    def write(self, provider: str = "one", *, valid: bool = True) -> None:
        text = POLICY.format(model=self.model, provider=provider)
        self.path.write_text(text if valid else text.replace(f"models: [{self.model}]", "models: []"))

    def served_by(self) -> str | None:
        answer = client(self.gateway).chat.completions.with_raw_response.create(model=self.model, messages=HELLO)
        return answer.headers.get("x-fairlead-provider")

    def is_served_by(self, provider: str) -> bool:
        try:
            return self.served_by() == provider
        except openai.OpenAIError:
            return False

    def condition(self, kind: str) -> str:
        condition = self.gateway.condition("RoutePolicy", "default", self.model, kind)
        return f"{condition.get('status')}/{condition.get('reason')}"


def client(gateway: Standalone) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key="none", max_retries=0, timeout=20)


def served_by(gateway: Standalone, model: str = "smart") -> str | None:
    return Tenant(gateway, model, Path()).served_by()


def workers_of(gateway: Standalone) -> list[int]:
    return [pid for pid, command in children_of(gateway).items() if "fairlead_proxy.cli" in command]


def children_of(gateway: Standalone) -> dict[int, str]:
    """Return the commands of the workers and of the ledger's shipper, by process id."""
    parent = str(gateway.process.pid)
    found = subprocess.run(["ps", "-ww", "-o", "pid=,args=", "--ppid", parent], capture_output=True, text=True)
    lines = [line.split(maxsplit=1) for line in found.stdout.splitlines()]
    return {int(pid): command for pid, command in lines}


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def rows(gateway: Standalone, kind: str) -> dict[str, list[str]]:
    lines = invoke("get", kind, "--state", gateway.state).stdout.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("objects")
    (path / "providers.yaml").write_text(ONE + TWO)
    return path


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, directory: Path) -> Iterator[Standalone]:
    with standalone(tmp_path_factory.mktemp("run"), "-f", str(directory)) as running:
        yield running


@pytest.fixture
def tenant(gateway: Standalone, directory: Path, request: pytest.FixtureRequest) -> Tenant:
    """A policy of this test's own, in force."""
    model = "m" + hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    made = Tenant(gateway, model, directory / f"{model}.yaml")
    made.write()
    eventually(lambda: made.is_served_by("default/one"), within=10)
    return made


def test_an_edit_serves_within_a_second(tenant: Tenant) -> None:
    tenant.write("two")
    edited = time.monotonic()
    eventually(lambda: tenant.served_by() == "default/two", within=5, every=0.01)
    assert time.monotonic() - edited < 2.0, "one second on a machine that does nothing else"


def test_a_broken_file_leaves_the_last_good_version_and_get_repeats_the_line(tenant: Tenant) -> None:
    tenant.path.write_text("kind: [")
    eventually(lambda: "not valid YAML" in invoke("get", "rp", "--state", tenant.gateway.state).stderr, within=5)
    assert tenant.served_by() == "default/one"
    tenant.write("two")
    eventually(lambda: not invoke("get", "rp", "--state", tenant.gateway.state).stderr, within=5)


def test_an_invalid_object_keeps_its_last_good_version_and_says_so(tenant: Tenant) -> None:
    tenant.write("two", valid=False)
    eventually(lambda: tenant.condition("Programmed") == "False/RolledBack", within=5)
    assert tenant.condition("Accepted") == "False/Invalid"
    assert tenant.served_by() == "default/one"


def test_an_object_that_is_gone_is_no_longer_served(tenant: Tenant) -> None:
    tenant.path.unlink()
    eventually(lambda: not tenant.is_served_by("default/one"), within=5)
    with pytest.raises(openai.NotFoundError):
        tenant.served_by()


def test_get_shows_what_the_proxies_observed(tenant: Tenant) -> None:
    eventually(lambda: rows(tenant.gateway, "mp")["one"][:3] == ["Simulated", "True", "Healthy"], within=10)
    eventually(lambda: rows(tenant.gateway, "rp")[tenant.model][:3] == ["True", "True", "default/one/tiny"], within=10)
    assert rows(tenant.gateway, "mg")["main"][:3] == ["True", "True", "1"]


def test_a_killed_worker_is_started_again_and_serves(tenant: Tenant) -> None:
    (worker,) = workers_of(tenant.gateway)
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: workers_of(tenant.gateway) not in ([], [worker]), within=10)
    eventually(lambda: tenant.is_served_by("default/one"), within=10)


def test_a_decision_can_be_looked_up_with_the_token(tenant: Tenant) -> None:
    answer = client(tenant.gateway).chat.completions.with_raw_response.create(model=tenant.model, messages=HELLO)
    assert "default/one" in str(tenant.gateway.decision(answer.headers["x-fairlead-decision"]))


def test_the_banner_says_where_it_is_and_how_to_look_at_it(gateway: Standalone) -> None:
    eventually(lambda: "Fairlead is ready" in gateway.log.read_text(), within=5)
    log = gateway.log.read_text()
    assert f"Fairlead is ready on http://127.0.0.1:{gateway.port}, admin on {gateway.admin}\n" in log
    assert f"get all -A --state {gateway.state}" in log


def test_a_page_of_another_origin_cannot_spend_the_keys(gateway: Standalone) -> None:
    headers = {"content-type": "application/json", "origin": "https://example.com"}
    request = urllib.request.Request(f"{gateway.url}/chat/completions", data=b"{}", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()
    assert refused.value.code == 403


def test_an_invalid_object_keeps_its_last_good_version_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "objects.yaml"
    path.write_text(ONE + TWO + POLICY.format(model="smart", provider="one"))
    with standalone(tmp_path, "-f", str(path)) as gateway:
        assert served_by(gateway) == "default/one"
    path.write_text(ONE + TWO + POLICY.format(model="smart", provider="two").replace("models: [smart]", "models: []"))
    with standalone(tmp_path, "-f", str(path)) as gateway:
        assert served_by(gateway) == "default/one"


def test_a_key_of_the_environment_stays_with_the_process_that_reads_the_files(tmp_path: Path) -> None:
    path = tmp_path / "objects.yaml"
    secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {apiKey: '${A_KEY_HANDED_IN}'}\n---\n"
    path.write_text(secret + ONE + POLICY.format(model="smart", provider="one"))
    with standalone(tmp_path, "-f", str(path), env={"A_KEY_HANDED_IN": "sk-handed-in"}) as gateway:
        assert served_by(gateway) == "default/one"
        children = children_of(gateway)
        assert children
        for child in children:
            assert b"sk-handed-in" not in Path(f"/proc/{child}/environ").read_bytes()


def test_an_object_that_is_invalid_at_the_start_harms_only_itself_and_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "objects.yaml"
    wrong = TWO.replace("type: Simulated", "type: Simulated, nonsense: 1")
    path.write_text(ONE + wrong + POLICY.format(model="smart", provider="one"))
    with standalone(tmp_path, "-f", str(path)) as gateway:
        assert served_by(gateway) == "default/one"
        eventually(lambda: "default/two" in gateway.log.read_text(), within=5)
        (line,) = [line for line in gateway.log.read_text().splitlines() if "default/two" in line]
    assert 'warning condition changed  object="ModelProvider default/two"  condition=Accepted' in line
    assert "spec.nonsense: there is no such field" in line


def test_workers_share_the_port_and_their_metrics_are_one_and_they_die_with_their_parent(tmp_path: Path) -> None:
    path = tmp_path / "objects.yaml"
    path.write_text(ONE + POLICY.format(model="smart", provider="one"))
    with standalone(tmp_path, "-f", str(path), "--workers", "2") as gateway:
        children = eventually(lambda: found if len(found := children_of(gateway)) == 3 else {}, within=5)
        assert len(workers_of(gateway)) == 2
        calls = 12
        assert {served_by(gateway) for _ in range(calls)} == {"default/one"}
        counted = re.findall(r"^fairlead_requests_total\{[^}]*\} (\S+)$", gateway.metrics(), re.MULTILINE)
        assert sum(float(count) for count in counted) == calls
        gateway.process.kill()
        gateway.process.wait(5)
        eventually(lambda: not any(alive(child) for child in children), within=5)


def test_each_worker_is_a_proxy_and_an_observer_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "objects.yaml"
    with scripted_upstream() as upstream:
        path.write_text(UPSTREAM.format(url=upstream.url) + POLICY.format(model="smart", provider="lab"))
        with standalone(tmp_path, "-f", str(path), "--workers", "2") as gateway:
            tenant = Tenant(gateway, "smart", path)
            # Each call comes over a connection of its own; which worker takes it is chance.
            assert all(tenant.is_served_by("default/lab") for _ in range(20))
            upstream.behave("status", status=500)

            def healthy() -> str:
                tenant.is_served_by("default/lab")
                return str(gateway.condition("ModelProvider", "default", "lab", "Healthy")["message"])

            eventually(lambda: " of 2 observers: Failing" in healthy(), within=20)
            observers = gateway.status_of("ModelProvider", "default", "lab")["health"]["observers"]
            assert (observers["reporting"], observers["total"]) == (2, 2)
            both = {"total": 2, "ready": 2, "programmed": 2}
            # Numbers alone are written every 30 s at most.
            eventually(lambda: gateway.status_of("ModelGateway", "default", "main")["proxies"] == both, within=60)
            said = gateway.condition("ModelGateway", "default", "main", "Available")["message"]
            assert "a worker, has breakers of its own and observes providers for itself" in said


@contextmanager
def streaming(tmp_path: Path, tokens: int) -> Iterator[tuple[Standalone, Any]]:
    """A gateway in the middle of a stream whose tokens come every 0.1 s."""
    path = tmp_path / "objects.yaml"
    with scripted_upstream() as upstream:
        path.write_text(UPSTREAM.format(url=upstream.url) + POLICY.format(model="smart", provider="lab"))
        upstream.behave("ok", tokens=tokens, pace=0.1)
        with standalone(tmp_path, "-f", str(path)) as gateway:
            stream = client(gateway).chat.completions.create(model="smart", messages=HELLO, stream=True)
            next(stream)
            yield gateway, stream


def test_the_first_signal_lets_a_call_end(tmp_path: Path) -> None:
    with streaming(tmp_path, tokens=10) as (gateway, stream):
        gateway.process.send_signal(signal.SIGINT)
        assert list(stream)[-1].choices[0].finish_reason == "stop"
        assert gateway.process.wait(10) == 0


def test_the_second_signal_ends_a_call_at_once_and_tells_its_caller(tmp_path: Path) -> None:
    with streaming(tmp_path, tokens=1000) as (gateway, stream):
        gateway.process.send_signal(signal.SIGINT)
        eventually(lambda: "draining" in gateway.log.read_text(), within=5)
        gateway.process.send_signal(signal.SIGINT)
        with pytest.raises(openai.APIError):
            list(stream)
        assert gateway.process.wait(5) == 0
        assert "200 drained" in gateway.log.read_text()


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("kind: [", [], "not valid YAML"),
        ("", [], "no ModelProvider, RoutePolicy, ModelGateway in it; give files that hold some"),
        (ONE, ["--listen", "8080"], "--listen 8080: not an address; write HOST:PORT"),
    ],
)
def test_what_cannot_start_says_why_in_one_line_and_exits_2(
    tmp_path: Path, text: str, options: list[str], message: str
) -> None:
    path = tmp_path / "objects.yaml"
    path.write_text(text)
    command = [sys.executable, "-m", "fairlead_operator.cli.main", "run", "-f", str(path), "--admin", "127.0.0.1:0"]
    ended = subprocess.run(
        [*command, "--state", str(tmp_path / "state"), *options], capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_standalone_run_never_imports_kopf() -> None:
    script = "import sys, fairlead_operator.cli.app, fairlead_operator.cli.running; sys.exit('kopf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_the_version_is_told_without_importing_the_commands() -> None:
    script = (
        "import sys; sys.argv = ['fairlead', '--version']; import fairlead_operator.cli.main as main; main.main(); "
        "sys.exit('typer' in sys.modules or 'aiohttp' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout.startswith("fairlead ")) == (0, True)


@pytest.mark.parametrize("program", PROGRAMS, ids=PROGRAMS)
def test_the_version_is_told_at_once(program: str, figures: Figures) -> None:
    path = f"{INSTALLED}{os.pathsep}{os.environ['PATH']}"

    def seconds() -> float:
        began = time.monotonic()
        ran = subprocess.run(
            [PROGRAMS[program], "--version"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PATH": path},
        )
        taken = time.monotonic() - began
        assert ran.stdout.startswith("fairlead ")
        return taken

    figures.hold(f"{program} --version", statistics.median(seconds() for _ in range(7)), bound=0.15)
