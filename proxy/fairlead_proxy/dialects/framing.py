"""How each type of provider carries the dialects it speaks: where a call goes, and the headers that it goes with."""

from typing import Protocol
from urllib.parse import quote

import msgspec
from msgspec import Raw

from fairlead_proxy.contract.config import Provider
from fairlead_proxy.contract.dialects import is_claude
from fairlead_proxy.contract.names import DialectName, FailureClass, Mode, ProviderType
from fairlead_proxy.dialects.dialect import Headers
from fairlead_proxy.exchange.errors import UpstreamFailure

ANTHROPIC_VERSION = "2023-06-01"
"""Source: https://docs.anthropic.com/en/api/versioning; sent where the caller names none."""
VERTEX_ANTHROPIC_VERSION = "vertex-2023-10-16"
"""Source: https://docs.anthropic.com/en/api/claude-on-vertex-ai"""

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_NEW_LIMIT, _OLD_LIMIT = "max_completion_tokens", "max_tokens"
_JSON = "application/json"
_EVENTS = "text/event-stream"


class Framing(Protocol):
    """What one type of provider does to a dialect. Paths are appended to the provider's url, and stand as sent."""

    models_path: str
    """Of a ListModels probe (GET)."""

    def path(self, provider: Provider, dialect: DialectName, model: str, mode: Mode, *, counts: bool) -> str:
        """Return where a call for a model of this upstream name goes; `counts`: it asks for a count of tokens only."""
        ...

    def key_headers(self, key: str) -> Headers:
        """Return the headers that a key is sent in; not asked where a signer makes them."""
        ...

    def frame_body(self, body: bytes, dialect: DialectName, model: str, *, counts: bool) -> bytes:
        """Return the body as this type wants it."""
        ...


class OpenAIFraming:
    """Source: https://platform.openai.com/docs/api-reference"""

    models_path = "/models"

    def path(self, provider: Provider, dialect: DialectName, model: str, mode: Mode, *, counts: bool) -> str:
        return _openai_path(dialect, counts=counts)

    def key_headers(self, key: str) -> Headers:
        return (("authorization", f"Bearer {key}"),)

    def frame_body(self, body: bytes, dialect: DialectName, model: str, *, counts: bool) -> bytes:
        return body


class CompatibleFraming(OpenAIFraming):
    """Servers that follow OpenAI's form. Not all of them know the newer name of the limit of tokens.

    Source: https://api-docs.deepseek.com/api/create-chat-completion
    """

    def frame_body(self, body: bytes, dialect: DialectName, model: str, *, counts: bool) -> bytes:
        if dialect is not DialectName.OPENAI_CHAT or _NEW_LIMIT.encode() not in body:
            return body
        members = _MEMBERS.decode(body)
        return msgspec.json.encode({_OLD_LIMIT if name == _NEW_LIMIT else name: raw for name, raw in members.items()})


class AzureFraming(OpenAIFraming):
    """With an api-version a deployment stands in the path; without one the versionless API takes it as the model.

    Source: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
    """

    models_path = "/openai/v1/models"

    def path(self, provider: Provider, dialect: DialectName, model: str, mode: Mode, *, counts: bool) -> str:
        path = _openai_path(dialect, counts=counts)
        if not provider.api_version:
            return f"/openai/v1{path}"
        deployment = f"/deployments/{quote(model, safe='')}" if dialect is DialectName.OPENAI_CHAT else ""
        return f"/openai{deployment}{path}?api-version={quote(provider.api_version, safe='')}"

    def key_headers(self, key: str) -> Headers:
        return (("api-key", key),)


class AnthropicFraming(OpenAIFraming):
    """Source: https://docs.anthropic.com/en/api/overview"""

    models_path = "/models"

    def path(self, provider: Provider, dialect: DialectName, model: str, mode: Mode, *, counts: bool) -> str:
        return "/messages/count_tokens" if counts else "/messages"

    def key_headers(self, key: str) -> Headers:
        return (("x-api-key", key),)


class GeminiFraming(OpenAIFraming):
    """Source: https://ai.google.dev/api/generate-content"""

    models_path = "/models"

    def path(self, provider: Provider, dialect: DialectName, model: str, mode: Mode, *, counts: bool) -> str:
        return f"/models/{quote(model.removeprefix('models/'), safe='')}{_gemini_method(mode, counts=counts)}"

    def key_headers(self, key: str) -> Headers:
        return (("x-goog-api-key", key),)


