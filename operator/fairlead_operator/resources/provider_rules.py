"""The rules over several fields of a ModelProvider."""

import re
from typing import Any

from fairlead_operator.resources.checks import repeated
from fairlead_operator.resources.meta import duration_seconds
from fairlead_operator.resources.price import PerMillionTokens
from fairlead_operator.resources.provider import (
    ActiveHealthSpec,
    Endpoint,
    ModelProviderSpec,
    OutageSpec,
    PassiveHealthSpec,
    SimulatedSpec,
)
from fairlead_operator.resources.rule import Rule, given_or
from fairlead_proxy.contract.names import FailureClass, Operation, ProbeMode, ProviderType

_AZURE_PATH = "^https?://[^/]+(/.*)?/openai(/.*)?$"
_KEYED = frozenset({ProviderType.VERTEX_AI, ProviderType.BEDROCK})
_RESPONDING = frozenset({ProviderType.OPENAI, ProviderType.OPENAI_COMPATIBLE, ProviderType.AZURE_OPENAI})


def _azure_path(spec: ModelProviderSpec) -> re.Match[str] | None:
    """Return what shows that the url of a resource at Azure goes on into its paths."""
    url = spec.endpoint.url if spec.type == ProviderType.AZURE_OPENAI and spec.endpoint else None
    return re.match(_AZURE_PATH, url) if url else None


def _responding_models(spec: ModelProviderSpec) -> list[str]:
    return [model.name for model in spec.models if Operation.RESPONSES in model.operations]


