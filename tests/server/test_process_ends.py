"""How a proxy ends: in order, without a failed call, and with its parent."""

import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from doubles.mounted_config import (
    PlainDirectory,
)
from doubles.processes import eventually, free_port
from doubles.proxy_process import (
    COMMAND,
    proxy_process,
    second_worker,
    standard_config,
    steady_calls,
)


def test_told_to_end_before_it_had_a_configuration_it_ends_with_0(tmp_path: Path) -> None:
    config = PlainDirectory(tmp_path / "config")
    with proxy_process(tmp_path, config=config, ready=False) as proxy:
        eventually(lambda: proxy.probe("/healthz") == 200, within=20)
        proxy.terminate()
        assert proxy.process.wait(timeout=5) == 0


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


@pytest.mark.parametrize("told_first", ["to end", "that it is retired"])
def test_a_proxy_of_a_fleet_that_goes_waits_for_nobody_but_serves_its_calls_out(
    tmp_path: Path, told_first: str
) -> None:
    config = standard_config(tmp_path / "config", ttft_seconds=1.0)
    with proxy_process(tmp_path, "--drain-delay", "600s", config=config) as proxy:
        answers: list[object] = []
        slow = threading.Thread(target=lambda: answers.append(proxy.call()["object"]))
        slow.start()
        eventually(lambda: proxy.admin("/report", {})["in_flight"] == 1, within=5)
        if told_first == "to end":
            proxy.terminate()
            eventually(lambda: proxy.probe("/readyz") == 503, within=5)
        proxy.admin("/report", {"duties": {"retired": True}})
        if told_first == "that it is retired":
            proxy.terminate()
        slow.join()
        assert proxy.process.wait(timeout=10) == 0
    assert answers == ["chat.completion"]


def test_a_proxy_of_a_fleet_that_stays_after_all_takes_calls_for_the_delay(tmp_path: Path) -> None:
    with proxy_process(tmp_path, "--drain-delay", "1500ms") as proxy:
        proxy.admin("/report", {"duties": {"retired": True}})
        proxy.admin("/report", {"duties": {"retired": False}})
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
