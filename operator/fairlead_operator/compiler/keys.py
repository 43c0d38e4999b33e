"""Callers' API keys out of labelled Secrets, and which namespaces' Secrets matter at all."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from fairlead_operator.compiler.provider_document import ca_secret_of
from fairlead_operator.compiler.references import OpenGateway
from fairlead_operator.compiler.scope import Scope, attached_namespaces
from fairlead_operator.inventory import Inventory, SecretData
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_operator.resources.meta import KEY_LABEL, TENANT_NAMESPACE_LABEL, LabelSelector
from fairlead_operator.resources.provider import ModelProviderSpec
from fairlead_proxy.contract.keys import CallerKey, fingerprint

KEY_ENTRY = "key"
EXPIRY_ENTRY = "expiresAt"
SHORTEST_KEY = 16
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CallerKeys:
    """`left_out`: one line for each labelled Secret that gives no key; never anything of its content."""

    keys: tuple[CallerKey, ...] = ()
    left_out: tuple[str, ...] = ()

    def note(self) -> str:
        """Return what the gateway's owner shall know; empty where every Secret gave its key."""
        if not self.left_out:
            return ""
        more = f"; and {len(self.left_out) - _SHOWN} more" if len(self.left_out) > _SHOWN else ""
        plural = "API key" if len(self.left_out) == 1 else "API keys"
        return f"{len(self.left_out)} {plural} left out: {'; '.join(self.left_out[:_SHOWN])}{more}"


def caller_keys(gateway: OpenGateway, scope: Scope, secrets: Mapping[str, Iterable[SecretData]]) -> CallerKeys:
    """Return the keys that this gateway's callers may use; `secrets` are the labelled ones by namespace.

    Of two Secrets with the same key the first counts, the gateway's own namespace before all others.
    """
    document = gateway.document
    if not document.api_keys:
        return CallerKeys()
    selector = LabelSelector.model_validate_json(document.key_selector or "{}")
    keys: dict[str, CallerKey] = {}
    left_out: list[str] = []
    for namespace in dict.fromkeys((document.namespace, *scope.attached[document.id])):
        for secret in secrets.get(namespace, ()):
            if not selector.selects(secret.labels):
                continue
            read = _read(secret, gateway)
            if isinstance(read, CallerKey) and read.sha256 in keys:
                read = f"the same key as {keys[read.sha256].name}"
            if isinstance(read, CallerKey):
                keys[read.sha256] = read
            else:
                left_out.append(f"{namespace}/{secret.name}: {read}")
    return CallerKeys(tuple(sorted(keys.values(), key=lambda key: (key.name, key.sha256))), tuple(left_out))


def labelled_secrets(inventory: Inventory) -> dict[str, list[SecretData]]:
    """Return the Secrets that are labelled to hold a caller's key, by namespace."""
    labelled: dict[str, list[SecretData]] = {}
    for secret in inventory.secrets.values():
        if secret.labels.get(KEY_LABEL) == "true" and secret.namespace in inventory.readable:
            labelled.setdefault(secret.namespace, []).append(secret)
    return labelled


def secret_namespaces_of(inventory: Inventory, gateways: Mapping[str, OpenGateway]) -> frozenset[str]:
    """Return the namespaces whose Secrets the present resources refer to, readable or not."""
    wanted = {found.ref.namespace for found in inventory.providers.values() if _may_need_secrets(found.spec)}
    attached = attached_namespaces(inventory, gateways, {})
    for gateway in gateways.values():
        if gateway.document.api_keys:
            wanted.add(gateway.document.namespace)
            wanted.update(attached[gateway.document.id])
        if any(listener.secret for listener in gateway.document.listeners):
            wanted.add(gateway.document.namespace)
    wanted.update(found.ref.namespace for key, found in inventory.gateways.items() if key in gateways and _ships(found))
    return frozenset(wanted)


def _ships(found: Found[ModelGatewaySpec]) -> bool:
    """Say whether a Secret holds the address of this gateway's ledger."""
    return found.spec is not None and found.spec.ledger is not None and found.spec.ledger.postgres is not None


def _may_need_secrets(spec: ModelProviderSpec | None) -> bool:
    """Say whether a provider names a Secret; an invalid one may go on with the Secrets of its last good version."""
    return spec is None or bool(spec.credentials or ca_secret_of(spec))


def _read(secret: SecretData, gateway: OpenGateway) -> CallerKey | str:
    """Return the key of a Secret, or why it gives none."""
    tenant = secret.labels.get(TENANT_NAMESPACE_LABEL, secret.namespace)
    if tenant != secret.namespace and secret.namespace != gateway.document.namespace:
        return f"the label {TENANT_NAMESPACE_LABEL} may name another namespace only in the gateway's own"
    if not gateway.admits(tenant):
        return f"the gateway does not admit the namespace {tenant}"
    value = secret.data.get(KEY_ENTRY, b"").rstrip(b"\r\n")
    if len(value) < SHORTEST_KEY:
        return f"shorter than {SHORTEST_KEY} characters"
    if any(not 0x20 < byte < 0x7F for byte in value):
        return "holds spaces, control or non-ASCII characters"
    expires_at = _expiry(secret.data.get(EXPIRY_ENTRY))
    if isinstance(expires_at, str):
        return expires_at
    return CallerKey(
        sha256=fingerprint(value.decode("ascii")),
        tenant=tenant,
        name=f"{secret.namespace}/{secret.name}",
        expires_at=expires_at,
    )


def _expiry(value: bytes | None) -> float | str | None:
    """Return the instant in Unix seconds, None where the key never expires, or why it cannot be read."""
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value.decode("ascii").strip())
    except (UnicodeDecodeError, ValueError):
        return f"{EXPIRY_ENTRY} is no RFC 3339 time such as 2027-01-31T00:00:00Z"
    if instant.tzinfo is None:
        return f"{EXPIRY_ENTRY} names no time zone; write for example 2027-01-31T00:00:00Z"
    return instant.timestamp()
