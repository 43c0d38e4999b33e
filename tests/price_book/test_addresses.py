"""Which addresses a list is for: the host must be the vendor's, to its end, and what follows it changes nothing."""

import pytest
from genai_prices.data import providers

from fairlead_operator.compiler.provider_document import DEFAULT_URLS, bedrock_url, vertex_url
from fairlead_operator.price_book.addresses import is_at
from fairlead_proxy.contract.names import ProviderType

PATTERNS = {provider.id: provider.api_pattern for provider in providers}


def lists_at(url: str) -> list[str]:
    """Return whose lists are for an address."""
    return [list_id for list_id, pattern in PATTERNS.items() if is_at(url, pattern)]


@pytest.mark.parametrize(
    ("url", "list_id"),
    [
        ("https://api.openai.com", "openai"),
        ("https://api.openai.com/v1", "openai"),
        ("https://API.OpenAI.com:443/v1", "openai"),
        ("https://api.anthropic.com/v1", "anthropic"),
        ("https://name.openai.azure.com", "azure"),
        ("https://name.services.ai.azure.com/models", "azure"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com", "aws"),
        ("https://generativelanguage.googleapis.com/v1beta", "google"),
        ("https://europe-west1-aiplatform.googleapis.com/v1", "google"),
        ("https://api.arcee.ai/v1", "arcee"),
        ("https://api.arcee.ai", "arcee"),
        ("https://api.moonshot.ai/v1", "moonshotai"),
        ("https://api.moonshot.cn", "moonshotai"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://router.huggingface.co/groq/openai/v1", "huggingface_groq"),
        ("https://api.cloudflare.com/client/v4/accounts/1f/ai/v1", "cloudflare"),
        ("https://adb-1.2.azuredatabricks.net/serving-endpoints", "databricks"),
        ("https://team--app.modal.run/v1", "modal"),
    ],
)
def test_an_address_of_a_vendor_has_its_list(url: str, list_id: str) -> None:
    assert list_id in lists_at(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https://[::1/v1",
        "http://localhost:1/v1",
        "https://api.openai.com.evil.example/v1",
        "https://api.openai.comevil.example/v1",
        "https://api.openai.com-evil.example/v1",
        "https://api.openai.com:pass@evil.example/v1",
        "https://api.openai.com@evil.example/v1",
        "https://evil.example/https://api.openai.com/v1",
        "https://evil.example/api.openai.com",
        "https://evil.example/x.googleapis.com/v1",
        "https://evil.example?x.googleapis.com/v1",
        "https://evil.example#x.googleapis.com/v1",
        "https://evilgoogleapis.com/v1",
        "https://storage.googleapis.com.evil.example/v1",
        "https://evil/name.openai.azure.com",
        "https://name-openai.azure.com",
        "https://bedrock-runtime.us-east-1.amazonaws.com.evil.example",
        "https://api.moonshot.evil.example",
        "https://evil.example/name.modal.run/v1",
        "https://evil.example/a.azuredatabricks.net/serving-endpoints",
        "https://router.huggingface.co/groq-evil/v1",
        "https://router.huggingface.co.evil.example/groq",
    ],
)
def test_a_lookalike_has_no_list(url: str) -> None:
    assert lists_at(url) == []


@pytest.mark.parametrize("list_id", PATTERNS)
def test_every_list_is_for_the_address_that_its_pattern_spells(list_id: str) -> None:
    """A vendor whose pattern is of a shape that is not read would have no list at all."""
    own = next(provider for provider in providers if provider.id == list_id)
    assert is_at(SPELLED.get(list_id, plain(own.api_pattern)), own.api_pattern)
    assert not is_at(plain(own.api_pattern).replace("://", "://evil.example/"), own.api_pattern)


SPELLED = {
    "aws": "https://bedrock-runtime.eu-west-1.amazonaws.com",
    "azure": "https://name.openai.azure.com/openai",
    "cloudflare": "https://api.cloudflare.com/client/v4/accounts/1f/ai",
    "cohere": "https://api.cohere.com/v2",
    "databricks": "https://dbc-1.cloud.databricks.com/serving-endpoints",
    "elevenlabs": "https://api.elevenlabs.io/v1",
    "google": "https://aiplatform.googleapis.com",
    "minimax": "https://api.minimaxi.com/v1",
    "modal": "https://team--app.modal.direct",
    "moonshotai": "https://api.moonshot.ai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
}
"""Addresses of those whose patterns are more than a host and a path."""


def plain(pattern: str) -> str:
    """Return the address that a pattern spells which has nothing to choose but its end."""
    return pattern.removesuffix("(?:/|$)").replace("\\", "")


@pytest.mark.parametrize(
    ("url", "list_id"),
    [
        (DEFAULT_URLS[ProviderType.OPENAI], "openai"),
        (DEFAULT_URLS[ProviderType.ANTHROPIC], "anthropic"),
        (DEFAULT_URLS[ProviderType.GEMINI], "google"),
        *((vertex_url(location), "google") for location in ("global", "eu", "us-central1")),
        *((bedrock_url(region), "aws") for region in ("us-east-1", "ap-southeast-2")),
    ],
)
def test_the_addresses_that_types_have_of_themselves_are_their_vendors(url: str, list_id: str) -> None:
    assert list_id in lists_at(url)
