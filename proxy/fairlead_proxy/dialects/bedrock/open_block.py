"""The block of a streamed answer that is under way, of each kind, and the events that it gives."""

import base64
import binascii
from typing import Protocol

from fairlead_proxy.dialects.bedrock.citations import read_citation
from fairlead_proxy.dialects.bedrock.media import media_type_of
from fairlead_proxy.dialects.bedrock.seals import redacted_seal, signature_seal
from fairlead_proxy.dialects.failures import malformed
from fairlead_proxy.dialects.told_json import object_of, text_of
from fairlead_proxy.exchange.completion import AnswerPart, PartBegan, PartEnded, PartGrew, StreamEvent
from fairlead_proxy.exchange.conversation import JsonObject, Media, MediaKind, Reasoning, Text, ToolCall

SERVER_TOOL = "server_tool_use"
"""The type of a call that the vendor's own tool answers: not the caller's business."""
MAX_HELD_CHARACTERS = 32 * 1024 * 1024
"""How much of what is handed out in one piece may come, such as an image; a default."""


class OpenBlock(Protocol):
    """A block of kind and index that has begun; a delta of another kind under its index belongs to the next one.

    `has_begun`: its part has been told of, and counts. A part that is told of as a whole begins at its end.
    """

    has_begun: bool

    def takes(self, content: JsonObject) -> bool: ...

    def begin(self) -> list[StreamEvent]: ...

    def grow(self, delta: JsonObject) -> list[StreamEvent]: ...

    def end(self) -> list[StreamEvent]: ...


def open_block(content: JsonObject, index: int) -> OpenBlock | None:
    """Return the block that begins with a start, or with a delta where there is none; None: it says nothing known.

    `index`: of its part in the answer. Raises UpstreamFailure(MalformedResponse) for a tool call without its beginning.
    """
    if content.get("text") or content.get("citation"):
        return _TextBlock(index)
    if "toolUse" in content:
        use = object_of(content["toolUse"])
        if text_of(use.get("type")) == SERVER_TOOL:
            return _ForeignBlock()
        name = text_of(use.get("name"))
        if not name:
            raise malformed("a tool call names no tool")
        return _CallBlock(index, text_of(use.get("toolUseId")) or f"call_{index}", name)
    if "reasoningContent" in content:
        return _ReasoningBlock(index, "redactedContent" in object_of(content["reasoningContent"]))
    if "image" in content:
        return _ImageBlock(index, text_of(object_of(content["image"]).get("format")) or "png")
    return None


class _TextBlock:
    """See OpenBlock."""

    def __init__(self, index: int) -> None:
        self.has_begun = False
        self._index = index

    def takes(self, content: JsonObject) -> bool:
        return "text" in content or "citation" in content

    def begin(self) -> list[StreamEvent]:
        self.has_begun = True
        return [PartBegan(self._index, Text(""))]

    def grow(self, delta: JsonObject) -> list[StreamEvent]:
        text = text_of(delta.get("text"))
        citation = read_citation(delta.get("citation"))
        return [PartGrew(self._index, text, citation=citation)] if text or citation is not None else []

    def end(self) -> list[StreamEvent]:
        return [PartEnded(self._index)]


class _CallBlock:
    """See OpenBlock."""

    def __init__(self, index: int, id_: str, name: str) -> None:
        self.has_begun = False
        self._index = index
        self._call = ToolCall(id_, name, "")
        self._has_grown = False

    def takes(self, content: JsonObject) -> bool:
        return "toolUse" in content and "name" not in object_of(content["toolUse"])

    def begin(self) -> list[StreamEvent]:
        self.has_begun = True
        return [PartBegan(self._index, self._call)]

    def grow(self, delta: JsonObject) -> list[StreamEvent]:
        text = text_of(object_of(delta.get("toolUse")).get("input"))
        self._has_grown = self._has_grown or bool(text)
        return [PartGrew(self._index, text)] if text else []

    def end(self) -> list[StreamEvent]:
        rest: list[StreamEvent] = [] if self._has_grown else [PartGrew(self._index, "{}")]
        return [*rest, PartEnded(self._index)]


