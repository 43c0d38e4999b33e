"""From the spec of a ModelProvider to the document that the proxies load."""

from decimal import Decimal

from fairlead_operator.resources.meta import duration_seconds
from fairlead_operator.resources.provider import (
    CredentialSpec,
    Endpoint,
    HealthSpec,
    ModelProviderSpec,
    ModelSpec,
    SimulatedSpec,
)
from fairlead_proxy.contract.config import (
    ANONYMOUS,
    ActiveHealth,
    Consumers,
    Credential,
    Model,
    Outage,
    PassiveHealth,
    Price,
    Provider,
    Simulation,
)
from fairlead_proxy.contract.names import ProbeMode, ProviderType

DEFAULT_URLS = {ProviderType.OPENAI: "https://api.openai.com/v1"}
PROBED_BY_DEFAULT = frozenset({ProviderType.OPENAI, ProviderType.OPENAI_COMPATIBLE})


def provider_document(
    provider_id: str, spec: ModelProviderSpec, consumers: Consumers, authorities: str = ""
) -> Provider:
    """`authorities`: the certificates that `ca_secret_of(spec)` names, as PEM."""
    endpoint = spec.endpoint or Endpoint()
    return Provider(
        id=provider_id,
        type=spec.type,
        url=(endpoint.url or DEFAULT_URLS.get(spec.type, "")).rstrip("/"),
        ca_pem=authorities,
        ca_secret=ca_secret_of(spec),
        forward_proxy=(endpoint.forward_proxy or "").rstrip("/"),
        credentials=tuple(_credential(credential) for credential in spec.credentials) or (ANONYMOUS,),
        models=tuple(_model(model) for model in spec.models),
        failure_domain=spec.placement.failure_domain or provider_id,
        consumers=consumers,
        passive=_passive(spec.health),
        active=_active(spec),
        simulation=_simulation(spec),
    )


def ca_secret_of(spec: ModelProviderSpec) -> str:
    """Return where the certificates of the provider's authorities stand, as `Secret/key`; empty: the system's."""
    reference = spec.endpoint.ca_ref if spec.endpoint else None
    return f"{reference.name}/{reference.key}" if reference else ""


def _credential(spec: CredentialSpec) -> Credential:
    return Credential(name=spec.name, weight=spec.weight, secret=f"{spec.secret_ref.name}/{spec.secret_ref.key}")


def _model(spec: ModelSpec) -> Model:
    return Model(
        name=spec.name,
        upstream_name=spec.upstream_name or spec.name,
        operations=tuple(spec.operations),
        capabilities=None if spec.capabilities is None else tuple(sorted(spec.capabilities)),
        context_window=spec.context_window,
        price=_price(spec),
    )


def _price(spec: ModelSpec) -> Price | None:
    if spec.price is None:
        return None
    given = spec.price.per_m_tok
    return Price(
        currency=spec.price.currency,
        input=_amount(given.input),
        cached_input=_amount(given.cached_input),
        cache_write=_amount(given.cache_write),
        output=_amount(given.output),
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _passive(spec: HealthSpec) -> PassiveHealth:
    given = spec.passive
    return PassiveHealth(
        window_seconds=duration_seconds(given.window),
        min_requests=given.min_requests,
        error_rate=float(given.error_rate),
        consecutive=given.consecutive,
        base_cooldown_seconds=duration_seconds(given.base_cooldown),
        max_cooldown_seconds=duration_seconds(given.max_cooldown),
    )


def _active(spec: ModelProviderSpec) -> ActiveHealth:
    given = spec.health.active
    default = ProbeMode.LIST_MODELS if spec.type in PROBED_BY_DEFAULT else ProbeMode.NONE
    return ActiveHealth(mode=given.mode or default, interval_seconds=duration_seconds(given.interval))


def _simulation(spec: ModelProviderSpec) -> Simulation | None:
    if spec.type is not ProviderType.SIMULATED:
        return None
    given = spec.simulated or SimulatedSpec()
    return Simulation(
        seed=given.seed,
        ttft_seconds=duration_seconds(given.ttft),
        tokens_per_second=float(given.tokens_per_second),
        error_rate=float(given.error_rate),
        failure=given.failure,
        outages=tuple(
            Outage(
                after_seconds=duration_seconds(outage.after),
                lasts_seconds=duration_seconds(outage.for_),
                every_seconds=None if outage.every is None else duration_seconds(outage.every),
                failure=outage.failure,
            )
            for outage in given.outages
        ),
    )
