"""What each dialect has words for, as far as dialects differ: a call that uses more skips a target of that dialect.

Held to what the writers of requests do by `tests/dialects/test_expression.py`.
"""

from fairlead_proxy.contract.names import DialectName, Feature

_EVERYWHERE = frozenset(
    {Feature.TOOLS, Feature.TOOL_CHOICE, Feature.IMAGE_DATA, Feature.JSON_SCHEMA, Feature.REASONING}
)

EXPRESSES: dict[DialectName, frozenset[str]] = {
    DialectName.OPENAI_CHAT: _EVERYWHERE
    | {
        Feature.IMAGE_URL,
        Feature.FILE_DATA,
        Feature.AUDIO,
        Feature.ANY_JSON,
        Feature.LOGPROBS,
        Feature.CHOICES,
        Feature.STOP,
    },
    DialectName.OPENAI_RESPONSES: _EVERYWHERE
    | {
        Feature.IMAGE_URL,
        Feature.FILE_DATA,
        Feature.FILE_URL,
        Feature.TOOL_RESULT_MEDIA,
        Feature.ANY_JSON,
        Feature.LOGPROBS,
    },
    DialectName.ANTHROPIC: _EVERYWHERE
    | {
        Feature.IMAGE_URL,
        Feature.FILE_DATA,
        Feature.FILE_URL,
        Feature.TOOL_RESULT_MEDIA,
        Feature.STOP,
    },
    DialectName.GEMINI: _EVERYWHERE
    | {
        Feature.IMAGE_URL,
        Feature.FILE_DATA,
        Feature.FILE_URL,
        Feature.TOOL_RESULT_MEDIA,
        Feature.AUDIO,
        Feature.AUDIO_URL,
        Feature.VIDEO,
        Feature.VIDEO_URL,
        Feature.ANY_JSON,
        Feature.LOGPROBS,
        Feature.CHOICES,
        Feature.STOP,
    },
    DialectName.BEDROCK: _EVERYWHERE
    | {
        Feature.FILE_DATA,
        Feature.TOOL_RESULT_MEDIA,
        Feature.VIDEO,
        Feature.STOP,
    },
}


def missing_words(dialect: DialectName, features: frozenset[str]) -> list[str]:
    """Return what of these a dialect cannot express, sorted."""
    return sorted(str(feature) for feature in features.difference(EXPRESSES[dialect]))
