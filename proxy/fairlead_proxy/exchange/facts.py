"""What a decision may know of a call: its facts, without its content."""

from typing import Protocol

from fairlead_proxy.contract.linked import GatewayConfig
from fairlead_proxy.contract.names import Mode
from fairlead_proxy.decision.facts import INTENT_HEADER, CallFacts
from fairlead_proxy.exchange.call import ClientCall

_NO_HEADERS: dict[str, str] = {}
"""Shared by all calls that no rule looks at the headers of."""


class Asked(Protocol):
    """What a dialect reads out of a request."""

    @property
    def model(self) -> str: ...

    @property
    def mode(self) -> Mode: ...

    @property
    def needs(self) -> frozenset[str]: ...

    @property
    def prompt_tokens(self) -> int: ...

    @property
    def max_tokens(self) -> int | None: ...


def facts_of(call: ClientCall, asked: Asked, config: GatewayConfig) -> CallFacts:
    """Return the facts of a call; of its headers only those that some rule matches on.

    The prompt is counted only where a rule of the model looks at its length: that is work on every byte of it.
    """
    header_names = config.header_names
    offer = config.offers.get((call.tenant, asked.model))
    headers = call.headers
    return CallFacts(
        call.tenant,
        asked.model,
        call.operation,
        asked.mode,
        {name: headers[name] for name in header_names.intersection(headers)} if header_names else _NO_HEADERS,
        asked.prompt_tokens if offer is not None and offer.weighs_prompt else None,
        max(0, asked.max_tokens or 0),
        headers.get(INTENT_HEADER, ""),
        asked.needs,
    )
