"""All resources at one moment, as one frozen value."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead_operator.resources.found import Found
from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.policy import RoutePolicySpec
from fairlead_operator.resources.provider import ModelProviderSpec


@dataclass(frozen=True, slots=True)
class SecretData:
    """A Secret as far as it may be read: `data` decoded. Its repr never shows a value."""

    namespace: str
    name: str
    labels: Mapping[str, str] = field(repr=False)
    data: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The input of a compilation.

    `namespaces`: labels by name. `readable`: the namespaces whose Secrets may be read (`secrets` holds all of theirs).
    `gateway_namespaces`: where a ModelGateway is honoured; None means everywhere (standalone). `ungranted`: the ids of
    the gateways whose fleets the operator may not touch all the same. `keeps_ledger`: records of attempts are kept also
    where a gateway names no store for them, as `fairlead run` does; a cluster does not.
    """

    providers: Mapping[str, Found[ModelProviderSpec]]
    policies: Mapping[str, Found[RoutePolicySpec]]
    gateways: Mapping[str, Found[ModelGatewaySpec]]
    namespaces: Mapping[str, Mapping[str, str]]
    secrets: Mapping[tuple[str, str], SecretData] = field(default_factory=dict)
    readable: frozenset[str] = frozenset()
    gateway_namespaces: frozenset[str] | None = None
    ungranted: frozenset[str] = frozenset()
    keeps_ledger: bool = True

    @classmethod
    def of(
        cls,
        found: Iterable[Found[Any]],
        *,
        namespaces: Mapping[str, Mapping[str, str]],
        secrets: Iterable[SecretData] = (),
        readable: Iterable[str] = (),
        gateway_namespaces: Iterable[str] | None = None,
        keeps_ledger: bool = True,
    ) -> "Inventory":
        """Return an inventory whose every mapping is sorted, so that equal contents compile to equal bytes."""
        by_kind: dict[Kind, dict[str, Found[Any]]] = {kind: {} for kind in Kind}
        for each in sorted(found, key=lambda one: (one.ref.kind, one.ref.namespace, one.ref.name)):
            by_kind[each.ref.kind][each.ref.id] = each
        return cls(
            providers=by_kind[Kind.MODEL_PROVIDER],
            policies=by_kind[Kind.ROUTE_POLICY],
            gateways=by_kind[Kind.MODEL_GATEWAY],
            namespaces=dict(sorted(namespaces.items())),
            secrets={(secret.namespace, secret.name): secret for secret in _by_name(secrets)},
            readable=frozenset(readable),
            gateway_namespaces=None if gateway_namespaces is None else frozenset(gateway_namespaces),
            keeps_ledger=keeps_ledger,
        )

    def compiles_like(self, other: "Inventory") -> bool:
        """Say whether nothing that a compilation looks at differs: a new status alone makes no new compilation."""
        return (
            all(_are_alike(ours, theirs) for ours, theirs in zip(self._kinds(), other._kinds(), strict=True))
            and self.namespaces == other.namespaces
            and self.secrets == other.secrets
            and self.readable == other.readable
            and self.gateway_namespaces == other.gateway_namespaces
        )

    def find(self, ref: ObjectRef) -> Found[Any] | None:
        match ref.kind:
            case Kind.MODEL_PROVIDER:
                return self.providers.get(ref.id)
            case Kind.ROUTE_POLICY:
                return self.policies.get(ref.id)
            case Kind.MODEL_GATEWAY:
                return self.gateways.get(ref.id)

    def _kinds(self) -> tuple[Mapping[str, Found[Any]], ...]:
        return self.providers, self.policies, self.gateways

    def labels_of(self, namespace: str) -> dict[str, str]:
        return dict(self.namespaces.get(namespace, {}))


def _are_alike(ours: Mapping[str, Found[Any]], theirs: Mapping[str, Found[Any]]) -> bool:
    """Say whether both hold the same objects in the same generations."""
    return len(ours) == len(theirs) and all(
        one is other or (one.ref, one.uid, one.generation) == (other.ref, other.uid, other.generation)
        for one, other in zip(ours.values(), theirs.values(), strict=True)
    )


def _by_name(secrets: Iterable[SecretData]) -> list[SecretData]:
    return sorted(secrets, key=lambda secret: (secret.namespace, secret.name))
