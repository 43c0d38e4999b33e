"""From ModelProvider to the fragments of the gateways that hold it, and the keys that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fairlead_operator.compiler.last_good import find_last_good
from fairlead_operator.compiler.provider_document import provider_document
from fairlead_operator.compiler.references import find_gateway, find_key, gateway_missing
from fairlead_operator.compiler.rulings import ACCEPTED, NOT_LOOKED_AT, internal_error, refusal_of, resolution
from fairlead_operator.compiler.scope import ConsumerLists, Scope
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.provider import ModelProviderSpec
from fairlead_operator.verdict import Reason, Ruling, Truth, Verdict
from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.snapshot import Fragment


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """`held`: by gateway, what it serves. `keys`: those of its credentials that have one, by key ring name."""

    verdict: Verdict
    held: Mapping[str, tuple[Provider, Fragment]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def keyless(self) -> bool:
        documents = [document for document, _ in self.held.values()]
        return any(credential.secret for document in documents for credential in document.credentials) and not self.keys


def compile_provider(found: Found[ModelProviderSpec], scope: Scope, consumers: ConsumerLists) -> ProviderResult:
    """Never raises: a fault of ours becomes the verdict InternalError, with the last good in force."""
    if found.spec is None:
        return _last_good(found, refusal_of(found), scope)
    try:
        return _compile(found, found.spec, scope, consumers)
    except Exception as error:  # one object must never spoil another
        return _last_good(found, internal_error(error), scope)


def _compile(
    found: Found[ModelProviderSpec], spec: ModelProviderSpec, scope: Scope, consumers: ConsumerLists
) -> ProviderResult:
    gateways, failures = _gateways_of(found, spec, scope)
    held: dict[str, tuple[Provider, Fragment]] = {}
    for gateway_id in gateways:
        document = provider_document(found.ref.id, spec, consumers.resolve(gateway_id, spec.consumers))
        held[gateway_id] = document, Fragment.of(document, uid=found.uid, generation=found.generation)
    secrets = [
        (credential.name, f"{credential.secret_ref.name}/{credential.secret_ref.key}")
        for credential in spec.credentials
    ]
    keys, missing = _keys_of(found, secrets, scope)
    serves = bool(gateways or not failures) and bool(keys or not missing)
    verdict = Verdict.on(found, ACCEPTED, resolution([*failures, *missing], serves=serves), _hashes(held))
    return ProviderResult(verdict, held, keys)


def _last_good(found: Found[ModelProviderSpec], accepted: Ruling, scope: Scope) -> ProviderResult:
    """Keep what each gateway serves of it, where its namespace is still admitted; its Secrets are read as of now."""
    held: dict[str, tuple[Provider, Fragment]] = {}
    for gateway_id in scope.gateways:
        kept = find_last_good(scope.last_good, gateway_id, found, Provider)
        if kept is not None and find_gateway(scope.gateways, gateway_id, found.ref.namespace):
            held[gateway_id] = kept
    if not held:
        return ProviderResult(Verdict.on(found, accepted, NOT_LOOKED_AT, withdrawn=True))
    newest, fragment = max(held.values(), key=lambda kept: kept[1].header.generation)
    secrets = [(credential.name, credential.secret) for credential in newest.credentials if credential.secret]
    keys, missing = _keys_of(found, secrets, scope)
    resolved = resolution(missing, serves=bool(keys)) if missing else NOT_LOOKED_AT
    verdict = Verdict.on(found, accepted, resolved, _hashes(held), rolled_back_to=fragment.header.generation)
    return ProviderResult(verdict, held, keys)


def _gateways_of(
    found: Found[ModelProviderSpec], spec: ModelProviderSpec, scope: Scope
) -> tuple[list[str], list[Ruling]]:
    """Return the gateways that hold this provider, sorted, and a failure for each reference that leads nowhere."""
    namespace = found.ref.namespace
    if spec.gateway_refs is None:
        return sorted(key for key, gateway in scope.gateways.items() if gateway.admits(namespace)), []
    held: set[str] = set()
    failures: list[Ruling] = []
    for position, reference in enumerate(spec.gateway_refs):
        gateway_id = reference.id(namespace)
        if find_gateway(scope.gateways, gateway_id, namespace):
            held.add(gateway_id)
        else:
            message = gateway_missing(f"spec.gatewayRefs[{position}]", gateway_id)
            failures.append(Ruling(Truth.FALSE, Reason.GATEWAY_NOT_FOUND, message))
    return sorted(held), failures


def _keys_of(
    found: Found[ModelProviderSpec], secrets: list[tuple[str, str]], scope: Scope
) -> tuple[dict[str, str], list[Ruling]]:
    """Return the keys of these (credential, `Secret/key`) pairs by key ring name, and a failure for each other one."""
    keys: dict[str, str] = {}
    failures: list[Ruling] = []
    for name, secret in secrets:
        key = find_key(scope.inventory, found.ref.namespace, secret, scope.account)
        if isinstance(key, str):
            keys[f"{found.ref.id}/{name}"] = key
        elif key.reason is Reason.SECRET_NOT_PERMITTED:
            failures.append(key)
        else:
            failures.append(Ruling(key.truth, key.reason, f"spec.credentials[{name}].secretRef: {key.message}"))
    return keys, failures


def _hashes(held: Mapping[str, tuple[Provider, Fragment]]) -> dict[str, str]:
    return {gateway: fragment.header.hash for gateway, (_, fragment) in held.items()}
