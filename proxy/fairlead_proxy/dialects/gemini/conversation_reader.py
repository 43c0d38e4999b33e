"""Reading a caller's whole request into the neutral vocabulary."""

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.gemini.given import Message
from fairlead_proxy.dialects.gemini.settings_reader import (
    Settings,
    read_safety,
    read_settings,
    read_tool_choice,
    read_tools,
)
from fairlead_proxy.dialects.gemini.turns_reader import read_instructions, read_turns
from fairlead_proxy.dialects.given_json import decode_given
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.exchange.conversation import Conversation

WRAPPED = "generateContentRequest"


def read_generate_conversation(request: ReadRequest) -> Conversation:
    """Read a request of generateContent; raise InvalidCall.

    Source: https://ai.google.dev/api/generate-content and, for what Vertex AI adds,
    https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
    """
    return _read(_whole(request), request.mode)


def read_count_conversation(request: ReadRequest) -> Conversation:
    """Read a request of countTokens; raise InvalidCall. Source: https://ai.google.dev/api/tokens"""
    whole = _whole(request)
    return _read(whole.inner(WRAPPED) or whole, request.mode)


def _whole(request: ReadRequest) -> Message:
    return Message(decode_given(request.body))


def _read(whole: Message, mode: Mode) -> Conversation:
    notes = Notes()
    contents = whole.objects("contents")
    if not contents:
        path = whole.path_of("contents")
        raise InvalidCall(f"{path} is missing or empty; give at least one content", path)
    instructions, config = whole.inner("systemInstruction"), whole.inner("generationConfig")
    tool_config = whole.inner("toolConfig")
    if whole.take("cachedContent") is not None:
        notes.bind_to("cachedContent, which Google keeps")
    if whole.take("modelArmorConfig") not in (None, {}):
        notes.bind_to("modelArmorConfig, by which Google checks prompts and answers")
    if not read_safety(whole.objects("safetySettings"), notes):
        whole.leave_out("safetySettings", notes)
    whole.take("model")  # it stands in the path; who counts tokens repeats it
    turns = read_turns(contents, notes)
    if instructions is not None:
        turns = [*read_instructions(instructions, notes), *turns]
    settings = Settings() if config is None else read_settings(config, notes)
    tools = read_tools(whole.objects("tools"), notes)
    tool_choice = None if tool_config is None else read_tool_choice(tool_config, notes)
    whole.leave_rest_out(notes)
    return Conversation(
        turns=tuple(turns),
        tools=tools,
        tool_choice=tool_choice,
        max_tokens=settings.max_tokens,
        stop=settings.stop,
        sampling=settings.sampling,
        choices=settings.choices,
        form=settings.form,
        thinking=settings.thinking,
        stream=mode is Mode.STREAM,
        left_out=notes.left_out,
        bound_to=notes.bound_to,
    )
