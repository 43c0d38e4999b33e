"""From the spec of a ModelProvider to the document that the proxies load."""

from collections.abc import Sequence
from itertools import zip_longest

from fairlead_operator.price_book.book import PricesNow, Quote
from fairlead_operator.resources.meta import duration_seconds
from fairlead_operator.resources.price import PerMillionTokens
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
    Provider,
    Simulation,
)
from fairlead_proxy.contract.names import ProbeMode, ProviderType
from fairlead_proxy.contract.price import Price, Rates, Tier, read_amount

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

MAX_COST_PER_DAY = "0.10"
"""Design, section 9: of probes in the mode Chat, where their owner names no other bound."""


def provider_document(
    provider_id: str,
    spec: ModelProviderSpec,
    consumers: Consumers,
    authorities: str = "",
    list_prices: Sequence[Price | None] = (),
) -> Provider:
    """`authorities`: the certificates that `ca_secret_of(spec)` names, as PEM.

    `list_prices`: of each model, as `list_prices_of` returns them; empty: of none.
    """
    endpoint = spec.endpoint or Endpoint()
    return Provider(
        id=provider_id,
        type=spec.type,
        url=url_of(spec),
        ca_pem=authorities,
        ca_secret=ca_secret_of(spec),
        forward_proxy=(endpoint.forward_proxy or "").rstrip("/"),
        api_version=(spec.azure.api_version or "") if spec.azure else "",
        project=spec.vertex.project if spec.vertex else "",
        region=_region(spec),
        credentials=tuple(_credential(credential) for credential in spec.credentials) or (ANONYMOUS,),
        models=tuple(_model(model, price) for model, price in zip_longest(spec.models, list_prices)),
        failure_domain=spec.placement.failure_domain or provider_id,
        consumers=consumers,
        passive=_passive(spec.health),
        active=_active(spec),
        maintenance=spec.maintenance.state,
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


def url_of(spec: ModelProviderSpec) -> str:
    """Return where the provider is called, without a trailing slash."""
    endpoint = spec.endpoint or Endpoint()
    return (endpoint.url or _own_url(spec)).rstrip("/")


def upstream_name_of(spec: ModelSpec) -> str:
    """Return what the provider calls a model."""
    return spec.upstream_name or spec.name


def own_price_of(spec: ModelSpec) -> Price | None:
    """Return what a model costs as its provider's owner says; None where nothing is said."""
    if spec.price is None:
        return None
    tiers = tuple(Tier(above=tier.above, rates=_rates(tier.per_m_tok)) for tier in spec.price.long_context)
    return Price(currency=spec.price.currency, rates=_rates(spec.price.per_m_tok), tiers=tiers)


def quote_of(spec: ModelProviderSpec, model: ModelSpec, book: PricesNow) -> Quote | None:
    """Return what the book says of a model."""
    return book.find(spec.type, url_of(spec), upstream_name_of(model))


def list_prices_of(spec: ModelProviderSpec, book: PricesNow) -> tuple[Price | None, ...]:
    """Return, for each model whose owner gives no price, what it costs by the book; None: not known, or not asked."""
    quotes = (None if model.price is not None else quote_of(spec, model, book) for model in spec.models)
    return tuple(None if quote is None else quote.price for quote in quotes)


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


def _model(spec: ModelSpec, list_price: Price | None) -> Model:
    return Model(
        name=spec.name,
        upstream_name=upstream_name_of(spec),
        operations=tuple(spec.operations),
        capabilities=None if spec.capabilities is None else tuple(sorted(spec.capabilities)),
        context_window=spec.context_window,
        price=own_price_of(spec) or list_price,
    )


def _rates(given: PerMillionTokens) -> Rates:
    return Rates(
        input=_nano(given.input),
        cached_input=_nano(given.cached_input),
        cache_write=_nano(given.cache_write),
        cache_write_long=_nano(given.cache_write_long),
        output=_nano(given.output),
    )


def _nano(text: str | None) -> int | None:
    return None if text is None else read_amount(text)


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
    mode = given.mode or default
    return ActiveHealth(
        mode=mode,
        interval_seconds=duration_seconds(given.interval),
        max_cost_nano=read_amount(given.max_cost_per_day or MAX_COST_PER_DAY) if mode is ProbeMode.CHAT else 0,
    )


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
