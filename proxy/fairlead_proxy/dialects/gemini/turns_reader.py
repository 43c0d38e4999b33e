"""Reading `contents` of a caller's request: who said what, which tools were called, and what they returned."""

from typing import Any

import msgspec

from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.gemini.given import Message
from fairlead_proxy.dialects.gemini.joining import JoinedParts
from fairlead_proxy.dialects.gemini.media import read_file, read_inline
from fairlead_proxy.dialects.gemini.signatures import seal_of_caller
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.exchange.completion import AnswerPart
from fairlead_proxy.exchange.conversation import Media, Reasoning, Role, Text, ToolCall, ToolResult, Turn

_ROLES = {"user": Role.USER, "function": Role.USER, "model": Role.ASSISTANT}
_OWN_PARTS = {
    "executableCode": "code that Google itself runs",
    "codeExecutionResult": "code that Google itself runs",
    "toolCall": "a tool that Google itself runs",
    "toolResponse": "a tool that Google itself runs",
}
_KINDS = ("text", "inlineData", "fileData", "functionCall", "functionResponse", *_OWN_PARTS)
_OUTPUT_MEMBERS = ("result", "output")


def read_instructions(content: Message, notes: Notes) -> list[Turn]:
    """Read `systemInstruction`; raise InvalidCall."""
    content.take("role")  # https://ai.google.dev/api/generate-content: nothing depends on it here
    texts: list[Text] = []
    for part in content.objects("parts"):
        text = part.text("text")
        if text is None:
            raise InvalidCall(f"{part.path} is no text; an instruction can hold nothing else", part.path)
        part.leave_rest_out(notes)
        texts.append(Text(text))
    content.leave_rest_out(notes)
    return [Turn(Role.SYSTEM, tuple(texts))] if texts else []


def read_turns(contents: list[Message], notes: Notes) -> list[Turn]:
    """Read the contents; raise InvalidCall. Contents of the model that follow each other are one turn."""
    turns: list[Turn] = []
    said = JoinedParts()
    calls = _Calls()
    for content in contents:
        role = content.text("role") or "user"
        if role not in _ROLES:
            raise content.refuse_choice("role", "user, model or function")
        parts = content.objects("parts")
        content.leave_rest_out(notes)
        if _ROLES[role] is Role.ASSISTANT:
            for part in parts:
                said.add(_read_model_part(part, calls, notes))
            continue
        _end_turn(said, turns)
        said = JoinedParts()
        heard = [piece for part in parts for piece in _read_user_part(part, calls, notes)]
        if heard:
            turns.append(Turn(Role.USER, tuple(heard)))
    _end_turn(said, turns)
    return turns


class _Calls:
    """Matches the results of tools with the calls, which need no id in this dialect: by id, else by name in order."""

    def __init__(self) -> None:
        self._unanswered: list[ToolCall] = []
        self._ids: set[str] = set()
        self._count = 0

    def note(self, call: Message) -> tuple[str, str]:
        """Return the id and name of a call."""
        name = call.needed_text("name")
        call_id = call.text("id") or self._next_id()
        self._ids.add(call_id)
        self._unanswered.append(ToolCall(call_id, name))
        return call_id, name

    def answer(self, call_id: str, name: str) -> str:
        """Return the id of the call that a result belongs to."""
        for index, call in enumerate(self._unanswered):
            if call.id == call_id or (not call_id and call.name == name):
                del self._unanswered[index]
                return call.id
        return call_id or self._next_id()

    def _next_id(self) -> str:
        while f"call_{self._count}" in self._ids:
            self._count += 1
        self._ids.add(f"call_{self._count}")
        return f"call_{self._count}"


def _end_turn(said: JoinedParts, turns: list[Turn]) -> None:
    if said.parts:
        turns.append(Turn(Role.ASSISTANT, tuple(said.parts)))


def _kind_of(part: Message) -> str:
    """Return the member that says what a part is, or an empty text where it is nothing that is known."""
    kinds = [kind for kind in _KINDS if kind in part]
    if len(kinds) > 1:
        raise InvalidCall(f"{part.path} holds {' and '.join(kinds)}; a part can be one thing only", part.path)
    return kinds[0] if kinds else ""


