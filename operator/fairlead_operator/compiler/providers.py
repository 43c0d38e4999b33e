"""From ModelProvider to the fragments of the gateways that hold it, and the keys that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from fairlead_operator.compiler.authorities import find_authorities
from fairlead_operator.compiler.last_good import find_last_good
from fairlead_operator.compiler.provider_document import ca_secret_of, provider_document
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
    """`held`: by gateway, what it serves. `keys`: those of its credentials that have one, by key ring name.

    `withheld`: nothing of it is published, since the authorities that shall vouch for it are not known: with the
    system's in their place, a stranger could be taken for it.
    """

    verdict: Verdict
    held: Mapping[str, tuple[Provider, Fragment]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    withheld: bool = False

    @property
    def keyless(self) -> bool:
        documents = [document for document, _ in self.held.values()]
        needed = any(credential.secret for document in documents for credential in document.credentials)
        return needed and not self.keys and not self.withheld


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
    authorities, untrusted = _authorities_of(found, ca_secret_of(spec), scope)
    held: dict[str, tuple[Provider, Fragment]] = {}
    for gateway_id in gateways:
        document = provider_document(found.ref.id, spec, consumers.resolve(gateway_id, spec.consumers), authorities)
        held[gateway_id] = document, Fragment.of(document, uid=found.uid, generation=found.generation)
    secrets = [
        (credential.name, f"{credential.secret_ref.name}/{credential.secret_ref.key}")
        for credential in spec.credentials
    ]
    keys, missing = _keys_of(found, secrets, scope)
    serves = not untrusted and bool(gateways or not failures) and bool(keys or not missing)
    resolved = resolution([*untrusted, *failures, *missing], serves=serves)
    if untrusted and held:
        return ProviderResult(_verdict(found, ACCEPTED, resolved, {}, withdrawn=True), held, withheld=True)
    return ProviderResult(_verdict(found, ACCEPTED, resolved, held), held, keys)


def _last_good(found: Found[ModelProviderSpec], accepted: Ruling, scope: Scope) -> ProviderResult:
    """Keep what each gateway serves of it, where its namespace is still admitted; its Secrets are read as of now.

    A version whose authorities are gone is not kept: once it is out of the snapshot, nothing is left to go back to.
    """
    held: dict[str, tuple[Provider, Fragment]] = {}
    for gateway_id in scope.gateways:
        kept = find_last_good(scope.last_good, gateway_id, found, Provider)
        if kept is not None and find_gateway(scope.gateways, gateway_id, found.ref.namespace):
            authorities, untrusted = _authorities_of(found, kept[0].ca_secret, scope)
            if not untrusted:
                held[gateway_id] = _with_authorities(*kept, authorities)
    if not held:
        return ProviderResult(_verdict(found, accepted, NOT_LOOKED_AT, {}, withdrawn=True))
    newest, fragment = max(held.values(), key=lambda kept: kept[1].header.generation)
    secrets = [(credential.name, credential.secret) for credential in newest.credentials if credential.secret]
    keys, missing = _keys_of(found, secrets, scope)
    resolved = resolution(missing, serves=bool(keys)) if missing else NOT_LOOKED_AT
    verdict = _verdict(found, accepted, resolved, held, rolled_back_to=fragment.header.generation)
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
        else:
            failures.append(_in_field(f"spec.credentials[{name}].secretRef", key))
    return keys, failures


def _authorities_of(found: Found[ModelProviderSpec], secret: str, scope: Scope) -> tuple[str, list[Ruling]]:
    """Return the certificates under `Secret/key`, none where it is empty, and the failure where they cannot be had."""
    if not secret:
        return "", []
    authorities = find_authorities(scope.inventory, found.ref.namespace, secret, scope.account)
    if isinstance(authorities, str):
        return authorities, []
    return "", [_in_field("spec.endpoint.caRef", authorities)]


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


def _verdict(
    found: Found[ModelProviderSpec],
    accepted: Ruling,
    resolved: Ruling,
    held: Mapping[str, tuple[Provider, Fragment]],
    *,
    rolled_back_to: int | None = None,
    withdrawn: bool = False,
) -> Verdict:
    return Verdict(
        ref=found.ref,
        uid=found.uid,
        generation=found.generation,
        accepted=accepted,
        resolved_refs=resolved,
        fragments={gateway: fragment.header.hash for gateway, (_, fragment) in held.items()},
        rolled_back_to=rolled_back_to,
        withdrawn=withdrawn,
    )
