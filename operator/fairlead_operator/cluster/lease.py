"""Leader election by one Lease: at most one operator acts, and it knows when it no longer may."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_errors import Conflict, NotFound
from fairlead_operator.cluster.kubernetes_paths import LEASE

log = logging.getLogger(__name__)


class LeaseApi(Protocol):
    """What an election needs of the client; see KubernetesApi."""

    async def get(self, path: str) -> dict[str, Any]: ...

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """Who we are and where the Lease is. Durations as Kubernetes' own components use them.

    A standby takes over when the record has not changed for `duration_seconds`; the leader gives up after
    `renew_seconds` without a renewal, so it has stopped before another starts.
    """

    namespace: str
    name: str
    identity: str
    duration_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0


class LeaderElection:
    """`monotonic` measures, `wall` only fills in the record: clocks of two nodes that differ do no harm."""

    def __init__(
        self,
        api: LeaseApi,
        settings: LeaseSettings,
        *,
        monotonic: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._api = api
        self._settings = settings
        self._monotonic = monotonic
        self._wall = wall
        self._path = LEASE.path(settings.namespace, settings.name)
        self._record: Mapping[str, Any] = {}
        self._seen_at = 0.0
        self.leading = False

    async def acquire(self) -> None:
        """Return once we lead."""
        while True:
            try:
                if await self._try():
                    self.leading = True
                    log.info("leading", extra={"lease": self._settings.name, "identity": self._settings.identity})
                    return
            except ClusterError as error:
                log.info("the lease cannot be reached", extra={"error": str(error)})
            await asyncio.sleep(self._settings.retry_seconds)

    async def keep(self) -> None:
        """Renew; return when we lead no longer. Whoever acts as the leader must stop at once then."""
        renewed = self._monotonic()
        while self.leading:
            await asyncio.sleep(self._settings.retry_seconds)
            left = renewed + self._settings.renew_seconds - self._monotonic()
            try:
                # The renewal counts from when it was asked for, which is the instant that the record names.
                asked = self._monotonic()
                async with asyncio.timeout(max(left, 0.0)):
                    held = await self._try()
                if not held:
                    self.leading = False
                    log.error("another operator leads", extra={"holder": self._holder()})
                    return
                renewed = asked
            except (ClusterError, TimeoutError) as error:
                if self._monotonic() - renewed >= self._settings.renew_seconds:
                    self.leading = False
                    log.error("the lease was not renewed in time", extra={"error": str(error)})
                    return

    async def release(self) -> None:
        """Give the lease up, so that a standby need not wait for it to expire; best effort."""
        if not self.leading:
            return
        self.leading = False
        spec = {
            **self._record.get("spec", {}),
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "renewTime": self._now(),
        }
        try:
            await self._api.replace(self._path, {**self._record, "spec": spec})
        except ClusterError as error:
            log.info("the lease was not released", extra={"error": str(error)})

    async def _try(self) -> bool:
        """Take or renew the lease; return whether it is ours."""
        try:
            if self.leading:
                try:
                    await self._write(self._record)
                except Conflict:
                    pass  # somebody wrote it in between: look who it was
                else:
                    return True
            self._observe(await self._api.get(self._path))
        except NotFound:
            return await self._create()
        if self._holder() not in ("", self._settings.identity) and not self._expired():
            return False
        try:
            await self._write(self._record)
        except Conflict:
            return False
        return True

    async def _create(self) -> bool:
        body = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {"name": self._settings.name, "namespace": self._settings.namespace},
            "spec": self._spec({}),
        }
        try:
            self._observe(await self._api.create(LEASE.path(self._settings.namespace), body))
        except Conflict:
            return False
        return True

    async def _write(self, record: Mapping[str, Any]) -> None:
        body = {**record, "spec": self._spec(record.get("spec") or {})}
        self._observe(await self._api.replace(self._path, body))

    def _spec(self, before: Mapping[str, Any]) -> dict[str, Any]:
        ours = before.get("holderIdentity") == self._settings.identity
        now = self._now()
        transitions = int(before.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self._settings.identity,
            "leaseDurationSeconds": int(self._settings.duration_seconds),
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": transitions if ours or not before else transitions + 1,
        }

    def _observe(self, record: Mapping[str, Any]) -> None:
        if record["metadata"]["resourceVersion"] != self._record.get("metadata", {}).get("resourceVersion"):
            self._record, self._seen_at = record, self._monotonic()

    def _holder(self) -> str:
        return str((self._record.get("spec") or {}).get("holderIdentity") or "")

    def _expired(self) -> bool:
        """Whether the record has stood unchanged, before our own eyes, for longer than its holder promised."""
        promised = (self._record.get("spec") or {}).get("leaseDurationSeconds") or self._settings.duration_seconds
        return self._monotonic() - self._seen_at > float(promised)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._wall(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
