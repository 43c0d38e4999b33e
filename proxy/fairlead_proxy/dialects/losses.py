"""The words for what a request does not say to its provider: one for each idea, whichever dialect it is written in."""

from enum import StrEnum

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.exchange.conversation import Conversation, Media, Role, Turn
from fairlead_proxy.exchange.features import features_of


class Loss(StrEnum):
    """They stand in decision records (`lost`). What whole dialects have no word for is named as `Feature` names it."""

    SPEAKER = "name of a message"
    SYSTEM_POSITION = "position of a system message"
    SYSTEM_ROLE = "role of a system message"
    SYSTEM_MEDIA = "a part of a system message that is not text"
    FIRST_TURN = "first turn is the assistant's"
    NO_USER = "no turn of the user's"
    PREFILL = "prefilled answer"
    """The end of the conversation was to be the beginning of the answer."""
    ASSISTANT_MEDIA = "an image or file of the assistant's"
    STRAY_RESULT = "a tool result of the assistant's"
    STRAY_CALL = "a tool call that is not the assistant's"
    STRAY_REFUSAL = "a refusal that is not the assistant's"
    CITATIONS = "citations"
    IMAGE_DETAIL = "detail of an image"
    FILE_NAME = "name of a file"

    CACHE_HINT = "cache hint"
    CACHE_LIFETIME = "lifetime of a cache hint"
    CACHE_HINTS = "cache hints"

    FOREIGN_REASONING = "reasoning of another provider"
    FOREIGN_SIGNATURE = "signature of a tool call of another provider"
    UNASKED_REASONING = "reasoning, where none is asked for"
    REASONING_BETWEEN_CALLS = "reasoning between the calls of another provider's tools"
    REASONING_WHEN_FORCED = "reasoning together with a forced tool"
    REASONING_OFF = "reasoning off"
    REASONING_EFFORT = "reasoning effort"
    EFFORT_ABOVE_HIGH = "reasoning effort above high"
    REASONING_BUDGET = "budget of reasoning tokens"

    TOOL_ERROR = "is_error of a tool result"
    ARGUMENTS = "arguments of a tool call that are not a JSON object"
    ONE_CALL_AT_A_TIME = "parallel tool calls off"
    STRICT_TOOL = "strict tool"
    NO_CALLS = "tool choice none"
    UNOFFERED_TOOLS = "calls of tools that are no longer offered"

    TEMPERATURE = "temperature"
    TOP_P = "top_p"
    TOP_K = "top_k"
    SEED = "seed"
    FREQUENCY_PENALTY = "frequency_penalty"
    PRESENCE_PENALTY = "presence_penalty"
    ALTERNATIVES = "alternatives of each token"
    BLANK_STOP = "a stop sequence of white space"
    MAX_TOKENS = "max_tokens"
    SCHEMA_CONSTRAINTS = "constraints of the JSON schema"
    SCHEMA_DESCRIPTION = "description of the JSON schema"
    USER = "user"
    SERVICE_TIER = "service_tier"


def above(loss: Loss, most: int) -> str:
    """Return the words for what of a number could not be said: what is more than this."""
    return f"{loss} above {most}"


def below(loss: Loss, least: int) -> str:
    return f"{loss} below {least}"


def beyond(loss: Loss | Feature, most: int) -> str:
    """Return the words for what of several things is left out: those after so many."""
    return f"{loss} beyond {most}"


def media_of_type(media: Media) -> str:
    """Return the words for media of a type that is not taken, of a kind that is."""
    return f"{media.kind} of the type {media.media_type or 'unknown'}"


def media_words(media: Media) -> str:
    """Return the words for media that cannot be said: those for which a decision skips a target."""
    return ", ".join(sorted(map(str, features_of(Conversation((Turn(Role.USER, (media,)),))))))
