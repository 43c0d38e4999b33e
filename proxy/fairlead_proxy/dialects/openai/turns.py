"""Reading the messages of a chat request into turns.

Source: https://platform.openai.com/docs/api-reference/chat/create, "messages".
"""

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.given_json import Given, short
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.dialects.openai.media import read_audio, read_file, read_image, read_video
from fairlead_proxy.dialects.openai.reasoning import read_call_seal, read_reasoning
from fairlead_proxy.exchange.conversation import (
    CacheHint,
    Media,
    Part,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

_PLAIN_ROLES = {"system": Role.SYSTEM, "developer": Role.DEVELOPER, "user": Role.USER}
_ROLES = "system, developer, user, assistant, tool or function"
_PART_TYPES = "text, image_url, input_audio, file, video_url or refusal"
_READ = frozenset(
    (
        *("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio", "images"),
        *("reasoning_content", "reasoning", "reasoning_details"),
    )
)


class TurnReader:
    """Reads message by message: what a tool returns is told by the call that it answers.

    Raises InvalidCall.
    """

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._calls = 0
        self._name_of_call: dict[str, str] = {}
        self._open_functions: dict[str, list[str]] = {}
        """Of calls in the old form, which has no ids: those by each name that nobody has answered yet."""

    def read(self, message: Given) -> Turn:
        message.leave_out_beside(_READ, self._notes)
        role = message.text("role")
        match role:
            case "assistant":
                return Turn(Role.ASSISTANT, tuple(self._assistant_parts(message)), message.text("name") or None)
            case "tool":
                call_id = message.needed_text("tool_call_id")
                return self._result(message, call_id, self._name_of_call.get(call_id) or message.text("name") or "")
            case "function":
                name = message.needed_text("name")
                waiting = self._open_functions.get(name)
                if not waiting:
                    place = message.path_of("name")
                    raise InvalidCall(f"'{place}': no function_call of {short(name)!r} stands before it", place)
                return self._result(message, waiting.pop(0), name)
            case _:
                if role not in _PLAIN_ROLES:
                    raise message.refuse_choice("role", _ROLES)
                return Turn(_PLAIN_ROLES[role], tuple(_content_of(message)), message.text("name") or None)

    def _assistant_parts(self, message: Given) -> list[Part]:
        parts: list[Part] = [*read_reasoning(message), *_content_of(message)]
        refusal = message.text("refusal")
        if refusal:
            parts.append(Refusal(refusal))
        parts += (read_image(image) for image in message.objects("images"))
        if message.inner("audio") is not None:
            self._notes.bind_to("a former answer by voice, which the provider keeps")
        for call in message.objects("tool_calls"):
            if call.text("type") == "custom":
                self._notes.bind_to("a call of a custom tool, whose input is no JSON")
            else:
                parts.append(self._call(call))
        old = message.inner("function_call")
        if old is not None:
            name = old.needed_text("name")
            call_id = f"call_{self._calls}"
            self._open_functions.setdefault(name, []).append(call_id)
            parts.append(self._noted(ToolCall(call_id, name, old.text("arguments") or "{}")))
        return parts

    def _call(self, call: Given) -> ToolCall:
        function = call.inner("function")
        if function is None:
            raise call.refuse_choice("function", "an object with 'name' and 'arguments'")
        arguments = function.text("arguments") or "{}"
        seal = read_call_seal(call)
        return self._noted(ToolCall(call.needed_text("id"), function.needed_text("name"), arguments, seal))

    def _noted(self, call: ToolCall) -> ToolCall:
        self._calls += 1
        self._name_of_call[call.id] = call.name
        return call

    def _result(self, message: Given, call_id: str, name: str) -> Turn:
        parts = tuple(part for part in _content_of(message) if isinstance(part, Text | Media))
        return Turn(Role.USER, (ToolResult(call_id, name, parts),))


def read_cache(members: Given) -> CacheHint | None:
    """Return the hint on a part or tool: OpenAI's `prompt_cache_breakpoint`, or `cache_control`, for Anthropic's models
    (https://openrouter.ai/docs/features/prompt-caching).
    """
    for name in ("prompt_cache_breakpoint", "cache_control"):
        hint = members.inner(name)
        if hint is not None:
            return CacheHint(hint.text("ttl") or None)
    return None


def _content_of(message: Given) -> list[Text | Media | Refusal]:
    """Return the parts of the content; a text that is empty is none."""
    content = message.take("content")
    if content is None or isinstance(content, str):
        return [Text(content)] if content else []
    if not isinstance(content, list):
        raise message.refuse_choice("content", "a string or a list of parts")
    parts = (_read_part(part) for part in message.objects("content"))
    return [part for part in parts if not isinstance(part, Text) or part.text or part.cache]


def _read_part(part: Given) -> Text | Media | Refusal:
    match part.text("type"):
        case "text":
            return Text(part.needed_text("text", may_be_empty=True), read_cache(part))
        case "image_url":
            return read_image(part, cache=read_cache(part))
        case "input_audio":
            return read_audio(part, cache=read_cache(part))
        case "file":
            return read_file(part, cache=read_cache(part))
        case "video_url":
            return read_video(part, cache=read_cache(part))
        case "refusal":
            return Refusal(part.needed_text("refusal"))
        case _:
            raise part.refuse_choice("type", _PART_TYPES)
