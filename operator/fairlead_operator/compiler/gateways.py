"""From ModelGateway to what its whole fleet shares."""

from dataclasses import dataclass, replace

from fairlead_operator.compiler.last_good import LastGood, find_last_good
from fairlead_operator.compiler.references import find_value
from fairlead_operator.compiler.resilience import merge_resilience
from fairlead_operator.compiler.rulings import ACCEPTED, NOT_LOOKED_AT, RESOLVED, internal_error, refusal_of
from fairlead_operator.inventory import Inventory
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.gateway import EgressSpec, ModelGatewaySpec
from fairlead_operator.resources.meta import duration_seconds
from fairlead_operator.verdict import Reason, Ruling, Truth, Verdict
from fairlead_proxy.contract.config import AllowedNetwork, Egress, Gateway, Listener, Resilience
from fairlead_proxy.contract.snapshot import Fragment

BUILT_IN = Resilience()
POSTGRES_SCHEMES = (b"postgres://", b"postgresql://")
NO_STORE = (
    "spec.ledger: it names no store, and a pod's own disk goes with the pod; add postgres, jsonLines or otlp, or "
    "remove ledger"
)


@dataclass(frozen=True, slots=True)
class GatewayResult:
    """A gateway's verdict, and what its fleet serves of it: None where it is not honoured."""

    verdict: Verdict
    document: Gateway | None = None
    fragment: Fragment | None = None


def compile_gateway(found: Found[ModelGatewaySpec], inventory: Inventory, last_good: LastGood) -> GatewayResult:
    """Never raises: a fault of ours becomes the verdict InternalError, with the last good in force."""
    refused = _refusal_to_run(found, inventory)
    if refused is not None:
        # A fleet that we may not touch goes on serving what it has: that nothing is served is not ours to say.
        withdrawn = found.ref.id not in inventory.ungranted
        return GatewayResult(Verdict.on(found, refused, Ruling(Truth.UNKNOWN, refused.reason), withdrawn=withdrawn))
    if found.spec is None:
        return _last_good(found, refusal_of(found), last_good)
    if _lacks_store(found.spec, inventory):
        return _last_good(found, Ruling(Truth.FALSE, Reason.INVALID, NO_STORE), last_good)
    try:
        document = gateway_document(found.ref.id, found.spec, inventory)
        fragment = Fragment.of(document, uid=found.uid, generation=found.generation)
    except Exception as error:  # one object must never spoil another
        return _last_good(found, internal_error(error), last_good)
    verdict = Verdict.on(found, ACCEPTED, RESOLVED, {found.ref.id: fragment.header.hash})
    return GatewayResult(verdict, document, fragment)


def gateway_document(gateway_id: str, spec: ModelGatewaySpec, inventory: Inventory) -> Gateway:
    api_keys = spec.auth.api_keys
    return Gateway(
        id=gateway_id,
        listeners=tuple(
            Listener(name=each.name, port=each.port, secret=each.tls.secret_name if each.tls else "")
            for each in spec.listeners
        ),
        api_keys=api_keys is not None,
        key_selector=api_keys.selector.model_dump_json(by_alias=True, exclude_defaults=True) if api_keys else "",
        tenants=_tenants(gateway_id, spec, inventory),
        egress=_egress(spec.egress),
        max_attempts=spec.enforce.max_attempts,
        drain_seconds=duration_seconds(spec.proxy.drain.timeout),
        defaults=merge_resilience(spec.defaults, BUILT_IN),
        decision_ring=spec.telemetry.decision_ring,
    )


def missing_address(found: Found[ModelGatewaySpec], inventory: Inventory, account: str) -> Ruling | None:
    """Return why the address of the ledger's database is not to be had; None where it is, or none is wanted.

    The fleet serves without it all the same. `account` as in `find_key`.
    """
    if found.spec is None or found.spec.ledger is None or found.spec.ledger.postgres is None:
        return None
    secret, field = found.spec.ledger.postgres.secret_ref, "spec.ledger.postgres.secretRef: "
    wanted = "an address such as postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    value = find_value(inventory, found.ref.namespace, f"{secret.name}/{secret.key}", account, wanted=wanted)
    if isinstance(value, Ruling):
        return replace(value, message=field + value.message)
    if not value.startswith(POSTGRES_SCHEMES):
        message = f"{field}the key {secret.key} of the Secret {secret.name} holds something else; put {wanted} there"
        return Ruling(Truth.FALSE, Reason.SECRET_KEY_MISSING, message)
    return None


def _lacks_store(spec: ModelGatewaySpec, inventory: Inventory) -> bool:
    """Say whether the records of a ledger would go nowhere."""
    return not inventory.keeps_ledger and spec.ledger is not None and not spec.ledger.has_store


def _tenants(gateway_id: str, spec: ModelGatewaySpec, inventory: Inventory) -> tuple[str, ...] | None:
    """Return the admitted namespaces, the own one always; None for a selector that selects all, also later ones."""
    selector = spec.tenants.namespace_selector
    if selector is not None and selector.selects_all:
        return None
    own = gateway_id.partition("/")[0]
    admitted = {name for name, labels in inventory.namespaces.items() if spec.tenants.selects(labels)}
    return tuple(sorted(admitted | {own}))


def _egress(spec: EgressSpec) -> Egress:
    return Egress(
        allow_hosts=None if spec.allow_hosts is None else tuple(spec.allow_hosts),
        allow_networks=tuple(
            AllowedNetwork(cidr=allowed.cidr, namespaces=tuple(sorted(allowed.namespaces)))
            for allowed in spec.allow_cidrs
        ),
        deny_private_ranges=spec.deny_private_ranges,
    )


def _last_good(found: Found[ModelGatewaySpec], accepted: Ruling, last_good: LastGood) -> GatewayResult:
    kept = find_last_good(last_good, found.ref.id, found, Gateway)
    if kept is None:
        return GatewayResult(Verdict.on(found, accepted, NOT_LOOKED_AT, withdrawn=True))
    document, fragment = kept
    hashes, generation = {found.ref.id: fragment.header.hash}, fragment.header.generation
    verdict = Verdict.on(found, accepted, NOT_LOOKED_AT, hashes, rolled_back_to=generation)
    return GatewayResult(verdict, document, fragment)


def _refusal_to_run(found: Found[ModelGatewaySpec], inventory: Inventory) -> Ruling | None:
    namespace, honoured = found.ref.namespace, inventory.gateway_namespaces
    if honoured is not None and namespace not in honoured:
        return Ruling(
            Truth.FALSE,
            Reason.NOT_ALLOWED,
            f"the operator runs no gateways in the namespace {namespace}; add it to the chart value gatewayNamespaces",
        )
    if found.ref.id in inventory.ungranted:
        return Ruling(
            Truth.FALSE,
            Reason.NOT_ALLOWED,
            f"the operator has no right to run gateways in the namespace {namespace}; the chart grants it by the value "
            "gatewayNamespaces: add the namespace there, or upgrade the release so that its RoleBinding is made again",
        )
    return None
