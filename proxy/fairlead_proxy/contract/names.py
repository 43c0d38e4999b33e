"""The closed choices that both houses know by the same name."""

from enum import StrEnum


class Name(StrEnum):
    """A choice, hashed as the text that it is: Python's own enumerations are hashed by a function of theirs."""

    __hash__ = str.__hash__


class ProviderType(Name):
    OPENAI = "OpenAI"
    OPENAI_COMPATIBLE = "OpenAICompatible"
    AZURE_OPENAI = "AzureOpenAI"
    ANTHROPIC = "Anthropic"
    GEMINI = "Gemini"
    VERTEX_AI = "VertexAI"
    BEDROCK = "Bedrock"
    SIMULATED = "Simulated"


class DialectName(Name):
    """A wire format of chat. Its value is what logs, decision records and seals call it."""

    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    ANTHROPIC = "anthropic-messages"
    GEMINI = "gemini"
    BEDROCK = "bedrock-converse"


class Operation(Name):
    """What is asked. A model that lists chat or responses serves either, through translation where need be.

    COUNT_TOKENS needs no mention in a model's operations: whoever chats in a dialect that can count, counts.
    """

    CHAT = "chat"
    RESPONSES = "responses"
    COUNT_TOKENS = "countTokens"


class Feature(Name):
    """What a request may use and a dialect may have no word for. Its value is what a refusal names."""

    TOOLS = "tools"
    TOOL_CHOICE = "tool choice"
    TOOL_RESULT_MEDIA = "images or files in tool results"
    IMAGE_DATA = "images as base64"
    IMAGE_URL = "images by URL"
    FILE_DATA = "files as base64"
    FILE_URL = "files by URL"
    AUDIO = "audio"
    AUDIO_URL = "audio by URL"
    VIDEO = "videos as base64"
    VIDEO_URL = "videos by URL"
    ANY_JSON = "JSON answers without a schema"
    JSON_SCHEMA = "JSON schema"
    REASONING = "reasoning"
    LOGPROBS = "log probabilities"
    CHOICES = "more than one choice"
    STOP = "stop sequences"


class MaintenanceState(Name):
    """Whether a provider takes new calls: as nodes do pods. The last two take none; DRAINING also waits for the end of
    those that run.
    """

    ACTIVE = "Active"
    CORDONED = "Cordoned"
    DRAINING = "Draining"


class Strategy(Name):
    PRIORITY = "Priority"
    WEIGHTED = "Weighted"


class WhenTooLong(Name):
    """What becomes of a call that a target finds too long for its model."""

    TO_LARGER = "ToLarger"
    DENY = "Deny"


class WhenFiltered(Name):
    """What becomes of a call whose prompt, or whose answer before its first content, a provider filters."""

    DENY = "Deny"
    FALLBACK = "Fallback"


class WhenBroken(Name):
    """What becomes of a stream that breaks after content: it ends with an error, or another target goes on with it."""

    ERROR = "Error"
    CONTINUE = "Continue"


class WhenGone(Name):
    """What becomes of an attempt whose caller leaves: it is cancelled, or heard out for a moment for its counts."""

    CANCEL = "Cancel"
    DRAIN = "Drain"


class ProbeMode(Name):
    """What the elected proxy asks a provider: nothing, for its models, or for an answer of one token, which costs."""

    NONE = "None"
    LIST_MODELS = "ListModels"
    CHAT = "Chat"


class ProbeLimit(Name):
    """Why a provider in the mode Chat is asked for less than that."""

    PRICE_UNKNOWN = "PriceUnknown"
    BUDGET_SPENT = "BudgetSpent"


WITHOUT_MODEL_LIST = frozenset({ProviderType.BEDROCK, ProviderType.VERTEX_AI})
"""Types that have no list of models to ask for at the address of calls."""


class Mode(Name):
    """How an answer comes: in one piece, or as a stream. Each has its own breaker."""

    PLAIN = "plain"
    STREAM = "stream"


