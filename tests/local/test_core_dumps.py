"""No process that holds a key leaves its memory behind when it crashes, whatever its node does with core dumps."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles.processes import eventually, standalone
from doubles.proxy_process import proxy_process
from fence.planted import family_of

PROVIDER = """
apiVersion: fairlead.dev/v1alpha1
kind: ModelProvider
metadata: {name: sim}
spec: {type: Simulated, models: [{name: tiny}]}
"""


def core_limits(pid: int) -> tuple[str, str]:
    """Return the soft and the hard limit of a process, in bytes."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("Max core file size")]
    soft, hard, _ = line.removeprefix("Max core file size").split()
    return soft, hard


def forbids(pid: int) -> bool:
    """1 is what Linux takes for "not even to a program"; 0 stays where somebody set it before us."""
    return core_limits(pid) in (("1", "1"), ("0", "0"))


def allow_them() -> None:
    """What a node that wants core dumps gives its processes, as far as we may here."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def started(directory: Path, *words: str, limit: Callable[[], None] = allow_them) -> subprocess.Popen[bytes]:
    with (directory / "log").open("wb") as log:
        return subprocess.Popen([sys.executable, *words], stdout=log, stderr=log, cwd=directory, preexec_fn=limit)


def test_a_proxy_forbids_them(tmp_path: Path) -> None:
    with proxy_process(tmp_path) as proxy:
        assert forbids(proxy.process.pid)


def test_a_standalone_run_its_workers_and_its_shipper_forbid_them(tmp_path: Path) -> None:
    (tmp_path / "provider.yaml").write_text(PROVIDER)
    with standalone(tmp_path, "-f", str(tmp_path / "provider.yaml")) as gateway:
        eventually(lambda: len(family_of(gateway.process.pid)) >= 3, within=20)
        family = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in family_of(gateway.process.pid)}
        ours = {pid for pid, line in family.items() if b"fairlead" in line}
        assert any(b"fairlead_proxy" in family[pid] for pid in ours)
        assert any(b"fairlead_ledger" in family[pid] for pid in ours)
        assert [pid for pid in ours if not forbids(pid)] == []


def test_a_shipper_of_its_own_forbids_them(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    words = ("-m", "fairlead_ledger.cli", "ship", "--spool", str(tmp_path / "spool"), "--json-lines", "-")
    shipper = started(tmp_path, *words)
    try:
        eventually(lambda: forbids(shipper.pid), within=20)
    finally:
        shipper.kill()
        shipper.wait()


def test_the_operators_command_forbids_them_before_it_looks_at_anything(tmp_path: Path) -> None:
    """There is no cluster at this address: it goes on trying, which is all that is needed of it here."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: none\n"
        "clusters: [{name: none, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: none, user: {}}]\n"
        "contexts: [{name: none, context: {cluster: none, user: none}}]\n"
    )
    operator = started(tmp_path, "-m", "fairlead_operator.cli.main", "operator", "--kubeconfig", str(kubeconfig))
    try:
        eventually(lambda: forbids(operator.pid), within=20)
    finally:
        operator.kill()
        operator.wait()


@pytest.mark.parametrize("module", ["fairlead_operator.cli.main", "fairlead_proxy.cli", "fairlead_ledger.cli"])
def test_a_limit_of_nothing_that_was_set_before_stays(module: str, tmp_path: Path) -> None:
    """Raising even that to 1 is refused to whoever is not root, and must not keep a process from starting."""
    code = f"import {module} as m, resource; m._forbid_core_dumps(); print(resource.getrlimit(resource.RLIMIT_CORE))"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n{code}"
    told = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert told.stdout == "(0, 0)\n", told.stderr


def dumped(directory: Path, code: str) -> bool:
    """Return what the kernel itself says of a process that ran this and crashed: whether it was dumped."""
    crashing = started(directory, "-c", f"{code}import os; os.abort()")
    _, status = os.waitpid(crashing.pid, 0)
    crashing.returncode = -os.WTERMSIG(status)
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_a_crash_after_it_was_forbidden_leaves_nothing(tmp_path: Path) -> None:
    """Of a machine that dumps nothing at all this says little: there the limits that the others look at count."""
    assert not dumped(tmp_path, "from fairlead_proxy.cli import _forbid_core_dumps as forbid; forbid(); ")
