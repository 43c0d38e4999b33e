"""One container as a process: started, probed, started again with back-off when it ends, stopped with its grace."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from cluster.api_client import ApiFailed
from cluster.container_command import ContainerCommand
from cluster.pod_status import ContainerFacts, Ended, Running, Waiting
from cluster.pod_volumes import SourceMissing
from cluster.probes import Target, ask, keep_probing
from cluster.processes import DIE_WITH_PARENT

Json = Mapping[str, Any]
LONGEST_BACKOFF_SECONDS = 300.0
BACKOFF_FORGOTTEN_SECONDS = 600.0
"""A container that has run this long starts its back-off anew; both numbers are the kubelet's."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container has from its pod and node."""

    address: str
    logs: Path
    restart_policy: str
    grace_seconds: float
    first_backoff_seconds: float
    session: aiohttp.ClientSession
    prepare: Callable[[Json], Awaitable[ContainerCommand]]
    changed: Callable[[], None]
    """Called after each change of the facts."""


class ContainerRunner:
    """Runs one container until it is done, or told to stop."""

    def __init__(self, container: Json, around: Surroundings) -> None:
        sidecar = container.get("restartPolicy") == "Always"  # which only an init container may have
        self.facts = ContainerFacts(container["name"], container["image"], sidecar=sidecar)
        self.started = asyncio.Event()
        """Set once it has been started for the first time, and its startup probe, if it has one, has succeeded."""
        self._container = container
        self._around = around
        self._process: Process | None = None
        self._command: ContainerCommand | None = None
        self._ending: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def log(self) -> Path:
        """Where the present process's output goes; one file for each restart."""
        return self._around.logs / f"{self.facts.name}.{self.facts.restarts}.log"

    async def run(self) -> None:
        """Run until the container is done for good: ended as its restart policy wants it, or stopped.

        Cancelling this ends the process and all that it started at once.
        """
        backoff = 0.0
        while not self._stopping.is_set():
            self._command = await self._prepared()
            if self._stopping.is_set():
                return
            ended = await self._run_once(self._command)
            if self._stopping.is_set() or not self._runs_again(ended):
                return
            self.facts.last = ended
            if (ended.at - ended.since).total_seconds() > BACKOFF_FORGOTTEN_SECONDS:
                backoff = 0.0
            if backoff:
                self._set_state(Waiting("CrashLoopBackOff", f"back-off {backoff:g}s restarting failed container"))
                await asyncio.sleep(backoff)
            backoff = min(2 * backoff or self._around.first_backoff_seconds, LONGEST_BACKOFF_SECONDS)
            self.facts.restarts += 1

    async def stop(self, grace_seconds: float) -> None:
        """End it for good: its `preStop` hook, SIGTERM, and SIGKILL when the grace is over."""
        self._stopping.set()
        await self._end_process(grace_seconds)

    def send(self, number: signal.Signals) -> None:
        """Send the running process a signal, as a fault that a test injects."""
        if self._process is None:
            raise ProcessLookupError(f"container {self.facts.name} has no running process")
        self._process.send_signal(number)

    async def _prepared(self) -> ContainerCommand:
        """Return the command, once all that its environment needs is there."""
        while True:
            try:
                return await self._around.prepare(self._container)
            except (SourceMissing, ApiFailed) as error:
                self._set_state(Waiting("CreateContainerConfigError", str(error)))
                await asyncio.sleep(1.0)

    async def _run_once(self, command: ContainerCommand) -> Ended:
        since = datetime.now(UTC)
        try:
            self._process = await self._spawn(command)
        except OSError as error:
            self.log.write_text(f"{error}\n")
            ended = Ended(128, "StartError", since, datetime.now(UTC))
            self._set_state(ended)
            return ended
        process = self._process
        self.facts.started = "startupProbe" not in self._container
        self.facts.ready = self.facts.started and "readinessProbe" not in self._container
        if self.facts.started:
            self.started.set()
        self._set_state(Running(process.pid, since))
        probing = asyncio.create_task(self._probe())
        try:
            code = await process.wait()
        finally:
            probing.cancel()
            _kill_group(process.pid)
            await process.wait()
        with suppress(asyncio.CancelledError):
            await probing
        self._process = None
        self.facts.ready = self.facts.started = False
        # A process that a signal ended has the exit code 128 + signal in a container.
        code = 128 - code if code < 0 else code
        ended = Ended(code, "Completed" if code == 0 else "Error", since, datetime.now(UTC))
        self._set_state(ended)
        return ended

    async def _spawn(self, command: ContainerCommand) -> Process:
        with self.log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *DIE_WITH_PARENT,
                *command.arguments,
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(command.environment),
                cwd=command.working_directory,
                start_new_session=True,
            )

    async def _probe(self) -> None:
        if not self.facts.started:
            await self._started()
        async with asyncio.TaskGroup() as group:
            for name, tell in (("readinessProbe", self._set_ready), ("livenessProbe", self._note_liveness)):
                if name in self._container:
                    probe = self._container[name]
                    group.create_task(keep_probing(probe, self._target(), self._around.session, tell))

    async def _started(self) -> None:
        """Return once the startup probe succeeds; a container that fails it is ended, and `run` starts it again."""
        outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def tell(success: bool) -> None:
            if not outcome.done():
                outcome.set_result(success)

        probe = self._container["startupProbe"]
        task = asyncio.create_task(keep_probing(probe, self._target(), self._around.session, tell))
        try:
            succeeded = await outcome
        finally:
            task.cancel()
        if not succeeded:
            if not self._stopping.is_set():
                await self._end_process(self._grace("startupProbe"))
            return
        self.facts.started = True
        self.started.set()
        self._set_ready("readinessProbe" not in self._container)

    def _set_ready(self, ready: bool) -> None:
        if self.facts.ready != ready:
            self.facts.ready = ready
            self._around.changed()

    def _note_liveness(self, alive: bool) -> None:
        # A container that is ending is not asked to end twice: many programs take a second signal for "at once".
        if not (alive or self._ending or self._stopping.is_set()):
            self._ending = asyncio.create_task(self._end_process(self._grace("livenessProbe")))

    def _grace(self, probe: str) -> float:
        own = self._container[probe].get("terminationGracePeriodSeconds")
        return self._around.grace_seconds if own is None else float(own)

    async def _end_process(self, grace_seconds: float) -> None:
        process = self._process
        if process is None:
            return
        deadline = asyncio.get_running_loop().time() + grace_seconds
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._pre_stop()
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
                await process.wait()
        _kill_group(process.pid)
        await process.wait()
        self._ending = None

    async def _pre_stop(self) -> None:
        hook = self._container.get("lifecycle", {}).get("preStop", {})
        if "sleep" in hook:
            await asyncio.sleep(float(hook["sleep"]["seconds"]))
        elif hook:
            await ask({**hook, "timeoutSeconds": self._around.grace_seconds}, self._target(), self._around.session)

    def _target(self) -> Target:
        ports = {each["name"]: each["containerPort"] for each in self._container.get("ports", []) if "name" in each}
        return Target(self._around.address, ports, self._execute)

    async def _execute(self, command: list[str]) -> int:
        assert self._command is not None
        process = await asyncio.create_subprocess_exec(
            *DIE_WITH_PARENT,
            *command,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            env=dict(self._command.environment),
            cwd=self._command.working_directory,
        )
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()

    def _runs_again(self, ended: Ended) -> bool:
        policy = self._around.restart_policy
        return policy == "Always" or (policy == "OnFailure" and ended.exit_code != 0)

    def _set_state(self, state: Waiting | Running | Ended) -> None:
        self.facts.state = state
        self._around.changed()


def _kill_group(leader: int) -> None:
    """End what is left of a container once its first process is gone, as the end of its namespace would."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
