"""What a decision may know of a call: its facts, without its content."""

from typing import Protocol

from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import Mode
from fairlead_proxy.decision.facts import INTENT_HEADER, CallFacts
from fairlead_proxy.exchange.call import ClientCall

MAX_TEXT = 256
"""As long as a name, an intent or a header's value can be in a policy; thousands of records are kept."""

_NO_HEADERS: dict[str, str] = {}
"""Shared by all calls that no rule looks at the headers of."""
_NOTHING: frozenset[str] = frozenset()


class Asked(Protocol):
    """What a dialect reads out of a request."""

    @property
    def model(self) -> str: ...

    @property
    def mode(self) -> Mode: ...

    @property
    def needs(self) -> frozenset[str]: ...

    @property
    def features(self) -> frozenset[str]: ...

    @property
    def prompt_tokens(self) -> int: ...

    @property
    def max_tokens(self) -> int | None: ...


def facts_of(call: ClientCall, asked: Asked, config: GatewayConfig) -> CallFacts:
    """Return the facts of a call; of its headers only those that some rule matches on.

    The prompt is counted only where a rule of the model looks at its length: that is work on every byte of it. So is
    finding out what a target of another dialect must have words for, where there is one.
    """
    header_names = config.header_names
    model, intent = asked.model, call.headers.get(INTENT_HEADER, "")
    if len(model) > MAX_TEXT or len(intent) > MAX_TEXT:
        model, intent = _cut(model), _cut(intent)
    offer = config.offers.get((call.tenant, model))
    headers = call.headers
    weighs_needs = offer is not None and offer.weighs_needs
    translates = offer is not None and call.dialect in offer.foreign
    return CallFacts(
        call.tenant,
        model,
        call.operation,
        asked.mode,
        {name: _cut(headers[name]) for name in header_names.intersection(headers)} if header_names else _NO_HEADERS,
        asked.prompt_tokens if offer is not None and offer.weighs_prompt else None,
        max(0, asked.max_tokens or 0),
        intent,
        asked.needs if weighs_needs else _NOTHING,
        call.dialect,
        asked.features if translates else _NOTHING,
    )


def _cut(text: str) -> str:
    """Return a text as it may be kept: what is longer than anything that a rule can name is cut, and equals nothing."""
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
