"""The first process of a test node, in namespaces of its own; everything on the node ends when it is killed.

    unshare --mount --pid --net --uts --ipc --fork --mount-proc --kill-child=KILL python3 node_init.py PLAN.json

Standard library only. What it does beside starting programs is what a machine that boots does: file systems of its own,
addresses, kernel settings, a control group. There is no default route: no packet can leave.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# The kubelet sets these for the whole machine. It is shown, on this node only, that they are already as it wants them.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# All pods together are one competitor for the processor, and a single task outside of them is another: with the weight
# that they begin with, a machine that has something else to do would starve them as no node of theirs would be.
PODS_WEIGHT = {"cpu.shares": "16384", "cpu.weight": "2000"}
PRIVATE_DIRECTORIES = ("/run/netns", "/run/containerd", "/var/lib/cni", "/var/log/pods", "/var/log/containers")
CGROUPS = Path("/sys/fs/cgroup")


def main(plan: Mapping[str, Any]) -> None:
    """Prepare the node and start its programs, each once the file exists that it waits for; then collect what ends."""
    directory = Path(plan["directory"])
    _mount(directory)
    # Not by /sys/class/net: that goes on showing the interfaces of the machine.
    _wait_until(lambda: "eth0" in {name for _, name in socket.if_nameindex()})
    _connect(plan["address"], plan["services"])
    _run("hostname", plan["name"])
    _make_control_group(plan["control_group"])
    (directory / "booted").touch()
    for program in plan["programs"]:
        if program["after"]:
            _wait_until(Path(program["after"]).exists)
        with (directory / "logs" / f"{program['name']}.log").open("wb") as log:
            subprocess.Popen(program["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    _collect()


def _mount(directory: Path) -> None:
    for path in PRIVATE_DIRECTORIES:
        Path(path).mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "tmpfs", path)
    _run("mount", "--make-rshared", "/")
    for name, value in KERNEL_SETTINGS.items():
        shown = directory / f"sysctl.{name.replace('/', '.')}"
        shown.write_text(f"{value}\n")
        _run("mount", "--bind", str(shown), f"/proc/sys/{name}")


def _connect(address: str, services: str) -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", address, "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    # Any route will do: the address of a Service is rewritten before the packet leaves.
    _run("ip", "route", "add", services, "dev", "eth0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    bridge = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if bridge.exists():
        bridge.write_text("1")


def _make_control_group(name: str) -> None:
    """Make a root for the pods' control groups, so that two nodes, or a node and the machine's own, never meet."""
    controllers = CGROUPS / "cgroup.controllers"
    if controllers.exists():
        (CGROUPS / name).mkdir(exist_ok=True)
        for controller in controllers.read_text().split():
            for level in (CGROUPS, CGROUPS / name):
                (level / "cgroup.subtree_control").write_text(f"+{controller}")
        _weigh(CGROUPS / name)
        return
    for hierarchy in (
        line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines() if " cgroup " in line
    ):
        group = Path(hierarchy, name)
        group.mkdir(exist_ok=True)
        for limit in ("cpuset.cpus", "cpuset.mems"):
            if (group / limit).exists():
                (group / limit).write_text(Path(hierarchy, limit).read_text())
        _weigh(group)


def _weigh(group: Path) -> None:
    for setting, weight in PODS_WEIGHT.items():
        if (group / setting).exists():
            (group / setting).write_text(weight)


def _wait_until(condition: Callable[[], bool]) -> None:
    """Return once the condition holds; whoever started us gives up, and ends us, in its own time."""
    while not condition():
        time.sleep(0.02)


def _collect() -> None:
    """Be the parent of all orphans, for ever."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.1)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(json.loads(Path(sys.argv[1]).read_text()))
