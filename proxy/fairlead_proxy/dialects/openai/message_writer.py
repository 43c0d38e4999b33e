"""Writing turns as the messages of a chat request.

Contents of text alone are one string, also where there were several parts: servers that follow OpenAI's form may refuse
a list there, as DeepSeek does (https://api-docs.deepseek.com/api/create-chat-completion, "messages").
"""

from collections.abc import Iterable

from fairlead_proxy.contract.names import DialectName, Feature
from fairlead_proxy.dialects.losses import Loss, media_words
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
            self.lost.add(Loss.TOOL_ERROR)
        self._note_losses(result.parts)
        if any(isinstance(part, Media) for part in result.parts):
            self.lost.add(Feature.TOOL_RESULT_MEDIA)
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
                    self.lost.add(media_words(part) if with_media else Loss.SYSTEM_MEDIA)
                else:
                    written.append(media)
                    has_media = True
            elif isinstance(part, ToolCall):
                self.lost.add(Loss.STRAY_CALL)
            elif isinstance(part, Refusal):
                self.lost.add(Loss.STRAY_REFUSAL)
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
            if isinstance(part, Media):
                self.lost.add(Loss.ASSISTANT_MEDIA)
            elif isinstance(part, ToolResult):
                self.lost.add(Loss.STRAY_RESULT)
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
            self.lost.add(Loss.FOREIGN_SIGNATURE)
        return written

    def _note_losses(self, parts: Iterable[Part]) -> None:
        for part in parts:
            if isinstance(part, Reasoning):
                # OpenAI has no member for it, and who has (DeepSeek) wants it left out.
                self.lost.add(Loss.FOREIGN_REASONING)
            if isinstance(part, Text) and part.citations:
                self.lost.add(Loss.CITATIONS)
            if not isinstance(part, Refusal) and part.cache is not None:
                self.lost.add(Loss.CACHE_HINT)


def _texts(parts: Iterable[Part]) -> list[str]:
    return [part.text for part in parts if isinstance(part, Text)]


def _named(message: JsonObject, turn: Turn) -> JsonObject:
    return message if turn.name is None else message | {"name": turn.name}
