"""What the tests of the billing rules run on: a provider of every type, each with its own prices, and policies."""

from decimal import Decimal
from typing import Any

import yaml
from sdk.conftest import UPSTREAMS, manifests

PROVIDERS = UPSTREAMS
"""Of each there is a virtual model of the same name, served by it alone."""

SPOKEN_BY = {
    "chat": "openai-chat",
    "responses": "openai-responses",
    "azure": "openai-chat",
    "anthropic": "anthropic-messages",
    "gemini": "gemini",
    "vertex": "gemini",
    "vertex-claude": "anthropic-messages",
    "bedrock": "bedrock-converse",
}
"""The dialect of each provider."""

CALLERS = {
    "chat": "openai-chat",
    "responses": "openai-responses",
    "messages": "anthropic-messages",
    "gemini": "gemini",
}
"""Each kind of caller, with the dialect that it speaks."""

LONG = 5000
"""A prompt that is longer costs more, with all that comes of it."""

BACKUP = "backup"
BACKUP_PRICE: dict[str, Any] = {"perMTok": {"input": "0.007", "output": "0.013"}}
UNPRICED, PARTLY_PRICED, FREE, REFUSING = "unpriced", "partly-priced", "free", "refusing"
"""Virtual models of a chat provider without a price, with one for the input only, and with one of 0; and of one that is
to refuse the question for its usage, which it is not asked again."""

REPEATING = {"sameTarget": 1, "budgetPercent": 100, "backoff": {"base": "1ms", "max": "1ms"}}
_NAMED = {
    UNPRICED: None,
    PARTLY_PRICED: {"perMTok": {"input": "1"}},
    FREE: {"perMTok": {"input": "0", "output": "0"}},
    REFUSING: BACKUP_PRICE,
}


def price_of(provider: str) -> dict[str, Any]:
    """Return what a provider's owner wrote; no two figures are alike, and none divides without a rest."""
    if provider in (BACKUP, REFUSING):
        return BACKUP_PRICE
    number = PROVIDERS.index(provider) + 1
    figures = {
        "input": f"{number}.000123",
        "cachedInput": f"0.{number}00077",
        "cacheWrite": f"{number}.250019",
        "cacheWriteLong": f"{2 * number}.000031",
        "output": f"{4 * number}.000457",
    }
    longer = {name: str(2 * Decimal(figure)) for name, figure in figures.items()}
    return {"perMTok": figures, "longContext": [{"above": LONG, "perMTok": longer}]}


def backed(provider: str) -> str:
    """Return the virtual model that another provider answers where this one fails, or breaks off."""
    return f"{provider}-backed"


def repeated(provider: str) -> str:
    """Return the virtual model whose failures are repeated once on the same provider."""
    return f"{provider}-repeated"


def drained(provider: str) -> str:
    """Return the virtual model whose answers are heard out for a moment when their caller has left."""
    return f"{provider}-drained"


def objects(port: int, backup_url: str) -> str:
    """Return all documents; every provider listens at the port, but for the backup."""
    documents = [each for each in yaml.safe_load_all(manifests(port)) if each["metadata"]["name"] != "openai"]
    for each in documents:
        name = each["metadata"]["name"]
        if each["kind"] == "ModelProvider":
            each["spec"]["models"][0]["price"] = price_of(name)
    chat = next(each for each in documents if each["kind"] == "ModelProvider" and each["metadata"]["name"] == "chat")
    for name, price in _NAMED.items():
        documents.append(_like(chat, name, price))
        documents.append(_policy(name, name))
    documents.append(_like(chat, BACKUP, BACKUP_PRICE, url=backup_url))
    for name in PROVIDERS:
        documents.append(_policy(backed(name), name, BACKUP, fallback={"midStream": "Continue"}))
        documents.append(_policy(repeated(name), name, retry=REPEATING))
        documents.append(_policy(drained(name), name, clientGone="Drain"))
    documents.append(_gateway())
    return yaml.safe_dump_all(documents)


def probed_objects(port: int) -> str:
    """Return the providers alone, each probed by real calls as often as may be, in place of policies a gateway."""
    documents = [each for each in yaml.safe_load_all(manifests(port)) if each["kind"] != "RoutePolicy"]
    for each in documents:
        if each["kind"] == "ModelProvider":
            each["spec"]["health"] = {"active": {"mode": "Chat", "interval": "1s", "maxCostPerDay": "1"}}
            if each["metadata"]["name"] in PROVIDERS:
                each["spec"]["models"][0]["price"] = price_of(each["metadata"]["name"])
    return yaml.safe_dump_all([*documents, _gateway()])


def _like(provider: dict[str, Any], name: str, price: dict[str, Any] | None, *, url: str = "") -> dict[str, Any]:
    spec = dict(provider["spec"])
    model = {key: value for key, value in spec["models"][0].items() if key != "price"}
    spec["models"] = [model if price is None else model | {"price": price}]
    if url:
        spec["endpoint"] = {"url": url}
    return provider | {"metadata": {"name": name, "namespace": "default"}, "spec": spec}


def _policy(name: str, *providers: str, **resilience: Any) -> dict[str, Any]:
    targets = [{"provider": {"name": each}, "model": "m", "priority": place} for place, each in enumerate(providers)]
    rule = {"name": "only", "route": {"targets": targets}} | ({"resilience": resilience} if resilience else {})
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "RoutePolicy",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"gatewayRef": {"name": "main"}, "models": [name], "rules": [rule]},
    }


def _gateway() -> dict[str, Any]:
    return {
        "apiVersion": "fairlead.dev/v1alpha1",
        "kind": "ModelGateway",
        "metadata": {"name": "main", "namespace": "default"},
        "spec": {"egress": {"denyPrivateRanges": False}},
    }
