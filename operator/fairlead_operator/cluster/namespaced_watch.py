"""List and watch one kind in one namespace, where the right to do so may come and go."""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_api import Listed, WatchEvent
from fairlead_operator.cluster.kubernetes_errors import Forbidden, Gone, NotFound
from fairlead_operator.cluster.kubernetes_objects import Content, key_of, slim
from fairlead_operator.cluster.kubernetes_paths import Resource

log = logging.getLogger(__name__)

STREAM_SECONDS = 8.0
"""An open watch goes on delivering after its RoleBinding is deleted; each reconnect is authorised anew."""

HURRIED_TRIES = 4
HURRIED_SECONDS = 1.0
"""After a wake the API server may itself not have heard yet of what woke us: so it is asked a few times in short order.
Also the least time between two requests of one watch."""


class Watchable(Protocol):
    """What a watch needs of the client; see KubernetesApi."""

    async def list(self, path: str, *, selector: str = "", fields: str = "") -> Listed: ...

    def watch(
        self, path: str, resource_version: str, *, timeout_seconds: float, selector: str = "", fields: str = ""
    ) -> AsyncGenerator[WatchEvent, None]: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched: a kind, in a namespace (None: in all), narrowed by label and field selectors."""

    resource: Resource
    namespace: str | None
    selector: str = ""
    fields: str = ""

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Between two tries, in seconds: after a refusal, doubling up to `longest_refused`; after a fault, likewise."""

    refused: float = 5.0
    longest_refused: float = 5.0
    fault: float = 0.5
    longest_fault: float = 10.0


TENANT_PAUSES = Pauses(longest_refused=60.0)
"""For the Secrets of tenants, which may never be granted: a new RoleBinding wakes the watch anyway."""


@dataclass(slots=True)
class WatchState:
    """What is known now. `permitted` None: not yet tried; `objects` are by `namespace/name`, empty unless permitted.

    `listed`: everything was read once since it was last permitted.
    """

    objects: dict[str, Content] = field(default_factory=dict)
    permitted: bool | None = None
    listed: bool = False


class NamespacedWatch:
    """Keeps `state` true by one task; `on_change` is called after each change of it, with the object that changed, or
    with None where all of it may have.

    A fault of the API server leaves the state as it is: what was true last is the best that is known. Only a refusal
    empties it.
    """

    def __init__(
        self,
        api: Watchable,
        scope: Scope,
        *,
        on_change: Callable[[Content | None], None],
        rng: random.Random,
        pauses: Pauses | None = None,
        stream_seconds: float = STREAM_SECONDS,
    ) -> None:
        self.scope = scope
        self.state = WatchState()
        self._api = api
        self._on_change = on_change
        self._rng = rng
        self._pauses = pauses or Pauses()
        self._stream_seconds = stream_seconds
        self._version = ""
        self._woken = asyncio.Event()
        self._hurried = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"watch {self.scope.path}")

    def wake(self) -> None:
        """Ask anew now: the right to watch may have been given or taken."""
        self._hurried = HURRIED_TRIES
        self._woken.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        refused, fault = self._pauses.refused, self._pauses.fault
        while True:
            began = loop.time()
            try:
                await self._follow()
                refused, fault = self._pauses.refused, self._pauses.fault
                if loop.time() - began < HURRIED_SECONDS:
                    # A server that ends its streams at once, or many wakes: do not flood it.
                    await self._rest(HURRIED_SECONDS / 4)
            except Gone:
                self._version = ""
            except (Forbidden, NotFound) as refusal:
                self._lose(refusal)
                if self._hurried:
                    self._hurried -= 1
                    refused = self._pauses.refused
                    await self._rest(HURRIED_SECONDS / 4)
                    continue
                await self._rest(refused)
                refused = min(refused * 2, self._pauses.longest_refused)
            except ClusterError as error:
                log.debug("a watch failed", extra={"path": self.scope.path, "error": str(error)})
                await self._rest(fault)
                fault = min(fault * 2, self._pauses.longest_fault)

    async def _follow(self) -> None:
        """List where nothing is known, then follow one stream to its end, or until it is woken."""
        self._woken.clear()
        if not self._version:
            await self._list()
        following = asyncio.ensure_future(self._stream())
        waking = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((following, waking), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            for task in (following, waking):
                task.cancel()
            await asyncio.gather(following, waking, return_exceptions=True)

    async def _list(self) -> None:
        listed = await self._api.list(self.scope.path, selector=self.scope.selector, fields=self.scope.fields)
        objects = {key_of(each): slim(each) for each in listed.items}
        changed = not self.state.listed or objects != self.state.objects
        self.state = WatchState(objects, permitted=True, listed=True)
        self._version = listed.resource_version
        if changed:
            self._on_change(None)

    async def _stream(self) -> None:
        seconds = self._stream_seconds
        if self._hurried:
            self._hurried -= 1
            seconds = min(seconds, HURRIED_SECONDS)
        stream = self._api.watch(
            self.scope.path,
            self._version,
            timeout_seconds=seconds,
            selector=self.scope.selector,
            fields=self.scope.fields,
        )
        async with aclosing(stream) as events:
            async for event in events:
                self._version = event.object["metadata"]["resourceVersion"]
                if self._note(event):
                    self._on_change(event.object)

    def _note(self, event: WatchEvent) -> bool:
        match event.type:
            case "ADDED" | "MODIFIED":
                self.state.objects[key_of(event.object)] = slim(event.object)
            case "DELETED":
                self.state.objects.pop(key_of(event.object), None)
            case _:
                return False
        return True

    def _lose(self, refusal: ClusterError) -> None:
        first = self.state.permitted is not False
        self._version = ""
        self.state = WatchState(permitted=False)
        if first:
            log.info("not granted", extra={"path": self.scope.path, "detail": str(refusal)})
            self._on_change(None)

    async def _rest(self, seconds: float) -> None:
        """Pause for up to a fifth more than this, unless woken."""
        try:
            await asyncio.wait_for(self._woken.wait(), seconds * self._rng.uniform(1.0, 1.2))
        except TimeoutError:
            return