PROVIDER_RULES: tuple[Rule[Any], ...] = (
    Rule(
        ModelProviderSpec,
        "endpoint",
        "type OpenAICompatible has no address of its own; set endpoint.url",
        lambda spec: spec.type == ProviderType.OPENAI_COMPATIBLE and (spec.endpoint is None or not spec.endpoint.url),
        "self.type != 'OpenAICompatible' || (has(self.endpoint) && has(self.endpoint.url))",
    ),
    Rule(
        ModelProviderSpec,
        "endpoint",
        "type AzureOpenAI has an address for each resource; set endpoint.url, such as https://NAME.openai.azure.com",
        lambda spec: spec.type == ProviderType.AZURE_OPENAI and (spec.endpoint is None or not spec.endpoint.url),
        "self.type != 'AzureOpenAI' || (has(self.endpoint) && has(self.endpoint.url))",
    ),
    Rule(
        ModelProviderSpec,
        "endpoint.url",
        "for AzureOpenAI it ends where /openai would begin, which is appended; remove /openai and what follows",
        lambda spec: _azure_path(spec) is not None,
        "self.type != 'AzureOpenAI' || !has(self.endpoint) || !has(self.endpoint.url) || "
        f"!self.endpoint.url.matches('{_AZURE_PATH}')",
    ),
    Rule(
        ModelProviderSpec,
        "health.active.mode",
        "Bedrock and VertexAI have no list of models to ask for at the address of calls; write None or Chat",
        lambda spec: spec.type in _KEYED and spec.health.active.mode == ProbeMode.LIST_MODELS,
        "!(self.type in ['Bedrock', 'VertexAI']) || !has(self.health) || !has(self.health.active) || "
        "!has(self.health.active.mode) || self.health.active.mode != 'ListModels'",
    ),
    Rule(
        ActiveHealthSpec,
        "maxCostPerDay",
        "only probes of the mode Chat cost anything; remove it or set mode to Chat",
        lambda spec: spec.max_cost_per_day is not None and spec.mode != ProbeMode.CHAT,
        "!has(self.maxCostPerDay) || (has(self.mode) && self.mode == 'Chat')",
    ),
    Rule(
        ModelProviderSpec,
        "azure",
        "only a provider of type AzureOpenAI takes it; remove it or set type to AzureOpenAI",
        lambda spec: spec.type != ProviderType.AZURE_OPENAI and spec.azure is not None,
        "self.type == 'AzureOpenAI' || !has(self.azure)",
    ),
    Rule(
        ModelProviderSpec,
        "vertex",
        "only a provider of type VertexAI takes it; remove it or set type to VertexAI",
        lambda spec: spec.type != ProviderType.VERTEX_AI and spec.vertex is not None,
        "self.type == 'VertexAI' || !has(self.vertex)",
    ),
    Rule(
        ModelProviderSpec,
        "vertex",
        "type VertexAI is called for a project and at a location; set vertex.project and vertex.location",
        lambda spec: spec.type == ProviderType.VERTEX_AI and spec.vertex is None,
        "self.type != 'VertexAI' || has(self.vertex)",
    ),
    Rule(
        ModelProviderSpec,
        "bedrock",
        "only a provider of type Bedrock takes it; remove it or set type to Bedrock",
        lambda spec: spec.type != ProviderType.BEDROCK and spec.bedrock is not None,
        "self.type == 'Bedrock' || !has(self.bedrock)",
    ),
    Rule(
        ModelProviderSpec,
        "bedrock",
        "type Bedrock is called in a region; set bedrock.region",
        lambda spec: spec.type == ProviderType.BEDROCK and spec.bedrock is None,
        "self.type != 'Bedrock' || has(self.bedrock)",
    ),
    Rule(
        ModelProviderSpec,
        "credentials",
        "VertexAI and Bedrock take no call without a credential; add one",
        lambda spec: spec.type in _KEYED and not spec.credentials,
        "!(self.type in ['VertexAI', 'Bedrock']) || (has(self.credentials) && size(self.credentials) > 0)",
    ),
    Rule(
        ModelProviderSpec,
        "models",
        "only OpenAI, OpenAICompatible and AzureOpenAI offer responses; remove it from operations: callers of it are "
        "served by translation",
        lambda spec: spec.type not in _RESPONDING and _responding_models(spec),
        "self.type in ['OpenAI', 'OpenAICompatible', 'AzureOpenAI'] || "
        "self.models.all(model, !has(model.operations) || !('responses' in model.operations))",
    ),
    Rule(
        Endpoint,
        "caRef",
        "nothing is verified over http://; write an https:// url or remove caRef",
        lambda spec: spec.ca_ref is not None and spec.url is not None and spec.url.startswith("http://"),
        "!has(self.caRef) || !has(self.url) || !self.url.startsWith('http://')",
    ),
    Rule(
        ModelProviderSpec,
        "simulated",
        "only a provider of type Simulated takes it; remove it or set type to Simulated",
        lambda spec: spec.type != ProviderType.SIMULATED and spec.simulated is not None,
        "self.type == 'Simulated' || !has(self.simulated)",
    ),
    Rule(
        ModelProviderSpec,
        "endpoint",
        "a provider of type Simulated connects to nothing; remove endpoint",
        lambda spec: spec.type == ProviderType.SIMULATED and spec.endpoint is not None,
        "self.type != 'Simulated' || !has(self.endpoint)",
    ),
    Rule(
        ModelProviderSpec,
        "credentials",
        "a provider of type Simulated needs no key; remove credentials",
        lambda spec: spec.type == ProviderType.SIMULATED and bool(spec.credentials),
        "self.type != 'Simulated' || !has(self.credentials) || size(self.credentials) == 0",
    ),
    Rule(
        ModelProviderSpec,
        "credentials",
        "one credential at least needs a weight above 0",
        lambda spec: bool(spec.credentials) and all(credential.weight == 0 for credential in spec.credentials),
        "!has(self.credentials) || size(self.credentials) == 0 || "
        "self.credentials.exists(one, !has(one.weight) || one.weight > 0)",
    ),
    Rule(
        ModelProviderSpec,
        "gatewayRefs",
        "a gateway is named more than once; name each once",
        lambda spec: repeated(f"{ref.namespace or ''}/{ref.name}".lstrip("/") for ref in spec.gateway_refs or []),
        "!has(self.gatewayRefs) || self.gatewayRefs.all(one, self.gatewayRefs.exists_one(other, one == other))",
    ),
    Rule(
        PassiveHealthSpec,
        "baseCooldown",
        "must not be longer than maxCooldown",
        lambda spec: duration_seconds(spec.base_cooldown) > duration_seconds(spec.max_cooldown),
        "duration(" + given_or("baseCooldown", "'5s'") + ") <= duration(" + given_or("maxCooldown", "'5m'") + ")",
    ),
    Rule(
        OutageSpec,
        "every",
        "must be longer than `for`, else the outage never ends",
        lambda spec: spec.every is not None and duration_seconds(spec.every) <= duration_seconds(spec.for_),
        "!has(self.every) || duration(self.every) > duration(self.__for__)",
    ),
    Rule(
        SimulatedSpec,
        "failure",
        "ClientGone is what a caller does, not a provider; choose another failure",
        lambda spec: spec.failure == FailureClass.CLIENT_GONE,
        "!has(self.failure) || self.failure != 'ClientGone'",
    ),
    Rule(
        OutageSpec,
        "failure",
        "ClientGone is what a caller does, not a provider; choose another failure",
        lambda spec: spec.failure == FailureClass.CLIENT_GONE,
        "!has(self.failure) || self.failure != 'ClientGone'",
    ),
    Rule(
        PerMillionTokens,
        "",
        "names no price; give input or output, or remove the price: what is omitted is unknown, never 0",
        lambda spec: not spec.model_fields_set,
        "has(self.input) || has(self.cachedInput) || has(self.cacheWrite) || has(self.cacheWriteLong) || "
        "has(self.output)",
    ),
)
