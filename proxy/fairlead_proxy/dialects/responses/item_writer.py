"""Writing the turns of a conversation as input items of the Responses API."""

from collections.abc import Iterable
from typing import Any

from fairlead_proxy.dialects.data_urls import data_url_of
from fairlead_proxy.dialects.losses import Loss, media_words
from fairlead_proxy.dialects.media_types import ending_of
from fairlead_proxy.dialects.responses.output_items import (
    COMPLETED,
    annotation_object,
    message_item,
    reasoning_item,
    refusal_content,
)
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.dialects.tool_calls import fit_call_id
from fairlead_proxy.exchange.conversation import (
    Media,
    MediaKind,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

JsonObject = dict[str, Any]

_MAX_CALL_ID = 64
"""The vendor refuses a longer `call_id`."""
_DETAILS = frozenset({"low", "high", "auto", "original"})


class ItemWriter:
    """Collects the items, and what they do not say. `has_reasoning`: some of it goes back to where it came from."""

    def __init__(self) -> None:
        self.items: list[JsonObject] = []
        self.lost: set[str] = set()
        self.has_reasoning = False

    def write(self, turns: Iterable[Turn]) -> None:
        for turn in turns:
            if turn.name is not None:
                self.lost.add(Loss.SPEAKER)
            said: list[Text | Refusal | Media] = []
            for part in turn.parts:
                if getattr(part, "cache", None) is not None:
                    self.lost.add(Loss.CACHE_HINT)
                if isinstance(part, Text | Refusal | Media):
                    said.append(part)
                else:
                    self._write_message(turn.role, said)
                    said = []
                    self._write_item(part)
            self._write_message(turn.role, said)

    def _write_item(self, part: Reasoning | ToolCall | ToolResult) -> None:
        match part:
            case Reasoning():
                self._write_reasoning(part)
            case ToolCall():
                if part.seal is not None:
                    self.lost.add(Loss.FOREIGN_SIGNATURE)
                self.items.append(
                    {
                        "type": "function_call",
                        "call_id": fit_call_id(part.id, most=_MAX_CALL_ID),
                        "name": part.name,
                        "arguments": part.arguments,
                    }
                )
            case ToolResult():
                if part.is_error:
                    self.lost.add(Loss.TOOL_ERROR)
                if any(inner.cache is not None for inner in part.parts):
                    self.lost.add(Loss.CACHE_HINT)
                self.items.append(
                    {
                        "type": "function_call_output",
                        "call_id": fit_call_id(part.call_id, most=_MAX_CALL_ID),
                        "output": self._content(part.parts),
                    }
                )

    def _write_reasoning(self, reasoning: Reasoning) -> None:
        """Reasoning goes back only with the vendor's own seal: nothing was stored that an id could stand for.

        Source: https://platform.openai.com/docs/guides/reasoning, "Encrypted reasoning items".
        """
        if reasoning.seal is None or reasoning.seal.origin is not OWN:
            self.lost.add(Loss.FOREIGN_REASONING)
            return
        self.has_reasoning = True
        self.items.append(reasoning_item(reasoning.id or f"rs_{len(self.items)}", reasoning.text, reasoning.seal))

    def _write_message(self, role: Role, parts: list[Text | Refusal | Media]) -> None:
        if not parts:
            return
        if role is not Role.ASSISTANT:
            self.items.append({"type": "message", "role": str(role), "content": self._content(parts)})
            return
        if len(parts) == 1 and isinstance(parts[0], Text) and not parts[0].citations:
            self.items.append({"type": "message", "role": "assistant", "content": parts[0].text})
            return
        content = [self._said(part) for part in parts if not isinstance(part, Media)]
        if len(content) < len(parts):
            self.lost.add(Loss.ASSISTANT_MEDIA)
        if content:
            self.items.append(message_item(f"msg_{len(self.items)}", content, COMPLETED))

    def _said(self, part: Text | Refusal) -> JsonObject:
        """Return a part of what the assistant said; only a citation of an address has a form here."""
        if isinstance(part, Refusal):
            return refusal_content(part.text)
        written = [citation for citation in part.citations if citation.url and citation.quoted is None]
        if len(written) < len(part.citations):
            self.lost.add(Loss.CITATIONS)
        annotations = [annotation_object(citation, len(part.text)) for citation in written]
        return {"type": "output_text", "text": part.text, "annotations": annotations}

    def _content(self, parts: Iterable[Part]) -> str | list[JsonObject]:
        """Return a content: a text by itself as such, which every server understands, else the parts."""
        given = list(parts)
        if not given:
            return ""
        if len(given) == 1 and isinstance(given[0], Text) and given[0].text:
            return given[0].text
        written = [self._heard(part) for part in given]
        return [part for part in written if part is not None]

    def _heard(self, part: Part) -> JsonObject | None:
        match part:
            case Text() | Refusal():
                return {"type": "input_text", "text": part.text}
            case Media(kind=MediaKind.IMAGE):
                return self._image(part)
            case Media(kind=MediaKind.FILE):
                return self._file(part)
            case Media():
                self.lost.add(media_words(part))
                return None
            case _:
                return None

    def _image(self, image: Media) -> JsonObject:
        written: JsonObject = {
            "type": "input_image",
            "detail": image.detail if image.detail in _DETAILS else "auto",
        }
        if image.file_id is not None:
            return {**written, "file_id": image.file_id}
        return {**written, "image_url": image.url if image.url is not None else _data_url(image)}

    def _file(self, file: Media) -> JsonObject:
        """The vendor wants a name with a file's data; `detail` is left to it where none is given."""
        written: JsonObject = {"type": "input_file"}
        if file.detail in _DETAILS:
            written["detail"] = file.detail
        if file.file_id is not None:
            written["file_id"] = file.file_id
        elif file.url is not None:
            written["file_url"] = file.url
        else:
            written["filename"] = file.name or f"file.{ending_of(file.media_type)}"
            written["file_data"] = _data_url(file)
        return written


def _data_url(media: Media) -> str:
    return data_url_of(media.media_type or "application/octet-stream", media.data or "")
