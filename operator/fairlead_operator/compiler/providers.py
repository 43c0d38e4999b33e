"""From ModelProvider to the fragments of the gateways that hold it, and the keys that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from fairlead_operator.compiler.authorities import find_authorities
from fairlead_operator.compiler.last_good import find_last_good
from fairlead_operator.compiler.memory import Kept
from fairlead_operator.compiler.provider_document import ca_secret_of, list_prices_of, provider_document
from fairlead_operator.compiler.references import HeldProvider, find_gateway, find_key, gateway_missing
from fairlead_operator.compiler.rulings import ACCEPTED, NOT_LOOKED_AT, internal_error, refusal_of, resolution
from fairlead_operator.compiler.scope import ConsumerLists, Scope
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.provider import ModelProviderSpec
from fairlead_operator.verdict import Reason, Ruling, Truth, Verdict
from fairlead_proxy.contract.config import Consumers, Provider
from fairlead_proxy.contract.names import MaintenanceState, ProviderType
from fairlead_proxy.contract.price import Price
from fairlead_proxy.contract.snapshot import Fragment


@dataclass(frozen=True, slots=True)
class ProviderResult:
    """`held`: by gateway, what it serves. `keys`: those of its credentials that have one, by key ring name.

    `withheld`: nothing of it is published, since the authorities that shall vouch for it are not known: with the
    system's in their place, a stranger could be taken for it.
    """

    verdict: Verdict
    held: Mapping[str, tuple[HeldProvider, Fragment]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class ProviderInputs:
    """All that a valid provider is compiled from. `gateways`: those that hold it, each with who may use it there.

    `unheld`: a failure for each of its references that leads to no gateway. `keys`: by credential name, the key or why
    there is none. `authorities`: those that vouch for it, empty where the system's do, or why there are none.
    `list_prices`: what models cost whose owner does not say it.
    """

    found: Found[ModelProviderSpec]
    spec: ModelProviderSpec
    gateways: Mapping[str, Consumers]
    unheld: tuple[Ruling, ...]
    keys: Mapping[str, str | Ruling] = field(repr=False)
    authorities: str | Ruling
    list_prices: tuple[Price | None, ...]


KeptProviders = Kept[ProviderInputs, ProviderResult]


def compile_provider(
    found: Found[ModelProviderSpec], scope: Scope, consumers: ConsumerLists, kept: KeptProviders
) -> ProviderResult:
    """Never raises: a fault of ours becomes the verdict InternalError, with the last good in force."""
    if found.spec is None:
        return _last_good(found, refusal_of(found), scope)
    try:
        return kept.result(found.ref.id, _inputs(found, found.spec, scope, consumers), _compile)
    except Exception as error:  # one object must never spoil another
        return _last_good(found, internal_error(error), scope)


def _inputs(
    found: Found[ModelProviderSpec], spec: ModelProviderSpec, scope: Scope, consumers: ConsumerLists
) -> ProviderInputs:
    gateways, unheld = _gateways_of(found, spec, scope)
    secrets = {
        credential.name: f"{credential.secret_ref.name}/{credential.secret_ref.key}" for credential in spec.credentials
    }
    return ProviderInputs(
        found=found.as_written(),
        spec=spec,
        gateways={gateway: consumers.resolve(gateway, spec.consumers) for gateway in gateways},
        unheld=tuple(unheld),
        keys=_keys_of(found, spec.type, secrets, scope),
        authorities=_authorities_of(found, ca_secret_of(spec), scope),
        list_prices=list_prices_of(spec, scope.prices),
    )


def _compile(inputs: ProviderInputs) -> ProviderResult:
    found = inputs.found
    untrusted = [inputs.authorities] if isinstance(inputs.authorities, Ruling) else []
    authorities = inputs.authorities if isinstance(inputs.authorities, str) else ""
    documents: dict[str, tuple[Provider, Fragment]] = {}
    for gateway_id, consumers in inputs.gateways.items():
        document = provider_document(found.ref.id, inputs.spec, consumers, authorities, inputs.list_prices)
        documents[gateway_id] = document, Fragment.of(document, uid=found.uid, generation=found.generation)
    keys, missing = _sorted_out(found.ref.id, inputs.keys)
    serves = not untrusted and bool(documents or not inputs.unheld) and bool(keys or not missing)
    resolved = resolution([*untrusted, *inputs.unheld, *missing], serves=serves)
    if untrusted and documents:
        held = _held(documents, {}, withheld=True)
        return ProviderResult(Verdict.on(found, ACCEPTED, resolved, withdrawn=True), held, withheld=True)
    verdict = Verdict.on(found, ACCEPTED, resolved, _hashes(documents))
    return ProviderResult(replace(verdict, draining=_is_draining(documents)), _held(documents, keys), keys)


def _last_good(found: Found[ModelProviderSpec], accepted: Ruling, scope: Scope) -> ProviderResult:
    """Keep what each gateway serves of it, where its namespace is still admitted; its Secrets are read as of now.

    A version whose authorities are gone is not kept: once it is out of the snapshot, nothing is left to go back to.
    """
    documents: dict[str, tuple[Provider, Fragment]] = {}
    for gateway_id in scope.gateways:
        kept = find_last_good(scope.last_good, gateway_id, found, Provider)
        if kept is not None and find_gateway(scope.gateways, gateway_id, found.ref.namespace):
            authorities = _authorities_of(found, kept[0].ca_secret, scope)
            if isinstance(authorities, str):
                documents[gateway_id] = _with_authorities(*kept, authorities)
    if not documents:
        return ProviderResult(Verdict.on(found, accepted, NOT_LOOKED_AT, withdrawn=True))
    newest, fragment = max(documents.values(), key=lambda kept: kept[1].header.generation)
    secrets = {credential.name: credential.secret for credential in newest.credentials if credential.secret}
    keys, missing = _sorted_out(found.ref.id, _keys_of(found, newest.type, secrets, scope))
    resolved = resolution(missing, serves=bool(keys)) if missing else NOT_LOOKED_AT
    verdict = Verdict.on(found, accepted, resolved, _hashes(documents), rolled_back_to=fragment.header.generation)
    return ProviderResult(replace(verdict, draining=_is_draining(documents)), _held(documents, keys), keys)


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
    found: Found[ModelProviderSpec], provider_type: ProviderType, secrets: Mapping[str, str], scope: Scope
) -> dict[str, str | Ruling]:
    """Return, for each of these credentials with its `Secret/key`, the key or why there is none."""
    return {
        name: find_key(scope.inventory, found.ref.namespace, secret, scope.account, provider_type)
        for name, secret in secrets.items()
    }


def _sorted_out(provider: str, found: Mapping[str, str | Ruling]) -> tuple[dict[str, str], list[Ruling]]:
    """Return the keys by key ring name, and a failure for each credential without one."""
    keys: dict[str, str] = {}
    failures: list[Ruling] = []
    for name, key in found.items():
        if isinstance(key, str):
            keys[f"{provider}/{name}"] = key
        else:
            failures.append(_in_field(f"spec.credentials[{name}].secretRef", key))
    return keys, failures


def _held(
    documents: Mapping[str, tuple[Provider, Fragment]], keys: Mapping[str, str], *, withheld: bool = False
) -> dict[str, tuple[HeldProvider, Fragment]]:
    needed = any(credential.secret for document, _ in documents.values() for credential in document.credentials)
    return {
        gateway: (HeldProvider.of(document, keyless=needed and not keys and not withheld, withheld=withheld), fragment)
        for gateway, (document, fragment) in documents.items()
    }


def _is_draining(documents: Mapping[str, tuple[Provider, Fragment]]) -> bool:
    return any(document.maintenance is MaintenanceState.DRAINING for document, _ in documents.values())


def _hashes(documents: Mapping[str, tuple[Provider, Fragment]]) -> dict[str, str]:
    return {gateway: fragment.header.hash for gateway, (_, fragment) in documents.items()}


def _authorities_of(found: Found[ModelProviderSpec], secret: str, scope: Scope) -> str | Ruling:
    """Return the certificates under `Secret/key`, empty where none is named, or why they cannot be had."""
    if not secret:
        return ""
    authorities = find_authorities(scope.inventory, found.ref.namespace, secret, scope.account)
    if isinstance(authorities, str):
        return authorities
    return _in_field("spec.endpoint.caRef", authorities)


def _with_authorities(document: Provider, fragment: Fragment, authorities: str) -> tuple[Provider, Fragment]:
    """Return a last good version with these certificates: they are read as of now, whenever its spec was good."""
    if document.ca_pem == authorities:
        return document, fragment
    renewed = msgspec.structs.replace(document, ca_pem=authorities)
    return renewed, Fragment.of(renewed, uid=fragment.header.uid, generation=fragment.header.generation)


def _in_field(field: str, failure: Ruling) -> Ruling:
    """Return a failure to read a Secret with the field that names it, which does not matter where none may be read."""
    if failure.reason is Reason.SECRET_NOT_PERMITTED:
        return failure
    return Ruling(failure.truth, failure.reason, f"{field}: {failure.message}")
