"""Reading what a caller's request says beside its contents: how to generate, and which tools there are."""

from msgspec import Struct

from fairlead_proxy.dialects.gemini.given import Message
from fairlead_proxy.dialects.gemini.schema import to_json_schema
from fairlead_proxy.dialects.gemini.thinking import read_thinking
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    JsonObject,
    Sampling,
    Thinking,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)

_PLAIN, _JSON = "text/plain", "application/json"
_OWN_OUTPUT = (
    "speechConfig", "imageConfig", "responseFormat", "translationConfig", "audioTimestamp", "audioTranscriptionConfig",
)  # fmt: skip
"""What asks for an answer that is no text, or for what is said when in a sound; only the vendor's own models give it.
"""

_MODES = {
    "AUTO": ToolChoiceMode.AUTO,
    "VALIDATED": ToolChoiceMode.AUTO,
    "ANY": ToolChoiceMode.ANY,
    "NONE": ToolChoiceMode.NONE,
}
"""VALIDATED is AUTO with arguments that keep to their schema, which is nobody's harm elsewhere.

Source: https://ai.google.dev/gemini-api/docs/function-calling#function_calling_modes
"""
_UNSPECIFIED = "MODE_UNSPECIFIED"
_BLOCKING = frozenset({"BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH"})
"""The thresholds at which anything is blocked; "the default block threshold is Off" from Gemini 2.5 on."""


class Settings(Struct, frozen=True):
    """What `generationConfig` says."""

    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()
    choices: int = 1
    form: AnswerForm | None = None
    thinking: Thinking | None = None


def read_settings(config: Message, notes: Notes) -> Settings:
    """Read `generationConfig`; raise InvalidCall. Source: https://ai.google.dev/api/generate-content#generationconfig"""
    for name in _OWN_OUTPUT:
        if config.take(name) not in (None, False):
            notes.bind_to(config.path_of(name))
    for modality in config.texts("responseModalities"):
        if modality.upper() not in ("TEXT", "MODALITY_UNSPECIFIED"):
            notes.bind_to(f"answers as {modality.lower()[:20]}")
    thinking = config.inner("thinkingConfig")
    wants_chances, chances = config.flag("responseLogprobs"), config.whole("logprobs")
    top_k = config.number("topK")
    settings = Settings(
        max_tokens=config.whole("maxOutputTokens"),
        stop=config.texts("stopSequences"),
        sampling=Sampling(
            temperature=config.number("temperature"),
            top_p=config.number("topP"),
            top_k=None if top_k is None else int(top_k),
            seed=config.whole("seed"),
            frequency_penalty=config.number("frequencyPenalty"),
            presence_penalty=config.number("presencePenalty"),
            logprobs=max(0, chances or 0) if wants_chances else None,
        ),
        choices=max(1, config.whole("candidateCount") or 1),
        form=_read_form(config, notes),
        thinking=None if thinking is None else read_thinking(thinking, notes),
    )
    config.leave_rest_out(notes)
    return settings


def read_safety(settings: list[Message], notes: Notes) -> bool:
    """Say whether `safetySettings` have more blocked than the vendor blocks unasked: the caller relies on it then.

    Raises InvalidCall. Source: https://ai.google.dev/gemini-api/docs/safety-settings
    """
    stricter = any((setting.text("threshold") or "").upper() in _BLOCKING for setting in settings)
    if stricter:
        notes.bind_to("safetySettings, by which Google blocks more")
    return stricter


def read_tools(tools: list[Message], notes: Notes) -> tuple[Tool, ...]:
    """Read `tools`; raise InvalidCall. Whatever is no function is run by the vendor, or is known to it alone."""
    functions: list[Tool] = []
    for tool in tools:
        functions += [_read_function(declared, notes) for declared in tool.objects("functionDeclarations")]
        for name in tool.unread():
            notes.bind_to(f"the tool {name}, which Google itself runs")
    return tuple(functions)


def read_tool_choice(config: Message, notes: Notes) -> ToolChoice | None:
    """Read `toolConfig`; raise InvalidCall."""
    calling = config.inner("functionCallingConfig")
    config.leave_rest_out(notes)
    if calling is None:
        return None
    mode, names = (calling.text("mode") or _UNSPECIFIED).upper(), calling.texts("allowedFunctionNames")
    calling.leave_rest_out(notes)
    if mode == _UNSPECIFIED:
        return ToolChoice(ToolChoiceMode.AUTO, names) if names else None
    if mode not in _MODES:
        raise calling.refuse_choice("mode", f"one of {', '.join(_MODES)}")
    if mode == "ANY" and len(names) == 1:
        return ToolChoice(ToolChoiceMode.NAMED, names)
    return ToolChoice(_MODES[mode], names)


def _read_function(declared: Message, notes: Notes) -> Tool:
    name = declared.needed_text("name")
    schema, parameters = declared.json_object("parametersJsonSchema"), declared.take("parameters")
    if schema is None and parameters is not None:
        schema = to_json_schema(parameters, declared.path_of("parameters"))
    tool = Tool(name, declared.text("description"), schema)
    declared.leave_rest_out(notes)
    return tool


def _read_form(config: Message, notes: Notes) -> AnswerForm | None:
    media_type, own = config.text("responseMimeType"), config.take("responseSchema")
    schema: JsonObject | None = None
    for name in ("responseJsonSchema", "_responseJsonSchema"):
        schema = config.json_object(name) or schema
    if schema is None and own not in (None, {}):
        schema = to_json_schema(own, config.path_of("responseSchema"))
    if media_type and media_type not in (_PLAIN, _JSON):
        notes.bind_to(f"answers of the type {media_type[:40]}")
        return None
    return AnswerForm(schema) if media_type == _JSON or schema is not None else None
