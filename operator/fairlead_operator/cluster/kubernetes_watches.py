"""Everything that is read namespace by namespace: Secrets where they matter, Pods and Deployments of fleets."""

import asyncio
import base64
import binascii
import random
from collections.abc import Callable, Iterable, Mapping

from fairlead_operator.cluster.api import ClusterError
from fairlead_operator.cluster.kubernetes_objects import Content
from fairlead_operator.cluster.kubernetes_paths import DEPLOYMENT, POD, ROLE_BINDING, SECRET, Resource
from fairlead_operator.cluster.namespaced_watch import TENANT_PAUSES, NamespacedWatch, Scope, Watchable
from fairlead_operator.inventory import SecretData
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL, MANAGED_BY_LABEL, OPERATOR_NAME

FLEET_SELECTOR = f"{GATEWAY_LABEL},{MANAGED_BY_LABEL}={OPERATOR_NAME}"
NO_HELM_RELEASES = "type!=helm.sh/release.v1"
"""Releases are the largest Secrets of most namespaces, and never a key."""

ANSWER_SECONDS = 10.0
"""How long a caller waits to be told whether something may be read."""


class Watches:
    """Owns one watch for each namespace and kind; `on_secrets` and `on_fleet` are called when what they show changed.

    A watch of RoleBindings wakes the watches of their namespace: the right to read may have come or gone.
    """

    def __init__(
        self,
        api: Watchable,
        *,
        rng: random.Random,
        on_secrets: Callable[[], None],
        on_fleet: Callable[[Content | None], None],
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._api = api
        self._rng = rng
        self._on_secrets = on_secrets
        self._on_fleet = on_fleet
        self._answer_seconds = answer_seconds
        self._secrets: dict[str, NamespacedWatch] = {}
        self._fleets: dict[tuple[str, str], NamespacedWatch] = {}
        self._answered = asyncio.Condition()
        self._decoded: dict[tuple[str, str], tuple[str, SecretData]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._notifying: set[asyncio.Task[None]] = set()
        self._bindings = NamespacedWatch(
            api, Scope(ROLE_BINDING, None), on_change=self._binding_changed, rng=rng, stream_seconds=300.0
        )

    def start(self) -> None:
        self._bindings.start()

    async def close(self) -> None:
        watches = [self._bindings, *self._secrets.values(), *self._fleets.values()]
        self._secrets.clear()
        self._fleets.clear()
        tasks = [*self._closing, *self._notifying]
        await asyncio.gather(*(watch.close() for watch in watches), *tasks, return_exceptions=True)

    def watch_fleets(self, namespaces: Iterable[str]) -> None:
        """Also follow the Pods and Deployments of the fleets in these namespaces."""
        for namespace in namespaces:
            for resource in (POD, DEPLOYMENT):
                if (resource.kind, namespace) not in self._fleets:
                    scope = Scope(resource, namespace, selector=FLEET_SELECTOR)
                    self._fleets[resource.kind, namespace] = self._watch(scope, self._fleet_changed)

    async def watch_secrets(self, namespaces: Iterable[str]) -> None:
        """Follow the Secrets of these namespaces and no others; return once each was read or refused.

        Raises ClusterError where the API server does not answer in time.
        """
        wanted = set(namespaces)
        for namespace in [each for each in self._secrets if each not in wanted]:
            closing = asyncio.create_task(self._secrets.pop(namespace).close())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        for namespace in sorted(wanted - set(self._secrets)):
            scope = Scope(SECRET, namespace, fields=NO_HELM_RELEASES)
            self._secrets[namespace] = self._watch(scope, self._secret_changed)
        await self._until(
            lambda: all(watch.state.permitted is not None for watch in self._secrets.values()),
            "the API server does not say whether Secrets may be read",
        )

    async def wait_for_fleets(self) -> None:
        """Return once the Pods and Deployments of every watched namespace were read or refused; raise ClusterError."""
        await self._until(
            lambda: all(watch.state.permitted is not None for watch in self._fleets.values()),
            "the API server does not say which proxies there are",
        )

    def readable(self) -> frozenset[str]:
        """Return the namespaces whose Secrets may be read."""
        return frozenset(namespace for namespace, watch in self._secrets.items() if watch.state.permitted)

    def secrets(self) -> list[SecretData]:
        """Return every Secret of the readable namespaces, decoded once for each state of it."""
        found: dict[tuple[str, str], tuple[str, SecretData]] = {}
        for namespace, watch in self._secrets.items():
            for content in watch.state.objects.values():
                where, version = (namespace, content["metadata"]["name"]), content["metadata"]["resourceVersion"]
                known = self._decoded.get(where)
                found[where] = known if known is not None and known[0] == version else (version, _decode(content))
        self._decoded = found
        return [secret for _, secret in found.values()]

    def fleet_objects(self, resource: Resource, namespace: str) -> list[Content]:
        """Return the live Pods, or Deployments, of all fleets in a namespace."""
        watch = self._fleets.get((resource.kind, namespace))
        return list(watch.state.objects.values()) if watch else []

    def all_deployments(self) -> list[Content]:
        return [
            content
            for (kind, _), watch in self._fleets.items()
            for content in watch.state.objects.values()
            if kind == DEPLOYMENT.kind
        ]

    def _watch(self, scope: Scope, on_change: Callable[[Content | None], None]) -> NamespacedWatch:
        pauses = TENANT_PAUSES if scope.resource is SECRET else None
        watch = NamespacedWatch(self._api, scope, on_change=on_change, rng=self._rng, pauses=pauses)
        watch.start()
        return watch

    def _secret_changed(self, content: Content | None) -> None:
        self._announce_answer(content)
        self._on_secrets()

    def _fleet_changed(self, content: Content | None) -> None:
        self._announce_answer(content)
        self._on_fleet(content)

    def _binding_changed(self, content: Content | None) -> None:
        where = content["metadata"]["namespace"] if content else None
        for namespace, watch in self._secrets.items():
            if where == namespace or (where is None and watch.state.permitted is False):
                watch.wake()
        for (_, namespace), watch in self._fleets.items():
            if where in (namespace, None) and watch.state.permitted is False:
                watch.wake()

    def _announce_answer(self, content: Content | None) -> None:
        if content is None:
            task = asyncio.create_task(self._notify())
            self._notifying.add(task)
            task.add_done_callback(self._notifying.discard)

    async def _notify(self) -> None:
        async with self._answered:
            self._answered.notify_all()

    async def _until(self, condition: Callable[[], bool], otherwise: str) -> None:
        try:
            async with asyncio.timeout(self._answer_seconds), self._answered:
                await self._answered.wait_for(condition)
        except TimeoutError as error:
            raise ClusterError(otherwise) from error


def _decode(content: Content) -> SecretData:
    metadata = content["metadata"]
    data: Mapping[str, str] = content.get("data") or {}
    decoded: dict[str, bytes] = {}
    for name, value in data.items():
        try:
            decoded[name] = base64.b64decode(value)
        except binascii.Error:  # the API server admits none such; a proxy of it might
            continue
    return SecretData(metadata["namespace"], metadata["name"], metadata.get("labels") or {}, decoded)
