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

DEFAULT_URLS = {
    ProviderType.OPENAI: "https://api.openai.com/v1",
    ProviderType.ANTHROPIC: "https://api.anthropic.com/v1",
    ProviderType.GEMINI: "https://generativelanguage.googleapis.com/v1beta",
}
"""Those of types that have one address for all; see also `vertex_url` and `bedrock_url`."""
_MULTI_REGIONS = frozenset({"us", "eu"})
_AWS_SUFFIXES = {"cn-": "amazonaws.com.cn", "eusc-": "amazonaws.eu"}
"""Domains of the partitions of AWS that stand apart, China and the European Sovereign Cloud, by how regions begin."""

PROBED_BY_DEFAULT = frozenset({ProviderType.OPENAI, ProviderType.OPENAI_COMPATIBLE})


def provider_document(
    provider_id: str, spec: ModelProviderSpec, consumers: Consumers, authorities: str = ""
) -> Provider:
    """`authorities`: the certificates that `ca_secret_of(spec)` names, as PEM."""
    endpoint = spec.endpoint or Endpoint()
    return Provider(
        id=provider_id,
        type=spec.type,
        url=(endpoint.url or _own_url(spec)).rstrip("/"),
        ca_pem=authorities,
        ca_secret=ca_secret_of(spec),
        forward_proxy=(endpoint.forward_proxy or "").rstrip("/"),
        api_version=(spec.azure.api_version or "") if spec.azure else "",
        project=spec.vertex.project if spec.vertex else "",
        region=_region(spec),
        credentials=tuple(_credential(credential) for credential in spec.credentials) or (ANONYMOUS,),
        models=tuple(_model(model) for model in spec.models),
        failure_domain=spec.placement.failure_domain or provider_id,
        consumers=consumers,
        passive=_passive(spec.health),
        active=_active(spec),
        simulation=_simulation(spec),
    )


def vertex_url(location: str) -> str:
    """Return where Vertex AI is called: everywhere, in a multi-region, or in a region.

    Source: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations
    """
    if location == "global":
        return "https://aiplatform.googleapis.com/v1"
    if location in _MULTI_REGIONS:
        return f"https://aiplatform.{location}.rep.googleapis.com/v1"
    return f"https://{location}-aiplatform.googleapis.com/v1"


def bedrock_url(region: str) -> str:
    """Return where Bedrock's models are called. Source: https://docs.aws.amazon.com/general/latest/gr/bedrock.html"""
    suffix = next((each for begin, each in _AWS_SUFFIXES.items() if region.startswith(begin)), "amazonaws.com")
    return f"https://bedrock-runtime.{region}.{suffix}"


def ca_secret_of(spec: ModelProviderSpec) -> str:
    """Return where the certificates of the provider's authorities stand, as `Secret/key`; empty: the system's."""
    reference = spec.endpoint.ca_ref if spec.endpoint else None
    return f"{reference.name}/{reference.key}" if reference else ""


def _own_url(spec: ModelProviderSpec) -> str:
    """Return the address of a type that has its own; empty for one that has none."""
    if spec.vertex:
        return vertex_url(spec.vertex.location)
    if spec.bedrock:
        return bedrock_url(spec.bedrock.region)
    return DEFAULT_URLS.get(spec.type, "")


def _region(spec: ModelProviderSpec) -> str:
    if spec.vertex:
        return spec.vertex.location
    return spec.bedrock.region if spec.bedrock else ""


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