class VertexFraming(OpenAIFraming):
    """Gemini and Claude, each in its own dialect, below a project and a location.

    Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference and
    https://docs.anthropic.com/en/api/claude-on-vertex-ai
    """

    models_path = "/publishers/google/models"

    def path(self, provider: Provider, dialect: DialectName, model: str, mode: Mode, *, counts: bool) -> str:
        place = f"/projects/{quote(provider.project, safe='')}/locations/{quote(provider.region, safe='')}"
        name = quote(model.rpartition("/")[2], safe="@")
        if not is_claude(model):
            return f"{place}/publishers/google/models/{name}{_gemini_method(mode, counts=counts)}"
        if counts:
            return f"{place}/publishers/anthropic/models/count-tokens:rawPredict"
        return (
            f"{place}/publishers/anthropic/models/{name}:{'streamRawPredict' if mode is Mode.STREAM else 'rawPredict'}"
        )

    def key_headers(self, key: str) -> Headers:
        """An OAuth token begins with `ya29.`; anything else is an API key (express mode)."""
        return (("authorization", f"Bearer {key}"),) if key.startswith("ya29.") else (("x-goog-api-key", key),)

    def frame_body(self, body: bytes, dialect: DialectName, model: str, *, counts: bool) -> bytes:
        """Claude's model stands in the path here, and its version in the body."""
        if dialect is not DialectName.ANTHROPIC:
            return body
        members = _MEMBERS.decode(body)
        members["anthropic_version"] = Raw(msgspec.json.encode(VERTEX_ANTHROPIC_VERSION))
        if not counts:
            members.pop("model", None)
        return msgspec.json.encode(members)


class BedrockFraming(OpenAIFraming):
    """Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html; a key that is no pair
    of access keys is a Bedrock API key (https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html).
    """

    def path(self, provider: Provider, dialect: DialectName, model: str, mode: Mode, *, counts: bool) -> str:
        what = "count-tokens" if counts else "converse-stream" if mode is Mode.STREAM else "converse"
        return f"/model/{quote(model, safe='')}/{what}"


FRAMINGS: dict[ProviderType, Framing] = {
    ProviderType.OPENAI: OpenAIFraming(),
    ProviderType.OPENAI_COMPATIBLE: CompatibleFraming(),
    ProviderType.AZURE_OPENAI: AzureFraming(),
    ProviderType.ANTHROPIC: AnthropicFraming(),
    ProviderType.GEMINI: GeminiFraming(),
    ProviderType.VERTEX_AI: VertexFraming(),
    ProviderType.BEDROCK: BedrockFraming(),
    ProviderType.SIMULATED: OpenAIFraming(),
}


def call_headers(type_: ProviderType, dialect: DialectName, key: str, mode: Mode) -> Headers:
    """Return what every call with this key carries; raise CredentialRejected for a key that no header can carry."""
    accept = _EVENTS if mode is Mode.STREAM and dialect is not DialectName.BEDROCK else _JSON
    if mode is Mode.STREAM and dialect is DialectName.BEDROCK:
        accept = "application/vnd.amazon.eventstream"
    return (("content-type", _JSON), *_fixed_headers(accept), *_key_headers(type_, key))


def probe_headers(type_: ProviderType, key: str) -> Headers:
    """Return the headers of a ListModels probe."""
    version = (("anthropic-version", ANTHROPIC_VERSION),) if type_ is ProviderType.ANTHROPIC else ()
    return (*_fixed_headers(_JSON), *_key_headers(type_, key), *version)


def _fixed_headers(accept: str) -> Headers:
    return (("accept", accept), ("accept-encoding", "identity"))


def _key_headers(type_: ProviderType, key: str) -> Headers:
    """Whitespace around a key is a slip of whoever wrote the Secret."""
    key = key.strip()
    if not key:
        return ()
    if not (key.isascii() and key.isprintable()):
        raise UpstreamFailure(FailureClass.CREDENTIAL_REJECTED, "the key holds characters that no header can carry")
    return FRAMINGS[type_].key_headers(key)


def _openai_path(dialect: DialectName, *, counts: bool) -> str:
    if counts:
        return "/responses/input_tokens"
    return "/responses" if dialect is DialectName.OPENAI_RESPONSES else "/chat/completions"


def _gemini_method(mode: Mode, *, counts: bool) -> str:
    if counts:
        return ":countTokens"
    return ":streamGenerateContent?alt=sse" if mode is Mode.STREAM else ":generateContent"
