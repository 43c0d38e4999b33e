"""kopf as the watch engine: it notes our kinds and the Namespaces into the store, and decides nothing."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_objects import Content
from fairlead_operator.cluster.kubernetes_paths import NAMESPACE, Resource
from fairlead_operator.cluster.kubernetes_store import ObjectStore

log = logging.getLogger(__name__)

TOKEN_SECONDS = 600
"""How long kopf uses one token before it asks again: a service account's is renewed in place within the hour."""

STOP_SECONDS = 15.0

CLOSING_TURNS = 20
"""A stream that is closed needs a turn or two of the loop until its socket is; a default."""


class KopfWatch:
    """One run of kopf from listing to end; a relist is a new one.

    It has a thread and an event loop of its own, because kopf, when it ends, cancels every task of its loop that was
    made since it began, and because it takes the process's signals where it runs in the main thread.

    What it sees stands in `seen`, apart, until `deliver_to` hands it over: until then it is no more than the part that
    has been listed so far. kopf's own sign that all is listed are its indices, but while they fill it wakes every
    object's worker for each new object: 6 s for 1,000 objects, and 25 times that for 5,000. So there are none, and
    whoever holds this compares `seen` with a list of his own.

    `ended` is set when kopf is no more, for whatever reason.
    """

    def __init__(self, access: Access, kinds: Iterable[Resource]) -> None:
        self.seen = ObjectStore(lambda: None)
        self.ended = asyncio.Event()
        self._access = access
        self._resources = (*kinds, NAMESPACE)
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Ask kopf to end and wait until it has, or for STOP_SECONDS."""
        self._stop.set()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.ended.wait()
        except TimeoutError:
            log.warning("kopf did not end in time")

    def deliver_to(self, store: ObjectStore) -> None:
        """Have this store hold what was seen, and note there whatever happens from now on."""
        store.replace(self.seen.contents(), [resource.kind for resource in self._resources])
        self.seen = store

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(
                    kopf.operator(
                        registry=self._registry(),
                        settings=_settings(),
                        standalone=True,
                        clusterwide=True,
                        stop_flag=self._stop,
                    )
                )
                runner.run(_close_streams())
        except Exception as error:  # the loop that must survive is the process's, which starts another one
            log.error("kopf failed", extra={"error": f"{type(error).__name__}: {error}"})
        finally:
            self._stop.set()
            self._tell(self.ended.set)

    def _tell(self, what: Callable[..., None], *arguments: Any) -> None:
        """Run something in the loop of those who wait for us, unless that has ended before us."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(what, *arguments)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        for resource in self._resources:
            group, _, version = resource.api_version.rpartition("/")
            where = (group, version, resource.plural)
            kopf.on.event(*where, id=f"event-{resource.plural}", registry=registry)(self._happened)
        return registry

    def _login(self, **_: Any) -> kopf.ConnectionInfo:
        access = self._access
        expiration = datetime.now(UTC) + timedelta(seconds=TOKEN_SECONDS) if access.token_file else None
        return kopf.ConnectionInfo(
            server=access.server,
            ca_data=access.ca,
            insecure=access.insecure or None,
            token=access.bearer(),
            certificate_data=access.certificate,
            private_key_data=access.private_key,
            expiration=expiration,
        )

    async def _happened(self, event: kopf.RawEvent, **_: Any) -> None:
        self._tell(self._forget if event["type"] == "DELETED" else self._note, event["object"])

    def _note(self, content: Content) -> None:
        self.seen.note(content)

    def _forget(self, content: Content) -> None:
        self.seen.forget(content)


async def _close_streams() -> None:
    """Close what kopf's streams have left open: it ends before their sockets do, and its loop would end with it."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    for _ in range(CLOSING_TURNS):
        await asyncio.sleep(0)


class _NoDiffBase(kopf.DiffBaseStorage):
    """Keeps no copy of an object on the object, and computes none: nobody here asks kopf what has changed."""

    def build(self, *, body: kopf.Body, extra_fields: Any = None, ignored_fields: Any = None) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        raise AssertionError("nothing is ever stored on users' objects")


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    # What exists was asked before: kopf shall neither list nor watch CRDs.
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.persistence.diffbase_storage = _NoDiffBase()
    settings.process.ultimate_exiting_timeout = None
    settings.queueing.idle_timeout = 1.0
    return settings
