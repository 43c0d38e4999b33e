"""The configuration that a fleet of proxies serves: what the compiler makes and what the proxy loads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from msgspec import Struct

from fairlead_proxy.contract.cell import Cell
from fairlead_proxy.contract.names import (
    FALLBACK_CLASSES,
    FailureClass,
    Mode,
    Operation,
    ProbeMode,
    ProviderType,
    Strategy,
)


class Price(Struct, frozen=True, kw_only=True):
    """What a model costs, in `currency` per million tokens; None where the owner gave no figure."""

    currency: str = "USD"
    input: Decimal | None = None
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    output: Decimal | None = None


class Model(Struct, frozen=True, kw_only=True):
    """One model of a provider; `capabilities` None means that the owner makes no claim."""

    name: str
    upstream_name: str
    operations: tuple[Operation, ...] = (Operation.CHAT,)
    capabilities: tuple[str, ...] | None = None
    context_window: int | None = None
    price: Price | None = None


class Credential(Struct, frozen=True, kw_only=True):
    """A key of a provider, by name only; its material stands in the key ring under `provider/name`.

    `secret`: where the compiler reads it, as `Secret/key` in the provider's namespace; the proxy has no use for it.
    """

    name: str
    weight: int = 1
    secret: str = ""


ANONYMOUS = Credential(name="anonymous")
"""The one credential of a provider that declares none: calls go out without a key."""


class Consumers(Struct, frozen=True, kw_only=True):
    """Which namespaces may send calls to a provider, beside its own."""

    namespaces: tuple[str, ...] = ()

    def admits(self, own_namespace: str, namespace: str) -> bool:
        return namespace == own_namespace or namespace in self.namespaces


class PassiveHealth(Struct, frozen=True, kw_only=True):
    """When outcomes of real calls open a breaker. Defaults: design, section 9."""

    window_seconds: float = 30.0
    min_requests: int = 10
    error_rate: float = 0.5
    consecutive: int = 5
    base_cooldown_seconds: float = 5.0
    max_cooldown_seconds: float = 300.0


class ActiveHealth(Struct, frozen=True, kw_only=True):
    mode: ProbeMode = ProbeMode.NONE
    interval_seconds: float = 30.0


class Outage(Struct, frozen=True, kw_only=True):
    """A scheduled outage of a simulated provider: from `after` for `lasts`, again `every` (None: once)."""

    after_seconds: float
    lasts_seconds: float
    every_seconds: float | None = None
    failure: FailureClass = FailureClass.SERVER_ERROR


class Simulation(Struct, frozen=True, kw_only=True):
    """How a simulated provider behaves; deterministic by `seed`."""

    seed: int = 1
    ttft_seconds: float = 0.1
    tokens_per_second: float = 50.0
    error_rate: float = 0.0
    failure: FailureClass = FailureClass.SERVER_ERROR
    outages: tuple[Outage, ...] = ()


class Provider(Struct, frozen=True, kw_only=True):
    """One upstream account. `id` is `namespace/name`; `url` is what an SDK calls base_url, without a trailing slash.

    `ca_pem`: PEM certificates that its certificate is verified against instead of the system's authorities; empty: the
    system's. `ca_secret`: where the compiler reads them, as `Secret/key` in the provider's namespace; the proxy has no
    use for it. `forward_proxy`: the http url of a proxy that every connection goes through by CONNECT; empty: none.
    """

    id: str
    type: ProviderType
    url: str = ""
    ca_pem: str = ""
    ca_secret: str = ""
    forward_proxy: str = ""
    credentials: tuple[Credential, ...] = (ANONYMOUS,)
    models: tuple[Model, ...] = ()
    failure_domain: str = ""
    consumers: Consumers = Consumers()
    passive: PassiveHealth = PassiveHealth()
    active: ActiveHealth = ActiveHealth()
    simulation: Simulation | None = None

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def model(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name == name), None)


class Timeouts(Struct, frozen=True, kw_only=True):
    """The four deadlines of a call, in seconds. Defaults: design, section 11."""

    total_seconds: float = 600.0
    per_try_seconds: float = 120.0
    first_token_seconds: float = 30.0
    idle_seconds: float = 60.0


class Retry(Struct, frozen=True, kw_only=True):
    """Repeats on the same target; `budget_percent` bounds them to a share of the calls."""

    same_target: int = 0
    backoff_base_seconds: float = 0.2
    backoff_max_seconds: float = 2.0
    budget_percent: int = 20


class Resilience(Struct, frozen=True, kw_only=True):
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    fallback_when: frozenset[FailureClass] = FALLBACK_CLASSES


class Target(Struct, frozen=True, kw_only=True):
    """A model at a provider; `provider` is its id. The written form is `namespace/provider/model`."""

    provider: str
    model: str
    priority: int = 0
    weight: int = 1

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


class Match(Struct, frozen=True, kw_only=True):
    """One entry of a rule's match: everything that it names must hold. None or empty: no demand.

    Header names are lower-case; prompt token bounds are inclusive.
    """

    models: tuple[str, ...] = ()
    headers: dict[str, str] = {}
    operations: tuple[Operation, ...] = ()
    prompt_tokens_min: int | None = None
    prompt_tokens_max: int | None = None
    intents: tuple[str, ...] = ()


class Rule(Struct, frozen=True, kw_only=True):
    """The first rule of a policy with an entry that matches serves the call; no entry: it matches all."""

    name: str
    match: tuple[Match, ...] = ()
    strategy: Strategy = Strategy.PRIORITY
    targets: tuple[Target, ...] = ()
    resilience: Resilience = Resilience()


class Policy(Struct, frozen=True, kw_only=True):
    """A tenant's virtual models and the rules that choose targets. `id` is `namespace/name`."""

    id: str
    models: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]


