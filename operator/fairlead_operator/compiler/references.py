"""How references resolve, and whether their owner consents: a missing object and a missing consent look the same."""

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead_operator.compiler.key_material import KeyFault, read_key
from fairlead_operator.inventory import Inventory
from fairlead_operator.verdict import Reason, Ruling, Truth
from fairlead_proxy.contract.config import Gateway, Provider, Target
from fairlead_proxy.contract.names import ProviderType

SECRET_READER = "fairlead-secret-reader"  # noqa: S105 (the name of a ClusterRole)
_SHOWN_MODELS = 8


@dataclass(frozen=True, slots=True)
class HeldProvider:
    """A provider as one gateway holds it. `keyless`: none of its credentials has a key. `withheld`: not published."""

    document: Provider
    keyless: bool
    consumers: frozenset[str]
    withheld: bool = False

    @classmethod
    def of(cls, document: Provider, *, keyless: bool, withheld: bool = False) -> "HeldProvider":
        return cls(document, keyless, frozenset((document.namespace, *document.consumers.namespaces)), withheld)


@dataclass(frozen=True, slots=True)
class OpenGateway:
    """A gateway that is honoured. `tenants` None: it admits every namespace."""

    document: Gateway
    tenants: frozenset[str] | None

    @classmethod
    def of(cls, document: Gateway) -> "OpenGateway":
        return cls(document, None if document.tenants is None else frozenset((document.namespace, *document.tenants)))

    def admits(self, namespace: str) -> bool:
        return self.tenants is None or namespace in self.tenants


def find_gateway(gateways: Mapping[str, OpenGateway], gateway_id: str, namespace: str) -> Gateway | None:
    """Return the gateway if it is honoured and admits the namespace of the object that refers to it."""
    gateway = gateways.get(gateway_id)
    return gateway.document if gateway is not None and gateway.admits(namespace) else None


def gateway_missing(field: str, gateway_id: str) -> str:
    return f"{field}: no ModelGateway {gateway_id} exists that admits this namespace; name one that does"


def find_target(
    held: Mapping[str, HeldProvider], gateway_id: str, namespace: str, target: Target, field: str
) -> HeldProvider | str:
    """Return the provider of a target, or the problem: one text for absent, not held, not accepted, not permitted."""
    provider = held.get(target.provider)
    if provider is None or namespace not in provider.consumers:
        return (
            f"{field}.provider: no ModelProvider {target.provider} is offered to this namespace by the gateway "
            f"{gateway_id}; correct it, or ask its owner"
        )
    if provider.document.model(target.model) is None:
        names = [model.name for model in provider.document.models]
        more = ", …" if len(names) > _SHOWN_MODELS else ""
        return (
            f"{field}.model: the ModelProvider {target.provider} has no model {target.model!r}; "
            f"it has {', '.join(names[:_SHOWN_MODELS])}{more}"
        )
    return provider


def find_key(
    inventory: Inventory, namespace: str, secret: str, account: str, provider_type: ProviderType
) -> str | Ruling:
    """Return the key that `Secret/key` of this namespace holds, or why there is none. Nothing of it is ever quoted.

    `account`: the operator's ServiceAccount as `namespace:name`, for the command that permits it to read.
    """
    value = find_value(inventory, namespace, secret, account, wanted="the API key")
    if isinstance(value, Ruling):
        return value
    found = read_key(provider_type, value)
    if isinstance(found, KeyFault):
        name, _, key = secret.partition("/")
        return _failed(Reason.SECRET_KEY_MISSING, f"the key {key} of the Secret {name} {found.message}")
    return found


def find_value(inventory: Inventory, namespace: str, secret: str, account: str, *, wanted: str) -> bytes | Ruling:
    """Return what `Secret/key` of this namespace holds, without line ends behind it, or why it is not to be had.

    `wanted` says what belongs there; `account` as in `find_key`.
    """
    name, _, key = secret.partition("/")
    if namespace not in inventory.readable:
        return not_permitted(namespace, account)
    found = inventory.secrets.get((namespace, name))
    if found is None:
        return _failed(Reason.SECRET_NOT_FOUND, f"the Secret {name} does not exist in the namespace {namespace}")
    value = found.data.get(key, b"").rstrip(b"\r\n")
    if not value:
        return _failed(
            Reason.SECRET_KEY_MISSING, f"the Secret {name} has no data under the key {key}; put {wanted} there"
        )
    return value


def not_permitted(namespace: str, account: str) -> Ruling:
    """Return the ruling whose message holds the exact command that lets the operator read this namespace's Secrets."""
    return _failed(
        Reason.SECRET_NOT_PERMITTED,
        f"the operator may not read the Secrets of {namespace}; to permit it: kubectl create rolebinding "
        f"{SECRET_READER} -n {namespace} --clusterrole={SECRET_READER} --serviceaccount={account}",
    )


def _failed(reason: Reason, message: str) -> Ruling:
    return Ruling(Truth.FALSE, reason, message)
