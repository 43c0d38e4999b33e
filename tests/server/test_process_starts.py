"""How a proxy is started: from what is mounted, beside others, and refused in one line where it cannot."""

import socket
import subprocess
import sys
from pathlib import Path

from doubles.mounted_config import (
    PlainDirectory,
)
from doubles.processes import eventually
from doubles.proxy_process import (
    COMMAND,
    proxy_process,
    second_worker,
    standard_config,
)


def run_refused(*arguments: str) -> str:
    """Run the command, which must end with 2; return what it says."""
    finished = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert finished.returncode == 2
    return finished.stderr


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
