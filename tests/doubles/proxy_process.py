"""A real `fairlead-proxy serve`, over a directory that a test writes."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
from doubles.mounted_config import ADMIN_TOKEN, PlainDirectory, fragments_of, gateway, key_ring, policy, provider
from doubles.processes import eventually, free_port

BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}
COMMAND = [sys.executable, "-m", "fairlead_proxy.cli", "serve"]
MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


@dataclass
class ProxyProcess:
    """A proxy that was started. `out` is its access log, `err` its own log."""

    process: subprocess.Popen[bytes]
    port: int
    admin_port: int
    config: PlainDirectory
    out: Path
    err: Path

    @property
    def url(self) -> str:
        """What an SDK calls base_url."""
        return f"http://127.0.0.1:{self.port}/v1"

    def admin(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of an admin path that needs the token."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin_port}{path}", data=data, headers=BEARER)
        with urllib.request.urlopen(request, timeout=40) as answer:
            return json.loads(answer.read())

    def probe(self, path: str) -> int:
        """Return the status of an open admin path; 0 where nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def call(self, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make a plain call; return the answer's JSON."""
        said = body or {"model": "smart", "messages": [{"role": "user", "content": "hello"}]}
        request = urllib.request.Request(
            f"{self.url}/chat/completions",
            data=json.dumps(said).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: dict[str, Any] = json.loads(answer.read())
            return found

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def access_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]


def standard_config(
    directory: Path, *, ttft_seconds: float = 0.0, tokens_per_second: float = 10_000.0, **gateway_fields: object
) -> PlainDirectory:
    """One simulated provider and the virtual model `smart` of namespace `default`."""
    config = PlainDirectory(directory)
    simulated = provider(ttft_seconds=ttft_seconds, tokens_per_second=tokens_per_second)
    config.publish(fragments_of(gateway(**gateway_fields), simulated, policy()))
    config.publish_keys(key_ring())
    return config


@contextmanager
def proxy_process(
    directory: Path, *arguments: str, config: PlainDirectory | None = None, ready: bool = True
) -> Iterator[ProxyProcess]:
    """Start a proxy on free ports; kill it when the block ends, if it is still there."""
    config = config or standard_config(directory / "config")
    port, admin_port = free_port(), free_port()
    command = [*COMMAND, "--config", str(config.path), "--listen", f"127.0.0.1:{port}"]
    command += ["--admin", f"127.0.0.1:{admin_port}", "--standalone", "--drain-delay", "0s", *arguments]
    out, err = directory / "proxy.out", directory / "proxy.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, env={**os.environ})
    proxy = ProxyProcess(process, port, admin_port, config, out, err)
    try:
        if ready:
            eventually(lambda: proxy.probe("/readyz") == 200, within=20)
        yield proxy
    finally:
        process.kill()
        process.wait()


@contextmanager
def second_worker(first: ProxyProcess) -> Iterator[ProxyProcess]:
    """Start another proxy on the port of the first; both need `--reuse-port`."""
    admin_port = free_port()
    command = [*COMMAND, "--config", str(first.config.path), "--listen", f"127.0.0.1:{first.port}", "--reuse-port"]
    command += ["--admin", f"127.0.0.1:{admin_port}", "--standalone"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        worker = ProxyProcess(process, first.port, admin_port, first.config, first.out, first.err)
        eventually(lambda: worker.probe("/readyz") == 200, within=20)
        yield worker
    finally:
        process.kill()
        process.wait()


@contextmanager
def steady_calls(url: str, callers: int = 4) -> Iterator[list[str]]:
    """Make streamed calls without a pause until the block ends; give the list that their outcomes go into."""
    outcomes: list[str] = []
    done = threading.Event()

    def keep_calling() -> None:
        with openai.OpenAI(base_url=url, api_key="sk-anything", max_retries=0, timeout=20) as client:
            while not done.is_set():
                outcomes.append(_outcome_of_a_stream(client))

    threads = [threading.Thread(target=keep_calling) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _outcome_of_a_stream(client: openai.OpenAI) -> str:
    try:
        stream = client.chat.completions.create(
            model="smart", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        return str(list(stream)[-1].choices[0].finish_reason)
    except openai.OpenAIError as error:
        return repr(error)


def sdk(proxy: ProxyProcess, key: str = "sk-anything") -> openai.OpenAI:
    """An ordinary client that does not hide a failure by trying again."""
    return openai.OpenAI(base_url=proxy.url, api_key=key, max_retries=0, timeout=20)