class Listener(Struct, frozen=True, kw_only=True):
    name: str
    port: int


class AllowedNetwork(Struct, frozen=True, kw_only=True):
    """A private range that providers of these namespaces may reach."""

    cidr: str
    namespaces: tuple[str, ...] = ()


class Egress(Struct, frozen=True, kw_only=True):
    """Where upstream connections may go; `allow_hosts` None means any public host."""

    allow_hosts: tuple[str, ...] | None = None
    allow_networks: tuple[AllowedNetwork, ...] = ()
    deny_private_ranges: bool = True


class Gateway(Struct, frozen=True, kw_only=True):
    """What a whole fleet shares. `tenants` are the admitted namespaces; None admits every namespace.

    `defaults` and `key_selector` (which Secrets hold API keys, a label selector as JSON) are for the compiler alone: it
    goes on with them while the gateway, as it is written now, is invalid. The rules of policies have the defaults
    merged in already.
    """

    id: str
    listeners: tuple[Listener, ...] = ()
    api_keys: bool = False
    tenants: tuple[str, ...] | None = None
    egress: Egress = Egress()
    max_attempts: int = 4
    drain_seconds: float = 600.0
    defaults: Resilience = Resilience()
    key_selector: str = ""

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def admits(self, namespace: str) -> bool:
        return self.tenants is None or namespace == self.namespace or namespace in self.tenants


class Step(Struct, frozen=True):
    """One attempt that may be made: a target with the credential to use. Made once, when a revision is loaded."""

    target: Target
    provider: Provider
    model: Model
    credential: Credential
    key_name: str
    plain_cell: Cell
    stream_cell: Cell

    @classmethod
    def of(cls, target: Target, provider: Provider, model: Model, credential: Credential) -> "Step":
        plain, stream = (Cell(provider.id, credential.name, model.name, mode) for mode in (Mode.PLAIN, Mode.STREAM))
        return cls(target, provider, model, credential, f"{provider.id}/{credential.name}", plain, stream)

    def cell(self, mode: Mode) -> Cell:
        """Return the cell that an attempt in this mode asks."""
        return self.stream_cell if mode is Mode.STREAM else self.plain_cell


