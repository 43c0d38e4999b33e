"""The proxies of a standalone run: child processes that are started again when they crash, and drained at the end."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fairlead_operator.cluster.child_environ import child_environ

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STEADY_SECONDS = 30.0
"""A worker that lived so long has not crashed for the same cause as the last time."""

LAST_WORDS_SECONDS = 3.0
"""How long a worker gets to end the calls that it cuts off."""


@dataclass(slots=True)
class Worker:
    """One child; `process` is its newest, which may have ended. `started_at`: Unix seconds."""

    name: str
    command: Sequence[str]
    process: asyncio.subprocess.Process | None = None
    started_at: float = 0.0
    restarts: int = 0

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None


class LocalWorkers:
    """Owns the child processes; `on_change` is called whenever one starts or ends.

    Children stand in a session of their own, so that Ctrl-C reaches only us, and we decide what becomes of them.
    """

    def __init__(self, *, on_change: Callable[[], None], clock: Callable[[], float]) -> None:
        self.workers: tuple[Worker, ...] = ()
        self._on_change = on_change
        self._clock = clock
        self._keepers: list[asyncio.Task[None]] = []
        self._ending = False

    def start(self, commands: Mapping[str, Sequence[str]]) -> None:
        """Start one worker for each command, by name, and keep it running."""
        self.workers = tuple(Worker(name, command) for name, command in commands.items())
        self._keepers = [asyncio.create_task(self._keep(worker), name=worker.name) for worker in self.workers]

    async def stop(self) -> None:
        """Have every worker drain, and return when all have ended; `kill` ends the wait."""
        self._ending = True
        self._signal(signal.SIGTERM)
        for worker, keeper in zip(self.workers, self._keepers, strict=True):
            if not worker.running:
                keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def kill(self) -> None:
        """End every worker now: told twice, it cuts its calls off and tells their callers so; then it is killed."""
        self._ending = True
        # Not SIGTERM: where the first one is still pending, a second one of its kind would be lost.
        self._signal(signal.SIGINT)
        asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, self._signal, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self.workers:
            if worker.process is not None and worker.running:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.send_signal(number)

    async def _keep(self, worker: Worker) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._ending:
            code = await self._run(worker)
            if self._ending:
                return
            if self._clock() - worker.started_at >= STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.warning("a worker ended and is started again", extra={"worker": worker.name, "exit_code": code})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            worker.restarts += 1

    async def _run(self, worker: Worker) -> int | None:
        """Run the worker to its end; return its exit code, None where it could not be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *worker.command,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env=child_environ(os.environ),
            )
        except OSError as error:
            log.warning("a worker cannot be started", extra={"worker": worker.name, "detail": str(error)})
            return None
        worker.process, worker.started_at = process, self._clock()
        if self._ending:
            process.terminate()
        self._on_change()
        try:
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            self._on_change()