def _read_model_part(part: Message, calls: _Calls, notes: Notes) -> list[AnswerPart]:
    """A signature on what is no thought and no call becomes hidden reasoning that follows it; the writer puts it back
    onto the part before. Source: https://ai.google.dev/gemini-api/docs/thought-signatures
    """
    kind, thought, signature = _kind_of(part), part.flag("thought"), part.text("thoughtSignature")
    seal = seal_of_caller(signature) if signature else None
    hidden = [Reasoning(seal=seal)] if seal else []
    pieces: list[AnswerPart] = []
    match kind:
        case "text" | "" if thought or kind == "text":
            text = part.text("text") or ""
            if thought:
                pieces = [Reasoning(text, seal)] if text or seal else []
            else:
                pieces = [*([Text(text)] if text else []), *hidden]
        case "":
            pieces = [*hidden]
        case "inlineData" | "fileData":
            pieces = [_read_media(part), *hidden]
        case "functionCall":
            call = Message(part.take("functionCall"), part.path_of("functionCall"))
            call_id, name = calls.note(call)
            arguments = msgspec.json.encode(call.json_object("args") or {}).decode()
            call.leave_rest_out(notes)
            pieces = [ToolCall(call_id, name, arguments, seal)]
        case "functionResponse":
            raise InvalidCall(f"{part.path} is a functionResponse; it belongs into a content of the user", part.path)
        case _:
            part.take(kind)
            notes.bind_to(_OWN_PARTS[kind])
    part.leave_rest_out(notes)
    return pieces


def _read_user_part(part: Message, calls: _Calls, notes: Notes) -> list[Text | Media | ToolResult]:
    kind = _kind_of(part)
    pieces: list[Text | Media | ToolResult] = []
    match kind:
        case "text":
            pieces = [Text(part.text("text") or "")]
        case "inlineData" | "fileData":
            pieces = [_read_media(part)]
            if part.take("videoMetadata") not in (None, {}):
                notes.bind_to("videoMetadata, a piece of a video")
        case "functionResponse":
            pieces = [_read_result(Message(part.take(kind), part.path_of(kind)), calls, notes)]
        case "functionCall":
            raise InvalidCall(f"{part.path} is a functionCall; it belongs into a content of the model", part.path)
        case "":
            if not part.unread():
                raise InvalidCall(f"{part.path} is empty; give it a text, inlineData or fileData", part.path)
        case _:
            part.take(kind)
            notes.bind_to(_OWN_PARTS[kind])
    part.leave_rest_out(notes)
    return pieces


def _read_media(part: Message) -> Media:
    inline = part.inner("inlineData")
    if inline is not None:
        return read_inline(inline)
    return read_file(Message(part.take("fileData"), part.path_of("fileData")))


def _read_result(result: Message, calls: _Calls, notes: Notes) -> ToolResult:
    name, given_id = result.text("name") or "", result.text("id") or ""
    response = result.json_object("response") or {}
    media = [_read_media(part) for part in result.objects("parts") if "inlineData" in part or "fileData" in part]
    result.leave_rest_out(notes)
    text, is_error = text_of_response(response)
    parts: list[Text | Media] = [*media]
    if text or not media:
        parts.insert(0, Text(text))
    return ToolResult(calls.answer(given_id, name), name, tuple(parts), is_error)


def text_of_response(response: dict[str, Any]) -> tuple[str, bool]:
    """Return what a function returned, as a text, and whether it failed.

    The vendor reads `output` and `error`, and takes the whole for the output where neither is given; google-genai
    writes `result`. Source: https://ai.google.dev/api/caching#FunctionResponse
    """
    if len(response) == 1:
        ((name, value),) = response.items()
        if name in _OUTPUT_MEMBERS or name == "error":
            return value if isinstance(value, str) else msgspec.json.encode(value).decode(), name == "error"
    return (msgspec.json.encode(response).decode() if response else ""), False