@dataclass(frozen=True, slots=True)
class LinkedTarget:
    """A target with what it refers to; None where the snapshot does not hold it, or it has no such model.

    `permitted`: the provider's owner lets the policy's namespace use it. `steps`: one for each credential.
    """

    target: Target
    provider: Provider | None
    model: Model | None
    permitted: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A rule as it applies to one virtual model: only the entries that may match it, and its linked targets.

    `windows`: some target states how long a context it takes. `weighs_prompt`: that, or an entry, makes the length of
    the prompt count. `order`: in which the targets are tried where neither
    weight nor chance has a say in it; empty where one has.
    """

    policy: Policy
    rule: Rule
    entries: tuple[Match, ...]
    targets: tuple[LinkedTarget, ...]
    windows: bool
    weighs_prompt: bool
    order: tuple[LinkedTarget, ...]


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """One revision, indexed for serving: `routes[(namespace, virtual model)]` holds that model's rules in order."""

    revision: str
    gateway: Gateway
    providers: Mapping[str, Provider]
    policies: Mapping[str, Policy]
    routes: Mapping[tuple[str, str], tuple[Route, ...]]
    header_names: frozenset[str]
    """Lower-case names of every header that some rule matches on."""

    @classmethod
    def of(
        cls,
        revision: str,
        gateway: Gateway,
        providers: Iterable[Provider],
        policies: Iterable[Policy],
        previous: "GatewayConfig | None" = None,
    ) -> "GatewayConfig":
        """Index these objects. The routes of a policy that is the very object it was in `previous`, and whose
        providers are too, are taken from there: one edit links one policy, not all.
        """
        by_id = {provider.id: provider for provider in providers}
        relinked = _replaced(previous.providers, by_id) if previous else frozenset()
        routes: dict[tuple[str, str], tuple[Route, ...]] = {}
        kept: dict[str, Policy] = {}
        header_names: set[str] = set()
        for policy in policies:
            if not gateway.admits(policy.namespace):
                continue
            kept[policy.id] = policy
            known = previous.routes if previous is not None and not _refers_to(policy, relinked) else {}
            linked: list[tuple[Rule, tuple[LinkedTarget, ...]]] | None = None
            for name in policy.models:
                found = known.get((policy.namespace, name), ())
                if not found or found[0].policy is not policy:
                    if linked is None:
                        linked = [(rule, _linked_targets(rule, policy.namespace, by_id)) for rule in policy.rules]
                    found = tuple(_routes_of(policy, linked, name))
                routes[policy.namespace, name] = found
            header_names.update(name for rule in policy.rules for entry in rule.match for name in entry.headers)
        return cls(revision, gateway, by_id, kept, routes, frozenset(header_names))

    def virtual_models(self, namespace: str) -> tuple[str, ...]:
        """Return the virtual models that callers of this namespace may name, sorted."""
        return tuple(sorted(name for owner, name in self.routes if owner == namespace))


def _replaced(before: Mapping[str, Provider], now: Mapping[str, Provider]) -> frozenset[str]:
    """Return the ids of the providers that came, went or are another object than before."""
    return frozenset(id for id in before.keys() | now.keys() if before.get(id) is not now.get(id))


def _refers_to(policy: Policy, providers: frozenset[str]) -> bool:
    return bool(providers) and any(target.provider in providers for rule in policy.rules for target in rule.targets)


def _linked_targets(rule: Rule, namespace: str, providers: Mapping[str, Provider]) -> tuple[LinkedTarget, ...]:
    return tuple(_link(target, namespace, providers.get(target.provider)) for target in rule.targets)


def _link(target: Target, namespace: str, provider: Provider | None) -> LinkedTarget:
    if provider is None:
        return LinkedTarget(target, None, None, permitted=False, steps=())
    permitted = provider.consumers.admits(provider.namespace, namespace)
    model = provider.model(target.model)
    if model is None:
        return LinkedTarget(target, provider, None, permitted, steps=())
    steps = tuple(Step.of(target, provider, model, credential) for credential in provider.credentials)
    return LinkedTarget(target, provider, model, permitted, steps)


def _routes_of(policy: Policy, linked: Iterable[tuple[Rule, tuple[LinkedTarget, ...]]], model: str) -> Iterable[Route]:
    for rule, targets in linked:
        entries = tuple(entry for entry in rule.match if not entry.models or model in entry.models)
        if entries or not rule.match:
            windows = any(linked.model is not None and linked.model.context_window is not None for linked in targets)
            weighs = windows or any(
                entry.prompt_tokens_min is not None or entry.prompt_tokens_max is not None for entry in entries
            )
            yield Route(policy, rule, entries, targets, windows, weighs, _settled_order(rule, targets))


def _settled_order(rule: Rule, targets: tuple[LinkedTarget, ...]) -> tuple[LinkedTarget, ...]:
    priorities = {linked.target.priority for linked in targets}
    if len(targets) > 1 and (rule.strategy is not Strategy.PRIORITY or len(priorities) < len(targets)):
        return ()
    return tuple(sorted(targets, key=lambda linked: linked.target.priority))
