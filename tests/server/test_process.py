"""A proxy as it is run: it starts from what is mounted, serves, follows edits, and ends in order."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import openai
import pytest
from doubles.mounted_config import (
    ADMIN_TOKEN,
    CALLER_KEY,
    PlainDirectory,
    caller,
    fragments_of,
    gateway,
    key_ring,
    policy,
    provider,
)
from doubles.processes import eventually, free_port
from doubles.proxy_process import (
    COMMAND,
    ProxyProcess,
    proxy_process,
    second_worker,
    standard_config,
    steady_calls,
)

from fairlead_proxy.contract.keys import KeyRing

MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


def sdk(proxy: ProxyProcess, key: str = "sk-anything") -> openai.OpenAI:
    return openai.OpenAI(base_url=proxy.url, api_key=key, max_retries=0, timeout=20)


def run_refused(*arguments: str) -> str:
    """Run the command, which must end with 2; return what it says."""
    finished = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert finished.returncode == 2
    return finished.stderr


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> object:
    with proxy_process(tmp_path_factory.mktemp("proxy")) as running:
        yield running


def test_the_sdk_gets_a_plain_answer(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        answer = client.chat.completions.create(model="smart", messages=MESSAGES)
    assert "no model was called" in (answer.choices[0].message.content or "")
    assert answer.model == "sim/tiny"


def test_the_sdk_gets_a_stream(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        chunks = list(client.chat.completions.create(model="smart", messages=MESSAGES, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert "no model was called" in text
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_the_sdk_lists_the_models(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        assert [model.id for model in client.models.list()] == ["smart"]
        assert client.models.retrieve("smart").id == "smart"


def test_the_sdk_understands_an_unknown_model(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="nonsense", messages=MESSAGES)
    assert caught.value.code == "model_not_found"


def test_a_call_can_be_looked_up_by_its_id(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        answer = client.chat.completions.with_raw_response.create(model="smart", messages=MESSAGES)
    record = proxy.admin(f"/debug/decisions/{answer.headers['x-fairlead-decision']}")
    assert (record["rule"], record["code"], record["attempts"][0]["target"]) == ("all", 200, "default/sim/tiny")


def test_each_call_is_one_line_of_the_access_log(proxy: ProxyProcess) -> None:
    with sdk(proxy) as client:
        answer = client.chat.completions.with_raw_response.create(model="smart", messages=MESSAGES)
    call = answer.headers["x-fairlead-decision"]
    lines = eventually(lambda: [line for line in proxy.access_lines() if line["call"] == call], within=5)
    facts = [(line["code"], line["namespace"], line["provider"]) for line in lines]
    assert facts == [(200, "default", "default/sim")]
    assert "hello" not in proxy.out.read_text()


def test_metrics_are_open_and_the_rest_needs_the_token(proxy: ProxyProcess) -> None:
    assert [proxy.probe(path) for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
    assert [proxy.probe(path) for path in ("/debug/config", "/debug/decisions/x")] == [401, 401]
    assert [proxy.probe(path) for path in ("/report", "/v1/models", "/")] == [404, 404, 404]


def test_the_metrics_tell_of_calls_and_of_the_revision(proxy: ProxyProcess) -> None:
    proxy.call()
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.admin_port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    assert 'fairlead_requests_total{code="200"' in text
    assert f'fairlead_config_info{{revision="{proxy.admin("/debug/config")["revision"]}"}} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_the_debug_page_shows_the_configuration_and_no_key(proxy: ProxyProcess) -> None:
    shown = proxy.admin("/debug/config")
    assert sorted(shown["fragments"]) == [
        "ModelGateway/default/main",
        "ModelProvider/default/sim",
        "RoutePolicy/default/chat",
    ]
    assert set(shown) == {"revision", "keys", "refused", "fragments"}


def test_an_edit_is_acknowledged_within_a_second_by_who_waits_for_it(tmp_path: Path) -> None:
    with proxy_process(tmp_path) as proxy:
        before = proxy.admin("/report", {})
        edit = fragments_of(gateway(), provider(), policy("chat", "renamed"))
        timer = threading.Timer(0.2, proxy.config.publish, [edit])
        timer.start()
        asked = time.monotonic()
        after = proxy.admin("/report", {"after": before["sequence"], "wait_seconds": 20, "fragments": True})
        waited = time.monotonic() - asked
        timer.join()
        with sdk(proxy) as client:
            assert [model.id for model in client.models.list()] == ["renamed"]
    assert after["revision"] != before["revision"]
    assert after["fragments"]["RoutePolicy/default/chat"] == edit[2].header.hash
    assert waited < 1.2


def test_a_report_without_news_comes_when_the_wait_is_over(proxy: ProxyProcess) -> None:
    before = proxy.admin("/report", {})
    asked = time.monotonic()
    after = proxy.admin("/report", {"after": before["sequence"], "wait_seconds": 0.3})
    assert time.monotonic() - asked >= 0.3
    assert after["sequence"] == before["sequence"]


def test_a_reader_that_knows_a_process_before_us_gets_a_report_at_once(proxy: ProxyProcess) -> None:
    asked = time.monotonic()
    proxy.admin("/report", {"after": 1_000_000, "wait_seconds": 20})
    assert time.monotonic() - asked < 5


def test_a_cooldown_learnt_elsewhere_holds_here(tmp_path: Path) -> None:
    cooldown = {
        "provider": "default/sim",
        "credential": "anonymous",
        "model": "",
        "mode": "plain",
        "reason": "RateLimited",
        "until": time.time() + 60,
        "retry_after": True,
    }
    with proxy_process(tmp_path) as proxy:
        report = proxy.admin("/report", {"duties": {"cooldowns": [cooldown]}})
        with pytest.raises(urllib.error.HTTPError) as caught:
            proxy.call()
        caught.value.close()
    seen = [(each["mode"], each["breaker"], each["reason"]) for each in report["observations"]]
    assert seen == [("plain", "Open", "RateLimited")]
    assert (caught.value.code, caught.value.headers["x-should-retry"]) == (503, "false")


def test_the_token_before_the_present_one_is_still_taken_and_an_older_one_is_not(tmp_path: Path) -> None:
    with proxy_process(tmp_path) as proxy:
        rotated = KeyRing(admin_tokens=("the-next-token", ADMIN_TOKEN))
        version = proxy.config.publish_keys(rotated)
        eventually(lambda: proxy.admin("/report", {})["keys"] == version, within=5)
        proxy.config.publish_keys(KeyRing(admin_tokens=("one-more-token", "the-next-token")))
        eventually(lambda: _refused(proxy), within=5)


def _refused(proxy: ProxyProcess) -> bool:
    try:
        proxy.admin("/report", {})
    except urllib.error.HTTPError as error:
        error.close()
        return error.code == 401
    return False


def test_a_report_request_that_is_none_is_a_400(proxy: ProxyProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        proxy.admin("/report", {"after": "soon"})
    caught.value.close()
    assert caught.value.code == 400


def test_a_client_that_leaves_within_its_stream_is_booked_for_what_it_got(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", tokens_per_second=10.0)
    with proxy_process(tmp_path, config=config) as proxy, sdk(proxy) as client:
        stream = client.chat.completions.create(model="smart", messages=MESSAGES, stream=True)
        first = next(iter(stream))
        call = stream.response.headers["x-fairlead-decision"]
        stream.close()
        record = eventually(lambda: proxy.admin(f"/debug/decisions/{call}"), within=2)
    assert first.object == "chat.completion.chunk"
    assert (record["code"], record["attempts"][0]["outcome"]) == (499, "ClientGone")
    assert record["attempts"][0]["usage"]["estimated"] is True
    assert record["duration_seconds"] < 2


def test_a_stream_goes_on_over_an_edit_of_what_serves_it(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", tokens_per_second=30.0)
    with proxy_process(tmp_path, config=config) as proxy, sdk(proxy) as client:
        stream = client.chat.completions.create(model="smart", messages=MESSAGES, stream=True)
        first = next(iter(stream))
        revision = config.publish(fragments_of(gateway()))
        eventually(lambda: proxy.admin("/report", {})["revision"] == revision, within=5)
        rest = list(stream)
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(model="smart", messages=MESSAGES)
    assert first.object == "chat.completion.chunk"
    assert rest[-1].choices[0].finish_reason == "stop"


def test_it_starts_and_restarts_from_what_is_mounted_and_nothing_else(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config")
    with proxy_process(tmp_path, config=config) as proxy:
        first = proxy.admin("/report", {})["revision"]
    with proxy_process(tmp_path, config=config) as proxy:
        assert proxy.admin("/report", {})["revision"] == first
        assert proxy.call()["object"] == "chat.completion"


def test_without_a_configuration_it_is_alive_and_not_ready_until_one_comes(tmp_path: Path) -> None:
    config = PlainDirectory(tmp_path / "config")
    with proxy_process(tmp_path, config=config, ready=False) as proxy:
        eventually(lambda: proxy.probe("/healthz") == 200, within=20)
        assert proxy.probe("/readyz") == 503
        standard_config(tmp_path / "config")
        eventually(lambda: proxy.probe("/readyz") == 200, within=5)
        assert proxy.call()["object"] == "chat.completion"


def test_told_to_end_before_it_had_a_configuration_it_ends_with_0(tmp_path: Path) -> None:
    config = PlainDirectory(tmp_path / "config")
    with proxy_process(tmp_path, config=config, ready=False) as proxy:
        eventually(lambda: proxy.probe("/healthz") == 200, within=20)
        proxy.terminate()
        assert proxy.process.wait(timeout=5) == 0


def test_a_key_works_while_it_is_in_the_ring_and_no_longer(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", api_keys=True, tenants=("team-a",))
    config.publish(
        fragments_of(
            gateway(api_keys=True, tenants=("team-a",)),
            provider(namespace="team-a"),
            policy(namespace="team-a", target="team-a/sim"),
        )
    )
    config.publish_keys(key_ring(caller()))
    with proxy_process(tmp_path, config=config) as proxy, sdk(proxy, CALLER_KEY) as client:
        assert [model.id for model in client.models.list()] == ["smart"]
        version = config.publish_keys(key_ring())
        eventually(lambda: proxy.admin("/report", {})["keys"] == version, within=5)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()


def test_while_calls_are_refused_the_admin_port_answers(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", ttft_seconds=1.5)
    with proxy_process(tmp_path, "--max-in-flight", "1", config=config) as proxy:
        slow = threading.Thread(target=proxy.call)
        slow.start()
        eventually(lambda: proxy.admin("/report", {})["in_flight"] == 1, within=5)
        with pytest.raises(urllib.error.HTTPError) as caught:
            proxy.call()
        caught.value.close()
        assert (caught.value.code, proxy.probe("/readyz")) == (503, 200)
        slow.join()


def test_told_to_end_it_serves_its_calls_out_and_ends_with_0(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", ttft_seconds=1.0)
    with proxy_process(tmp_path, config=config) as proxy:
        answers: list[object] = []
        slow = threading.Thread(target=lambda: answers.append(proxy.call()["object"]))
        slow.start()
        eventually(lambda: proxy.admin("/report", {})["in_flight"] == 1, within=5)
        proxy.terminate()
        eventually(lambda: proxy.probe("/readyz") == 503, within=5)
        assert proxy.admin("/report", {})["draining"] is True
        slow.join()
        assert proxy.process.wait(timeout=5) == 0
    assert answers == ["chat.completion"]


def test_for_the_drain_delay_it_goes_on_taking_calls(tmp_path: Path) -> None:
    with proxy_process(tmp_path, "--drain-delay", "1500ms") as proxy:
        proxy.terminate()
        eventually(lambda: proxy.probe("/readyz") == 503, within=5)
        assert proxy.call()["object"] == "chat.completion"
        assert proxy.process.wait(timeout=5) == 0


def test_calls_that_outlast_the_drain_are_told(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", ttft_seconds=20.0, drain_seconds=0.2)
    with proxy_process(tmp_path, config=config) as proxy:
        told: list[int] = []

        def call() -> None:
            with pytest.raises(urllib.error.HTTPError) as caught:
                proxy.call()
            told.append(caught.value.code)
            caught.value.close()

        slow = threading.Thread(target=call)
        slow.start()
        eventually(lambda: proxy.admin("/report", {})["in_flight"] == 1, within=5)
        proxy.terminate()
        assert proxy.process.wait(timeout=5) == 0
        slow.join()
    assert told == [503]


def test_told_twice_it_ends_at_once(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", ttft_seconds=20.0)
    body = b'{"model":"smart","messages":[]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nContent-Type: application/json\r\n"
    with (
        proxy_process(tmp_path, "--drain-delay", "30s", config=config) as proxy,
        socket.create_connection(("127.0.0.1", proxy.port)) as client,
    ):
        client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        eventually(lambda: proxy.admin("/report", {})["in_flight"] == 1, within=5)
        proxy.terminate()
        eventually(lambda: proxy.probe("/readyz") == 503, within=5)
        proxy.terminate()
        assert proxy.process.wait(timeout=5) == 0


def test_a_restart_under_load_fails_no_call(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config", ttft_seconds=0.02)
    (tmp_path / "old").mkdir()
    with (
        proxy_process(tmp_path / "old", "--reuse-port", "--drain-delay", "1s", config=config) as old,
        second_worker(old),
        steady_calls(old.url) as outcomes,
    ):
        eventually(lambda: len(outcomes) > 20, within=20)
        old.terminate()
        assert old.process.wait(timeout=10) == 0
        ended_at = len(outcomes)
        eventually(lambda: len(outcomes) > ended_at + 20, within=20)
    assert set(outcomes) == {"stop"}


def test_workers_share_a_port(tmp_path: Path) -> None:
    with proxy_process(tmp_path, "--reuse-port") as first, second_worker(first):
        assert [first.call()["object"] for _ in range(20)] == ["chat.completion"] * 20


def test_the_admin_port_may_be_a_unix_socket_that_only_its_owner_reaches(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config")
    path = tmp_path / "admin.sock"
    with proxy_process(tmp_path, "--admin", f"unix:{path}", config=config, ready=False):
        eventually(path.exists, within=20)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(path))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert path.stat().st_mode & 0o077 == 0


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config")
    port = free_port()
    arguments = ["--config", str(config.path), "--listen", f"127.0.0.1:{port}", "--die-with-parent"]
    command = [*COMMAND, *arguments]
    parent_code = (
        f"import subprocess, time; p = subprocess.Popen({command!r}); print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        eventually(lambda: _listens(port), within=20)
        parent.kill()
    eventually(lambda: not Path(f"/proc/{child}/stat").exists() or _is_zombie(child), within=5)


def _listens(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_port_in_use_is_one_line_and_exit_2(tmp_path: Path) -> None:
    config = standard_config(tmp_path / "config")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = run_refused("--config", str(config.path), "--listen", f"127.0.0.1:{port}")
    assert f"--listen 127.0.0.1:{port}: Address already in use; give an address that is free" in said
    assert "Traceback" not in said


def test_a_directory_that_is_not_there_is_one_line_and_exit_2(tmp_path: Path) -> None:
    said = run_refused("--config", str(tmp_path / "nowhere"), "--listen", "127.0.0.1:0")
    assert said.splitlines() == [
        f"fairlead-proxy: --config {tmp_path / 'nowhere'}: No such file or directory; give a directory that can be read"
    ]


def test_the_version_is_printed_without_loading_the_rest() -> None:
    code = "import sys; sys.argv = ['x', '--version']; from fairlead_proxy.cli import main; main(); print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    version, modules = finished.stdout.splitlines()
    assert version.startswith("fairlead-proxy ")
    assert {"aiohttp", "msgspec", "uvloop", "prometheus_client"}.isdisjoint(modules.split())


def test_the_proxy_loads_nothing_of_the_operator_and_its_libraries() -> None:
    code = "import sys; import fairlead_proxy.server.process; print(*sys.modules)"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    heavy = {"pydantic", "kopf", "kubernetes", "typer", "rich", "yaml", "fairlead_operator"}
    assert heavy.isdisjoint(finished.stdout.split())


def test_a_log_line_is_json_with_its_facts_as_fields(proxy: ProxyProcess) -> None:
    lines = [json.loads(line) for line in proxy.err.read_text().splitlines()]
    ready = next(line for line in lines if line["message"] == "ready")
    assert (ready["level"], ready["proxy"]) == ("info", "proxy")
