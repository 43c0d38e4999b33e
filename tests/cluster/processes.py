"""Child processes that cannot outlive the tests: started with a log, stopped by their own process id."""

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
"""Prefix of a command that the kernel kills when the thread that started it ends, however it ends."""


class ChildFailed(Exception):
    """A child ended, or did not do in time what it was started for; the text has the end of its log."""


class Child:
    """One program as a child process, which can be frozen, killed and started again with the same arguments."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self._command = [*DIE_WITH_PARENT, *command]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the running process; raise ChildFailed if there is none."""
        if self._process is None or self._process.poll() is not None:
            raise ChildFailed(f"{self.name} is not running\n{self.log_tail()}")
        return self._process.pid

    def start(self) -> None:
        """Start it; its output is appended to the log. To be called from a thread that lives as long as the child."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._process is None:
            raise ChildFailed(f"{self.name} is not running")
        self._process.send_signal(number)

    def stop(self, *, grace_seconds: float = 10.0) -> None:
        """End it, by SIGTERM and after the grace by SIGKILL; nothing happens to one that has ended."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None

    def kill(self) -> None:
        """End it at once, with no chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def wait_until(condition: Callable[[], T], *, what: str, seconds: float = 30.0, every: float = 0.05) -> T:
    """Return the first true answer of a condition; raise TimeoutError naming `what` when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds:g} s still not: {what}; last answer: {answer!r}")
        time.sleep(every)
    return answer


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return ports that nobody listens on at this moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((address, 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def answers(address: str) -> bool:
    """Say whether something at host:port speaks HTTP, whatever it says."""
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
