"""kopf as the watch engine: it notes our kinds and the Namespaces into the store, and decides nothing."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from fairlead_operator.cluster.kubernetes_access import Access
from fairlead_operator.cluster.kubernetes_objects import Content, key_of
from fairlead_operator.cluster.kubernetes_paths import NAMESPACE, Resource
from fairlead_operator.cluster.kubernetes_store import ObjectStore

log = logging.getLogger(__name__)

TOKEN_SECONDS = 600
"""How long kopf uses one token before it asks again: a service account's is renewed in place within the hour."""

STOP_SECONDS = 15.0


class KopfWatch:
    """One run of kopf from listing to end; a relist is a new one.

    It has a thread and an event loop of its own, because kopf, when it ends, cancels every task of its loop that was
    made since it began, and because it takes the process's signals where it runs in the main thread.

    `synced` is set once the store holds everything: kopf holds back all handlers until all indexed kinds have listed,
    so the first event of a Namespace proves it. `ended` is set when kopf is no more, for whatever reason.
    """

    def __init__(self, access: Access, kinds: Iterable[Resource], store: ObjectStore) -> None:
        self._access = access
        self._resources = (*kinds, NAMESPACE)
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._listed: dict[str, Content] | None = {}
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self.synced = asyncio.Event()
        self.ended = asyncio.Event()

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

    def _run(self) -> None:
        try:
            asyncio.run(
                kopf.operator(
                    registry=self._registry(),
                    settings=_settings(),
                    standalone=True,
                    clusterwide=True,
                    stop_flag=self._stop,
                )
            )
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
            kopf.index(*where, id=f"index-{resource.plural}", registry=registry)(self._indexed)
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

    async def _indexed(self, body: kopf.Body, **_: Any) -> None:
        """Note a state of an object: kopf calls this for every event but deletions, before any handler."""
        content = dict(body)
        if self._listed is not None:
            self._listed[f"{content['kind']}/{key_of(content)}"] = content
        else:
            self._tell(self._store.note, content)

    async def _happened(self, event: kopf.RawEvent, **_: Any) -> None:
        content = event["object"]
        if self._listed is not None:
            if event["type"] == "DELETED":
                self._listed.pop(f"{content['kind']}/{key_of(content)}", None)
            if content["kind"] == NAMESPACE.kind:
                self._tell(self._synced, list(self._listed.values()))
                self._listed = None
        elif event["type"] == "DELETED":
            self._tell(self._store.forget, content)

    def _synced(self, listed: list[Content]) -> None:
        self._store.replace(listed)
        self.synced.set()


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    # What exists was asked before: kopf shall neither list nor watch CRDs.
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.watching.connect_timeout = 10
    settings.watching.chunk_size = 500
    settings.process.ultimate_exiting_timeout = None
    settings.queueing.idle_timeout = 1.0
    return settings