class BreakerState(Name):
    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


class FailureClass(Name):
    """Every way in which an attempt can fail; fallback is decided by class, never by a bare status."""

    UNREACHABLE = "Unreachable"
    TIMEOUT = "Timeout"
    FIRST_TOKEN_TIMEOUT = "FirstTokenTimeout"  # noqa: S105 (the token of a model, not a secret)
    STREAM_STALLED = "StreamStalled"
    SERVER_ERROR = "ServerError"
    OVERLOADED = "Overloaded"
    STREAM_BROKEN = "StreamBroken"
    ERROR_IN_STREAM = "ErrorInStream"
    MALFORMED_RESPONSE = "MalformedResponse"
    RATE_LIMITED = "RateLimited"
    QUOTA_EXHAUSTED = "QuotaExhausted"
    CREDENTIAL_REJECTED = "CredentialRejected"
    MODEL_UNAVAILABLE = "ModelUnavailable"
    CONTEXT_LENGTH_EXCEEDED = "ContextLengthExceeded"
    CONTENT_FILTERED = "ContentFiltered"
    INVALID_REQUEST = "InvalidRequest"
    CLIENT_GONE = "ClientGone"


class HealthReason(Name):
    """What the `Healthy` condition says of a provider that does not serve."""

    UNREACHABLE = "Unreachable"
    TIMING_OUT = "TimingOut"
    FAILING = "Failing"
    RATE_LIMITED = "RateLimited"
    QUOTA_EXHAUSTED = "QuotaExhausted"
    CREDENTIAL_REJECTED = "CredentialRejected"
    MODEL_UNAVAILABLE = "ModelUnavailable"


HEALTH_REASON: dict[FailureClass, HealthReason] = {
    FailureClass.UNREACHABLE: HealthReason.UNREACHABLE,
    FailureClass.TIMEOUT: HealthReason.TIMING_OUT,
    FailureClass.FIRST_TOKEN_TIMEOUT: HealthReason.TIMING_OUT,
    FailureClass.STREAM_STALLED: HealthReason.TIMING_OUT,
    FailureClass.SERVER_ERROR: HealthReason.FAILING,
    FailureClass.OVERLOADED: HealthReason.FAILING,
    FailureClass.STREAM_BROKEN: HealthReason.FAILING,
    FailureClass.ERROR_IN_STREAM: HealthReason.FAILING,
    FailureClass.MALFORMED_RESPONSE: HealthReason.FAILING,
    FailureClass.RATE_LIMITED: HealthReason.RATE_LIMITED,
    FailureClass.QUOTA_EXHAUSTED: HealthReason.QUOTA_EXHAUSTED,
    FailureClass.CREDENTIAL_REJECTED: HealthReason.CREDENTIAL_REJECTED,
    FailureClass.MODEL_UNAVAILABLE: HealthReason.MODEL_UNAVAILABLE,
}
"""Failure classes that blame the provider; the four that are not here are the call's own nature."""

FALLBACK_CLASSES: frozenset[FailureClass] = frozenset(HEALTH_REASON)
"""What `fallback.when` may name, and what it is when omitted."""

TIMEOUT_CLASSES = frozenset({FailureClass.TIMEOUT, FailureClass.FIRST_TOKEN_TIMEOUT, FailureClass.STREAM_STALLED})

REPEATABLE_CLASSES = frozenset(
    {
        FailureClass.UNREACHABLE,
        FailureClass.SERVER_ERROR,
        FailureClass.OVERLOADED,
        FailureClass.STREAM_BROKEN,
    }
)
"""Only these are tried again on the same target (`retry.sameTarget`)."""

EJECTING_CLASSES = frozenset(
    {
        FailureClass.RATE_LIMITED,
        FailureClass.QUOTA_EXHAUSTED,
        FailureClass.CREDENTIAL_REJECTED,
        FailureClass.MODEL_UNAVAILABLE,
    }
)
"""One of these opens a breaker at once; the others need `consecutive` or `errorRate`."""
