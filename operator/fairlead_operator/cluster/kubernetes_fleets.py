"""Makes the objects of each fleet exist as rendered, keeps them so, and takes away the fleets that shall be no more."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from fairlead_operator.cluster.api import Manifest
from fairlead_operator.cluster.kubernetes_api import KubernetesApi
from fairlead_operator.cluster.kubernetes_claim import claim, is_of_fleet
from fairlead_operator.cluster.kubernetes_errors import Forbidden, NotFound, NotServed
from fairlead_operator.cluster.kubernetes_objects import Content, covers
from fairlead_operator.cluster.kubernetes_paths import FLEET_KINDS, OURS, Resource, path_of
from fairlead_operator.resources.fleet_names import GATEWAY_LABEL, MANAGED_BY_LABEL, OPERATOR_NAME
from fairlead_operator.resources.meta import Kind

log = logging.getLogger(__name__)

CONFIGURATION_KINDS = frozenset({"ConfigMap", "Secret"})
"""What a fleet reads is not rendered with it: the publisher owns these."""


class Fleets:
    """Remembers what it has applied, so that applying the same again costs no request."""

    def __init__(self, api: KubernetesApi) -> None:
        self._api = api
        self._applied: dict[str, tuple[Manifest, ...]] = {}
        self._under_way: dict[str, tuple[Manifest, ...]] = {}
        """What is being applied; taken out where an object was changed meanwhile, after its turn perhaps."""

    async def apply(self, gateway: str, manifests: Sequence[Manifest]) -> None:
        """Make these objects exist as given, and remove others of this fleet.

        Raises KubernetesError; Refused where a user's object has the name of one of them.
        """
        wanted = tuple(manifests)
        if self._applied.get(gateway) == wanted:
            return
        first = gateway not in self._applied
        before = {path_of(each): each for each in self._applied.pop(gateway, ())}
        self._under_way[gateway] = wanted
        for manifest in wanted:
            if path_of(manifest) not in before:
                await claim(self._api, manifest)
            if before.get(path_of(manifest)) != manifest:
                await self._api.apply(manifest)
        if first:
            await self._remove_others(gateway, wanted)
        if self._under_way.pop(gateway, None) is wanted:
            self._applied[gateway] = wanted

    def address(self, gateway: str) -> str:
        """Return host:port of the first listener, once the Service has been applied; empty before."""
        for manifest in self._applied.get(gateway, ()):
            if manifest["kind"] == "Service":
                metadata = manifest["metadata"]
                return f"{metadata['name']}.{metadata['namespace']}.svc:{manifest['spec']['ports'][0]['port']}"
        return ""

    def differs(self, gateway: str, live: Content) -> bool:
        """Return whether this live object is no longer what was applied."""
        return any(
            not covers(live, manifest)
            for manifest in self._applied.get(gateway) or self._under_way.get(gateway, ())
            if manifest["kind"] == live["kind"] and manifest["metadata"]["name"] == live["metadata"]["name"]
        )

    async def drifted(self, gateway: str) -> bool:
        """Return whether somebody has changed or removed an object of this fleet; it is applied anew then."""
        wanted = self._applied.get(gateway, ())
        for manifest in wanted:
            try:
                live: Content = await self._api.get(path_of(manifest))
            except NotFound:
                live = {}
            if not covers(live, manifest):
                where = {"gateway": gateway, "kind": manifest["kind"], "object": manifest["metadata"]["name"]}
                log.warning("an object of the fleet was changed by somebody else", extra=where)
                if self._applied.get(gateway) is wanted:
                    self._applied.pop(gateway)
                return True
        return False

    def forget(self, gateway: str) -> None:
        """Apply everything anew next time: an object of the fleet is known to have changed or gone."""
        self._applied.pop(gateway, None)
        self._under_way.pop(gateway, None)

    async def retire(self, deployments: Iterable[Content], kept: Iterable[str]) -> list[str]:
        """Remove the fleets of all gateways but these; `deployments` are those of all fleets. Return which went.

        A fleet goes only where the API server itself says that its gateway is gone: what we do not see may be ours to
        miss, and a fleet that serves is worth more than one that is tidied away.
        """
        keep = set(kept)
        retired = []
        for deployment in deployments:
            metadata = deployment["metadata"]
            name = (metadata.get("labels") or {}).get(GATEWAY_LABEL, "")
            gateway = f"{metadata['namespace']}/{name}"
            if gateway in keep or not is_of_fleet(deployment, name) or not await self._is_gone(gateway):
                continue
            self._applied.pop(gateway, None)
            try:
                await self._remove(metadata["namespace"], name)
            except Forbidden as error:
                # What we may not take away stays; it keeps nothing else from its turn.
                log.info("a fleet cannot be retired", extra={"gateway": gateway, "error": str(error)})
                continue
            log.info("retired a fleet whose gateway is gone", extra={"gateway": gateway})
            retired.append(gateway)
        return retired

    async def _remove(self, namespace: str, name: str) -> None:
        for resource in FLEET_KINDS:
            for each in await self._listed(resource, namespace, name):
                await self._delete(resource, each)

    async def _is_gone(self, gateway: str) -> bool:
        namespace, _, name = gateway.partition("/")
        try:
            await self._api.get(OURS[Kind.MODEL_GATEWAY].path(namespace, name))
        except NotServed:
            return False
        except NotFound:
            return True
        return False

    async def _remove_others(self, gateway: str, wanted: Sequence[Manifest]) -> None:
        namespace, _, name = gateway.partition("/")
        kept = {(each["kind"], each["metadata"]["name"]) for each in wanted}
        for resource in FLEET_KINDS:
            if resource.kind in CONFIGURATION_KINDS:
                continue
            for each in await self._listed(resource, namespace, name):
                if (resource.kind, each["metadata"]["name"]) not in kept:
                    await self._delete(resource, each)

    async def _listed(self, resource: Resource, namespace: str, gateway: str) -> list[dict[str, Any]]:
        selector = f"{GATEWAY_LABEL}={gateway},{MANAGED_BY_LABEL}={OPERATOR_NAME}"
        listed = await self._api.list(resource.path(namespace), selector=selector, metadata_only=True)
        return listed.items

    async def _delete(self, resource: Resource, content: Content) -> None:
        metadata = content["metadata"]
        try:
            await self._api.delete(resource.path(metadata["namespace"], metadata["name"]), uid=metadata["uid"])
        except NotFound:
            return
