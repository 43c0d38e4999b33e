"""From all resources at one moment to what each fleet serves, with a verdict on every one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fairlead_operator.compiler.certificates import ShownCertificates, find_certificates
from fairlead_operator.compiler.conflicts import settle_conflicts
from fairlead_operator.compiler.gateways import GatewayResult, compile_gateway, missing_address
from fairlead_operator.compiler.keys import CallerKeys, caller_keys, labelled_secrets, secret_namespaces_of
from fairlead_operator.compiler.last_good import LastGood
from fairlead_operator.compiler.memory import Kept
from fairlead_operator.compiler.policies import PolicyMemory, Served, compile_policy
from fairlead_operator.compiler.providers import KeptProviders, ProviderResult, compile_provider
from fairlead_operator.compiler.references import HeldProvider, OpenGateway, not_permitted
from fairlead_operator.compiler.room import Room
from fairlead_operator.compiler.rulings import clip
from fairlead_operator.compiler.scope import ConsumerLists, Scope
from fairlead_operator.compiler.verdicts import Users, policy_verdict, provider_verdict
from fairlead_operator.inventory import Inventory
from fairlead_operator.price_book.book import NO_PRICES, PricesNow
from fairlead_operator.resources.found import Found
from fairlead_operator.resources.gateway import ModelGatewaySpec
from fairlead_operator.resources.meta import Kind, ObjectRef
from fairlead_operator.resources.provider import ModelProviderSpec
from fairlead_operator.verdict import Verdict
from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.keys import KeyRing
from fairlead_proxy.contract.snapshot import Document, Fragment, revision_of

OPERATOR_ACCOUNT = "fairlead-system:fairlead-operator"


@dataclass(frozen=True, slots=True)
class CompiledGateway:
    """What one fleet serves. `keys` holds no admin tokens: whoever publishes adds them.

    `providers` are those among the fragments, decoded.
    `spec` None: the gateway as it is written now is invalid, and its last good fragment is in force; its fleet stays
    as it is.
    """

    id: str
    uid: str
    generation: int
    revision: str
    fragments: tuple[Fragment, ...]
    providers: tuple[Provider, ...]
    keys: KeyRing
    spec: ModelGatewaySpec | None


@dataclass(frozen=True, slots=True)
class Compilation:
    gateways: Mapping[str, CompiledGateway]
    verdicts: Mapping[ObjectRef, Verdict]


@dataclass(frozen=True, slots=True)
class CompilerMemory:
    """What one compilation leaves to the next, so that an object with nothing new about it is not compiled again.

    It belongs to whoever compiles again and again; with an empty one the same comes out, later.
    """

    providers: KeptProviders = field(default_factory=Kept)
    policies: PolicyMemory = field(default_factory=PolicyMemory)
    rooms: dict[str, Room] = field(default_factory=dict)

    def room(self, gateway: str) -> Room:
        return self.rooms.setdefault(gateway, Room())

    def forget_others(self, inventory: Inventory) -> None:
        """Forget what does not exist any more."""
        for gone in [gateway for gateway in self.rooms if gateway not in inventory.gateways]:
            del self.rooms[gone]
        self.providers.forget_others(inventory.providers)
        self.policies.forget_others(inventory.policies)


def compile_inventory(
    inventory: Inventory,
    last_good: LastGood | None = None,
    *,
    operator_account: str = OPERATOR_ACCOUNT,
    memory: CompilerMemory | None = None,
    prices: PricesNow = NO_PRICES,
) -> Compilation:
    """Return what each honoured gateway's fleet serves, and a verdict on every object; equal input, equal bytes.

    `last_good` is what is published now, by gateway id and `Fragment.key`; `operator_account` (`namespace:name`)
    stands in the command that would permit the operator to read a Secret. `memory` only saves work. `prices`: those of
    models whose owners give none.
    """
    last_good = last_good or {}
    memory = memory or CompilerMemory()
    memory.forget_others(inventory)
    results = _gateways(inventory, last_good)
    gateways = _open(results)
    scope = Scope.of(inventory, gateways, last_good, operator_account, prices)
    consumers = ConsumerLists(scope)
    providers = {
        key: compile_provider(found, scope, consumers, memory.providers) for key, found in inventory.providers.items()
    }
    held = _held(gateways, providers)
    memory.policies.begin(gateways, held)
    policies = [compile_policy(found, scope, held, memory.policies) for found in inventory.policies.values()]
    by_age = sorted(policies, key=lambda result: result.age)
    losers = settle_conflicts(by_age)
    served = [each.served for each in by_age if each.served is not None and each.verdict.ref.id not in losers]
    loads = _loads(inventory, results, providers, served)
    left_out = {gateway: load.without_room(memory.room(gateway)) for gateway, load in loads.items()}
    users = Users.of(each for each in served if each.fragment.key not in left_out[each.gateway])
    callers = _callers(gateways, scope)
    shown = {key: find_certificates(each.document, inventory, operator_account) for key, each in gateways.items()}
    verdicts = [_gateway_verdict(result, callers, shown, users, scope) for result in results.values()]
    verdicts += [provider_verdict(result, users, left_out) for result in providers.values()]
    verdicts += [policy_verdict(result, losers, left_out) for result in policies]
    keys = {gateway: _key_ring(gateway, providers, callers[gateway], shown[gateway]) for gateway in gateways}
    return Compilation(
        {
            key: _compiled(inventory.gateways[key], results[key], loads[key], left_out[key], keys[key])
            for key in gateways
        },
        {verdict.ref: verdict for verdict in verdicts},
    )


def secret_namespaces(inventory: Inventory, last_good: LastGood | None = None) -> frozenset[str]:
    """Return the namespaces whose Secrets matter now: those of providers' keys, and of callers' keys."""
    return secret_namespaces_of(inventory, _open(_gateways(inventory, last_good or {})))


@dataclass(slots=True)
class _Load:
    """The fragments of one gateway, each list by age of its object."""

    gateway: Fragment
    providers: list[Fragment] = field(default_factory=list)
    policies: list[Fragment] = field(default_factory=list)

    def without_room(self, room: Room) -> frozenset[str]:
        """Return the keys of the fragments that do not fit; of a namespace policies stay out before providers."""
        return room.leave_out([self.gateway], [*self.providers, *self.policies])

    def packed(self, left_out: frozenset[str]) -> tuple[Fragment, ...]:
        fragments = [self.gateway, *self.providers, *self.policies]
        return tuple(sorted((each for each in fragments if each.key not in left_out), key=lambda each: each.key))


def _gateways(inventory: Inventory, last_good: LastGood) -> dict[str, GatewayResult]:
    return {key: compile_gateway(found, inventory, last_good) for key, found in inventory.gateways.items()}


def _open(results: Mapping[str, GatewayResult]) -> dict[str, OpenGateway]:
    return {key: OpenGateway.of(result.document) for key, result in results.items() if result.document is not None}


def _held(gateways: Iterable[str], providers: Mapping[str, ProviderResult]) -> dict[str, dict[str, HeldProvider]]:
    held: dict[str, dict[str, HeldProvider]] = {gateway: {} for gateway in gateways}
    for key, result in providers.items():
        for gateway, (provider, _) in result.held.items():
            held[gateway][key] = provider
    return held


def _loads(
    inventory: Inventory,
    results: Mapping[str, GatewayResult],
    providers: Mapping[str, ProviderResult],
    served: Iterable[Served],
) -> dict[str, _Load]:
    loads = {key: _Load(result.fragment) for key, result in results.items() if result.fragment is not None}
    published = (found for found in inventory.providers.values() if not providers[found.ref.id].withheld)
    for provider in sorted(published, key=_age):
        for gateway, (_, fragment) in providers[provider.ref.id].held.items():
            loads[gateway].providers.append(fragment)
    for policy in served:
        loads[policy.gateway].policies.append(policy.fragment)
    return loads


def _age(found: Found[ModelProviderSpec]) -> tuple[str, str, str]:
    return found.created, found.ref.namespace, found.ref.name


def _callers(gateways: Mapping[str, OpenGateway], scope: Scope) -> dict[str, CallerKeys]:
    secrets = labelled_secrets(scope.inventory)
    return {key: caller_keys(gateway, scope, secrets) for key, gateway in gateways.items()}


def _key_ring(
    gateway: str, providers: Mapping[str, ProviderResult], callers: CallerKeys, shown: ShownCertificates
) -> KeyRing:
    """Return the keys of the providers that this gateway holds, and of no others, its callers' keys, and its
    certificates.
    """
    credentials: dict[str, str] = {}
    for result in providers.values():
        if gateway in result.held:
            credentials.update(result.keys)
    return KeyRing(credentials=credentials, callers=callers.keys, certificates=dict(shown.found))


def _gateway_verdict(
    result: GatewayResult,
    callers: Mapping[str, CallerKeys],
    shown: Mapping[str, ShownCertificates],
    users: Users,
    scope: Scope,
) -> Verdict:
    verdict = result.verdict
    if result.document is None:
        return verdict
    namespace = verdict.ref.namespace
    policies = users.per_gateway.get(verdict.ref.id, 0)
    resolved = verdict.resolved_refs
    note, uncertified = callers[verdict.ref.id].note(), shown[verdict.ref.id].missing
    found = scope.inventory.gateways[verdict.ref.id]
    address = missing_address(found, scope.inventory, scope.account) if verdict.rolled_back_to is None else None
    if result.document.api_keys and namespace not in scope.inventory.readable:
        resolved = not_permitted(namespace, scope.account)
    elif uncertified is not None:
        resolved = uncertified
    elif address is not None:
        resolved = address
    elif note:
        resolved = replace(resolved, message=note)
    return replace(verdict, resolved_refs=replace(resolved, message=clip(resolved.message)), policies=policies)


def _documents(fragments: Iterable[Fragment]) -> Iterable[Document]:
    return (fragment.read() for fragment in fragments if fragment.header.kind == Kind.MODEL_PROVIDER)


def _compiled(
    found: Found[ModelGatewaySpec], result: GatewayResult, load: _Load, left_out: frozenset[str], keys: KeyRing
) -> CompiledGateway:
    fragments = load.packed(left_out)
    return CompiledGateway(
        id=found.ref.id,
        uid=found.uid,
        generation=load.gateway.header.generation,
        revision=revision_of(fragments),
        fragments=fragments,
        providers=tuple(document for document in _documents(fragments) if isinstance(document, Provider)),
        keys=keys,
        spec=found.spec if result.verdict.rolled_back_to is None else None,
    )
