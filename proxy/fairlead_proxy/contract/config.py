"""The configuration that a fleet of proxies serves: what the compiler makes and what the proxy loads."""

from msgspec import Struct

from fairlead_proxy.contract.names import (
    FALLBACK_CLASSES,
    FailureClass,
    MaintenanceState,
    Operation,
    ProbeMode,
    ProviderType,
    Strategy,
    WhenBroken,
    WhenFiltered,
    WhenGone,
    WhenTooLong,
)
from fairlead_proxy.contract.price import Price


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
    """How a provider is probed. `max_cost_nano`: what probes in the mode Chat may cost a fleet on one day, in UTC; in
    nano-units of each currency that its models are priced in.
    """

    mode: ProbeMode = ProbeMode.NONE
    interval_seconds: float = 30.0
    max_cost_nano: int = 0


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
    `api_version`: Azure's, empty: its versionless API. `project` and `region`: Vertex AI's project and location;
    `region` alone: the AWS region of Bedrock.
    """

    id: str
    type: ProviderType
    url: str = ""
    ca_pem: str = ""
    ca_secret: str = ""
    forward_proxy: str = ""
    api_version: str = ""
    project: str = ""
    region: str = ""
    credentials: tuple[Credential, ...] = (ANONYMOUS,)
    models: tuple[Model, ...] = ()
    failure_domain: str = ""
    consumers: Consumers = Consumers()
    passive: PassiveHealth = PassiveHealth()
    active: ActiveHealth = ActiveHealth()
    maintenance: MaintenanceState = MaintenanceState.ACTIVE
    simulation: Simulation | None = None

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    @property
    def takes_calls(self) -> bool:
        """Whether its owner lets new attempts begin there."""
        return self.maintenance is MaintenanceState.ACTIVE

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
    too_long: WhenTooLong = WhenTooLong.TO_LARGER
    filtered: WhenFiltered = WhenFiltered.DENY
    broken: WhenBroken = WhenBroken.ERROR
    gone: WhenGone = WhenGone.CANCEL


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
    """A port for applications. `secret`: the Secret with the certificate that it shows over TLS, which the compiler
    reads and the key ring holds; empty: plain HTTP.
    """

    name: str
    port: int
    secret: str = ""


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
    merged in already. `decision_ring`: how many of its last calls each process remembers; 0: none.
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
    decision_ring: int = 10_000

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def admits(self, namespace: str) -> bool:
        return self.tenants is None or namespace == self.namespace or namespace in self.tenants