class _ReasoningBlock:
    """See OpenBlock. A signature, and what is redacted, may come in pieces: they make one seal."""

    def __init__(self, index: int, redacted: bool) -> None:
        self.has_begun = False
        self._index = index
        self._redacted = redacted
        self._pieces = _Pieces()

    def takes(self, content: JsonObject) -> bool:
        return "reasoningContent" in content and self._redacted == (
            "redactedContent" in object_of(content["reasoningContent"])
        )

    def begin(self) -> list[StreamEvent]:
        return []

    def grow(self, delta: JsonObject) -> list[StreamEvent]:
        told = object_of(delta.get("reasoningContent"))
        self._pieces.add(text_of(told.get("redactedContent" if self._redacted else "signature")))
        text = text_of(told.get("text"))
        if not text or self._redacted:
            return []
        events: list[StreamEvent] = [] if self.has_begun else [PartBegan(self._index, Reasoning())]
        self.has_begun = True
        return [*events, PartGrew(self._index, text)]

    def end(self) -> list[StreamEvent]:
        if self._redacted:
            content = self._pieces.joined_base64()
            seal = redacted_seal(content) if content else None
        else:
            signature = self._pieces.joined()
            seal = signature_seal(signature) if signature else None
        if self.has_begun:
            sealed: list[StreamEvent] = [] if seal is None else [PartGrew(self._index, seal=seal)]
            return [*sealed, PartEnded(self._index)]
        if seal is None:
            return []
        self.has_begun = True
        return _whole(self._index, Reasoning(seal=seal))


class _ImageBlock:
    """See OpenBlock."""

    def __init__(self, index: int, format_: str) -> None:
        self.has_begun = False
        self._index = index
        self._format = format_
        self._pieces = _Pieces()

    def takes(self, content: JsonObject) -> bool:
        return "image" in content and "format" not in object_of(content["image"])

    def begin(self) -> list[StreamEvent]:
        return []

    def grow(self, delta: JsonObject) -> list[StreamEvent]:
        self._pieces.add(text_of(object_of(object_of(delta.get("image")).get("source")).get("bytes")))
        return []

    def end(self) -> list[StreamEvent]:
        data = self._pieces.joined_base64()
        if not data:
            return []
        self.has_begun = True
        return _whole(self._index, Media(MediaKind.IMAGE, media_type_of(self._format), data))


class _ForeignBlock:
    """See OpenBlock: what the vendor's own tool is asked."""

    def __init__(self) -> None:
        self.has_begun = False

    def takes(self, content: JsonObject) -> bool:
        return "toolUse" in content and "name" not in object_of(content["toolUse"])

    def begin(self) -> list[StreamEvent]:
        return []

    def grow(self, delta: JsonObject) -> list[StreamEvent]:
        return []

    def end(self) -> list[StreamEvent]:
        return []


class _Pieces:
    """Text that is handed out in one piece, within bounds."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._length = 0

    def add(self, text: str) -> None:
        if not text:
            return
        self._length += len(text)
        if self._length > MAX_HELD_CHARACTERS:
            raise malformed("a part of the answer is too long")
        self._texts.append(text)

    def joined(self) -> str:
        return "".join(self._texts)

    def joined_base64(self) -> str:
        """Each piece is base64 by itself."""
        if len(self._texts) < 2:
            return self.joined()
        try:
            return base64.b64encode(b"".join(base64.b64decode(text, validate=True) for text in self._texts)).decode()
        except (binascii.Error, ValueError):
            raise malformed("a piece of the answer is not base64") from None


def _whole(index: int, part: AnswerPart) -> list[StreamEvent]:
    return [PartBegan(index, part), PartEnded(index)]
