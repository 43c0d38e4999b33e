"""Events on our objects, told beside their status: never waited for, and dropped rather than queued without end."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_paths import EVENT
from fairlead_operator.happening import Happening
from fairlead_operator.resources.meta import API_VERSION, ObjectRef

log = logging.getLogger(__name__)

MOST_WAITING = 256
NOTE_BYTES, NAME_CHARACTERS, INSTANCE_CHARACTERS = 1024, 200, 128
"""What the API server takes: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/"""
CONTROLLER = "fairlead.dev/operator"


class Events:
    """Writes what happened to objects. `instance` names this process; `counts` gets what was told and what was not."""

    def __init__(self, api: KubernetesApi, *, instance: str, clock: Callable[[], float], counts: Counter[str]) -> None:
        self._api = api
        self._instance = instance[:INSTANCE_CHARACTERS]
        self._clock = clock
        self._counts = counts
        self._numbers = count()
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)

    def tell(self, ref: ObjectRef, uid: str, happenings: Iterable[Happening]) -> None:
        """Have these told soon."""
        for happening in happenings:
            try:
                self._waiting.put_nowait(self._event(ref, uid, happening))
            except asyncio.QueueFull:
                self._counts["events dropped"] += 1

    async def run(self) -> None:
        """Write until cancelled. What cannot be written is gone: the status says how things are."""
        while True:
            event = await self._waiting.get()
            try:
                await self._api.create(EVENT.path(event["metadata"]["namespace"]), event)
                self._counts["events"] += 1
            except ClusterError as error:
                self._counts["events dropped"] += 1
                log.info("an event cannot be written", extra={"event": event["metadata"]["name"], "error": str(error)})

    def _event(self, ref: ObjectRef, uid: str, happening: Happening) -> dict[str, Any]:
        now = self._clock()
        name = f"{ref.name[:NAME_CHARACTERS].rstrip('.-')}.{int(now * 1000):x}.{next(self._numbers):x}"
        note = happening.message or f"{happening.condition} again"
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": ref.namespace},
            "eventTime": datetime.fromtimestamp(now, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance,
            "type": "Warning" if happening.bad else "Normal",
            "action": happening.condition,
            "reason": happening.reason,
            "note": note.encode()[:NOTE_BYTES].decode(errors="ignore"),
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": ref.kind.value,
                "namespace": ref.namespace,
                "name": ref.name,
                "uid": uid,
            },
        }
