"""Writing turns as the messages of a chat request.

Contents of text alone are one string, also where there were several parts: servers that follow OpenAI's form may refuse
a list there, as DeepSeek does (https://api-docs.deepseek.com/api/create-chat-completion, "messages").
"""

from collections.abc import Iterable

from fairlead_proxy.contract.names import DialectName, Feature
from fairlead_proxy.dialects.openai.joined_text import PARAGRAPH, join_texts
from fairlead_proxy.dialects.openai.media import write_media
from fairlead_proxy.dialects.openai.reasoning import write_call_seal
from fairlead_proxy.exchange.conversation import (
    JsonObject,
    Media,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

CACHE_HINT = "cache hint"


class MessageWriter:
    """Writes turn by turn; `lost`: see Written."""

    def __init__(self) -> None:
        self.lost: set[str] = set()

    def write(self, turn: Turn) -> list[JsonObject]:
        self._note_losses(turn.parts)
        match turn.role:
            case Role.SYSTEM | Role.DEVELOPER:
                # Servers that follow OpenAI's form know no developers, and OpenAI's models take either for the other.
                return [_named({"role": "system", "content": self._content(turn, with_media=False)}, turn)]
            case Role.USER:
                return self._write_user(turn)
            case Role.ASSISTANT:
                return [_named(self._assistant(turn), turn)]

    def _write_user(self, turn: Turn) -> list[JsonObject]:
        """Write what tools returned first: it must follow their calls directly."""
        results = [part for part in turn.parts if isinstance(part, ToolResult)]
        messages = [self._result(result) for result in results]
        if len(results) < len(turn.parts) or not results:
            messages.append(_named({"role": "user", "content": self._content(turn, with_media=True)}, turn))
        return messages

    def _result(self, result: ToolResult) -> JsonObject:
        if result.is_error:
            self.lost.add("error mark of a tool's result")
        self._note_losses(result.parts)
        if any(isinstance(part, Media) for part in result.parts):
            self.lost.add(str(Feature.TOOL_RESULT_MEDIA))
        return {"role": "tool", "tool_call_id": result.call_id, "content": PARAGRAPH.join(_texts(result.parts))}

    def _content(self, turn: Turn, *, with_media: bool) -> str | list[JsonObject]:
        written: list[JsonObject] = []
        has_media = False
        for part in turn.parts:
            if isinstance(part, Text):
                written.append({"type": "text", "text": part.text})
            elif isinstance(part, Media):
                media = write_media(part) if with_media else None
                if media is None:
                    self.lost.add(f"{part.kind} in a turn of the {turn.role}")
                else:
                    written.append(media)
                    has_media = True
            elif not isinstance(part, ToolResult):
                self.lost.add(f"{type(part).__name__} in a turn of the {turn.role}")
        return written if has_media else PARAGRAPH.join(_texts(turn.parts))

    def _assistant(self, turn: Turn) -> JsonObject:
        refusals = [part.text for part in turn.parts if isinstance(part, Refusal)]
        calls = [self._call(part) for part in turn.parts if isinstance(part, ToolCall)]
        text = join_texts(turn.parts)
        message: JsonObject = {"role": "assistant", "content": text or (None if calls or refusals else "")}
        if refusals:
            message["refusal"] = PARAGRAPH.join(refusals)
        if calls:
            message["tool_calls"] = calls
        for part in turn.parts:
            if isinstance(part, Media | ToolResult):
                kind = part.kind if isinstance(part, Media) else type(part).__name__
                self.lost.add(f"{kind} in a turn of the {turn.role}")
        return message

    def _call(self, call: ToolCall) -> JsonObject:
        written: JsonObject = {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        if call.seal is not None and call.seal.origin is DialectName.OPENAI_CHAT:
            written["extra_content"] = write_call_seal(call.seal)
        elif call.seal is not None:
            self.lost.add("signature of a tool call of another provider")
        return written

    def _note_losses(self, parts: Iterable[Part]) -> None:
        for part in parts:
            if isinstance(part, Reasoning):
                # OpenAI has no member for it, and who has (DeepSeek) wants it left out.
                self.lost.add("reasoning of another provider")
            if isinstance(part, Text) and part.citations:
                self.lost.add("citations")
            if not isinstance(part, Refusal) and part.cache is not None:
                self.lost.add(CACHE_HINT)


def _texts(parts: Iterable[Part]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Text)]


def _named(message: JsonObject, turn: Turn) -> JsonObject:
    return message if turn.name is None else message | {"name": turn.name}
