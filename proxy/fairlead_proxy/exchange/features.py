"""What of a conversation a dialect, or a model, may not be able to serve."""

from collections.abc import Iterator
from functools import lru_cache

from fairlead_proxy.contract.names import Feature
from fairlead_proxy.exchange.conversation import (
    Conversation,
    Media,
    MediaKind,
    Part,
    Reasoning,
    ToolCall,
    ToolChoiceMode,
    ToolResult,
)

_NEED_OF_FEATURE: dict[str, str] = {
    Feature.TOOLS: "tools",
    Feature.IMAGE_DATA: "vision",
    Feature.IMAGE_URL: "vision",
    Feature.JSON_SCHEMA: "jsonSchema",
    Feature.REASONING: "reasoning",
    Feature.AUDIO: "audio",
    Feature.AUDIO_URL: "audio",
}
"""What a model must be capable of, by the names that ModelProvider gives capabilities."""


def features_of(conversation: Conversation) -> frozenset[str]:
    """Return the features that a conversation uses, and the words for what binds it to its own dialect."""
    return _one_for_all(frozenset(_features(conversation)))


@lru_cache(maxsize=1024)
def _one_for_all(features: frozenset[str]) -> frozenset[str]:
    """Return the set that equals this one and was seen first: thousands of calls are remembered with few such sets."""
    return features


def needs_of(features: frozenset[str]) -> frozenset[str]:
    """Return the capabilities that a target's model needs for these features."""
    return frozenset(_NEED_OF_FEATURE[feature] for feature in features if feature in _NEED_OF_FEATURE)


def _features(conversation: Conversation) -> Iterator[str]:
    yield from conversation.bound_to
    if conversation.tools:
        yield Feature.TOOLS
        choice = conversation.tool_choice
        if choice is not None and (choice.mode is not ToolChoiceMode.AUTO or choice.names):
            yield Feature.TOOL_CHOICE
    if conversation.form is not None:
        yield Feature.ANY_JSON if conversation.form.schema is None else Feature.JSON_SCHEMA
    if conversation.thinking is not None and not conversation.thinking.off:
        yield Feature.REASONING
    if conversation.sampling.logprobs is not None:
        yield Feature.LOGPROBS
    if conversation.choices > 1:
        yield Feature.CHOICES
    if conversation.stop:
        yield Feature.STOP
    for turn in conversation.turns:
        for part in turn.parts:
            yield from _features_of_part(part)


def _features_of_part(part: Part) -> Iterator[str]:
    match part:
        case Media():
            yield _feature_of_media(part)
        case ToolCall():
            yield Feature.TOOLS
        case ToolResult():
            yield Feature.TOOLS
            for inner in part.parts:
                if isinstance(inner, Media):
                    yield Feature.TOOL_RESULT_MEDIA
                    yield _feature_of_media(inner)
        case Reasoning():
            pass  # what a target cannot use of it is left out, and named
        case _:
            pass


def _feature_of_media(media: Media) -> str:
    """Return the feature; for a file that a vendor keeps, words that no dialect but its own knows."""
    if media.file_id is not None:
        return f"files kept at the provider ({media.origin})"
    if media.kind is MediaKind.AUDIO:
        return Feature.AUDIO if media.url is None else Feature.AUDIO_URL
    if media.kind is MediaKind.VIDEO:
        return Feature.VIDEO if media.url is None else Feature.VIDEO_URL
    if media.kind is MediaKind.IMAGE:
        return Feature.IMAGE_DATA if media.url is None else Feature.IMAGE_URL
    return Feature.FILE_DATA if media.url is None else Feature.FILE_URL
