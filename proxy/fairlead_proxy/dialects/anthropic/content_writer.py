"""Writing the turns of a conversation as Anthropic's messages, in the order and form that the vendor insists on."""

import base64
import binascii
import re
from collections.abc import Iterable
from itertools import groupby

from fairlead_proxy.dialects.anthropic.thoughts import OWN, redacted_data
from fairlead_proxy.dialects.losses import Loss, media_words
from fairlead_proxy.dialects.media_types import PDF, PLAIN_TEXT, bare_type
from fairlead_proxy.dialects.speakers import CONTINUED, GO_ON, INSTRUCTING
from fairlead_proxy.dialects.tool_calls import arguments_in, fit_call_id
from fairlead_proxy.exchange.conversation import (
    CacheHint,
    JsonObject,
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

_REASONING = ("thinking", "redacted_thinking")
_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")


class Messages:
    """The system prompt and the messages that a conversation's turns make; `lost` gathers what they do not say.

    `prefill`: the model goes on with a last message of the assistant's.

    Source: https://docs.anthropic.com/en/api/messages, "messages" and "system".
    """

    def __init__(self, turns: Iterable[Turn], *, prefill: bool) -> None:
        self.lost: set[str] = set()
        self.system: list[JsonObject] = []
        self.messages: list[JsonObject] = []
        spoken = self._write_system(turns)
        for role, group in groupby(spoken, key=lambda turn: turn.role):
            blocks = [block for turn in group for part in turn.parts for block in self._write_part(part, role)]
            self._add(role, blocks)
        for message in self.messages:
            # "tool_result blocks must come first in the content array" (…/tool-use/implement-tool-use)
            message["content"].sort(key=lambda block: block["type"] != "tool_result")
        self._end(prefill=prefill)
        if not self.messages:
            self.lost.add(Loss.NO_USER)
            self.messages.append(_message(Role.USER, [_text_block(CONTINUED, None)]))

    @property
    def lacks_thinking(self) -> bool:
        """Say whether tools of the last turn have answered, and its reasoning is not there.

        See `ask_to_think`.
        """
        if len(self.messages) < 2 or self.messages[-1]["content"][0]["type"] != "tool_result":
            return False
        return self.messages[-2]["role"] == Role.ASSISTANT and (
            self.messages[-2]["content"][0]["type"] not in _REASONING
        )

    def leave_out_thinking(self) -> None:
        """Take the reasoning out of the assistant's last message.

        Where the model is not to think, the vendor refuses it there, and takes no notice of it anywhere else.
        """
        spoken = [message for message in self.messages if message["role"] == Role.ASSISTANT]
        content = spoken[-1]["content"] if spoken else []
        kept = [block for block in content if block["type"] not in _REASONING]
        if len(kept) < len(content):
            self.lost.add(Loss.UNASKED_REASONING)
            spoken[-1]["content"] = kept or [_text_block(CONTINUED, None)]

    def _write_system(self, turns: Iterable[Turn]) -> list[Turn]:
        """Gather the instructions in the one place there is for them; return the other turns."""
        spoken: list[Turn] = []
        for turn in turns:
            if turn.name is not None:
                self.lost.add(Loss.SPEAKER)
            if turn.role not in INSTRUCTING:
                spoken.append(turn)
                continue
            if spoken:
                self.lost.add(Loss.SYSTEM_POSITION)
            for part in turn.parts:
                if isinstance(part, Text | Refusal):
                    self.system += self._write_part(part, turn.role)
                else:
                    self.lost.add(Loss.SYSTEM_MEDIA)
        return spoken

    def _add(self, role: Role, blocks: list[JsonObject]) -> None:
        if not blocks:
            return
        if not self.messages and role is Role.ASSISTANT:
            # "the first message must always use the user role"
            self.lost.add(Loss.FIRST_TURN)
            self.messages.append(_message(Role.USER, [_text_block(CONTINUED, None)]))
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += blocks
        else:
            self.messages.append(_message(role, blocks))

    def _end(self, *, prefill: bool) -> None:
        """See to an answer that the caller has begun. Where it is taken, its last text may not end in white space."""
        if not self.messages or self.messages[-1]["role"] != Role.ASSISTANT:
            return
        content = self.messages[-1]["content"]
        texts = [block for block in content if block["type"] == "text"]
        if not prefill and not any(block["type"] == "tool_use" for block in content):
            self.lost.add(Loss.PREFILL)
            self.messages.append(_message(Role.USER, [_text_block(GO_ON, None)]))
        elif texts:
            texts[-1]["text"] = texts[-1]["text"].rstrip()

    def _write_part(self, part: Part, role: Role) -> list[JsonObject]:
        match part:
            case Text():
                return self._write_text(part)
            case Refusal():
                return _text_blocks(part.text, None)
            case Media():
                if role is Role.ASSISTANT:
                    self.lost.add(Loss.ASSISTANT_MEDIA)
                    return []
                return self._write_media(part)
            case Reasoning():
                return self._write_reasoning(part)
            case ToolCall():
                return [self._write_call(part)]
            case ToolResult():
                return [self._write_result(part)]

    def _write_text(self, text: Text) -> list[JsonObject]:
        if text.citations:
            self.lost.add(Loss.CITATIONS)
        return _text_blocks(text.text, text.cache)

    def _write_media(self, media: Media) -> list[JsonObject]:
        if media.detail not in (None, "auto"):
            self.lost.add(Loss.IMAGE_DETAIL)
        source = _source_of(media)
        if source is None:
            self.lost.add(media_words(media))
            return []
        block: JsonObject = {"type": "image" if media.kind is MediaKind.IMAGE else "document", "source": source}
        if media.kind is not MediaKind.IMAGE and media.name:
            block["title"] = media.name
        return [_with_cache(block, media.cache)]

    def _write_reasoning(self, reasoning: Reasoning) -> list[JsonObject]:
        """Write reasoning that the vendor has sealed; it takes no other, and no cache hint on it."""
        seal = reasoning.seal
        if seal is None or seal.origin is not OWN:
            if reasoning.text or seal is not None:
                self.lost.add(Loss.FOREIGN_REASONING)
            return []
        if reasoning.cache is not None:
            self.lost.add(Loss.CACHE_HINT)
        data = redacted_data(seal)
        if data is not None:
            return [{"type": "redacted_thinking", "data": data}]
        return [{"type": "thinking", "thinking": reasoning.text, "signature": seal.value}]

    def _write_call(self, call: ToolCall) -> JsonObject:
        if call.seal is not None:
            self.lost.add(Loss.FOREIGN_SIGNATURE)
        arguments, whole = arguments_in(call.arguments)
        if not whole:
            self.lost.add(Loss.ARGUMENTS)
        block = {"type": "tool_use", "id": fit_id(call.id), "name": call.name, "input": arguments}
        return _with_cache(block, call.cache)

    def _write_result(self, result: ToolResult) -> JsonObject:
        block: JsonObject = {"type": "tool_result", "tool_use_id": fit_id(result.call_id)}
        content: list[JsonObject] = []
        for part in result.parts:
            content += self._write_part(part, Role.USER)
        if content:
            block["content"] = content
        if result.is_error:
            block["is_error"] = True
        return _with_cache(block, result.cache)


def fit_id(call_id: str) -> str:
    """Return the id of a call in the form that the vendor asks for."""
    return fit_call_id(call_id, _UNFIT)


def cache_control(hint: CacheHint) -> JsonObject:
    return {"type": "ephemeral"} if hint.ttl is None else {"type": "ephemeral", "ttl": hint.ttl}


def _with_cache(block: JsonObject, hint: CacheHint | None) -> JsonObject:
    if hint is not None:
        block["cache_control"] = cache_control(hint)
    return block


def _message(role: Role, blocks: list[JsonObject]) -> JsonObject:
    return {"role": role, "content": blocks}


def _text_block(text: str, cache: CacheHint | None) -> JsonObject:
    return _with_cache({"type": "text", "text": text}, cache)


def _text_blocks(text: str, cache: CacheHint | None) -> list[JsonObject]:
    """Leave out what is empty: "text content blocks must contain non-whitespace text"."""
    return [_text_block(text, cache)] if text.strip() else []


def _source_of(media: Media) -> JsonObject | None:
    """Return where the content is; None for what the dialect has no word for."""
    if media.kind not in (MediaKind.IMAGE, MediaKind.FILE):
        return None
    if media.file_id is not None:
        return {"type": "file", "file_id": media.file_id} if media.origin is OWN else None
    if media.url is not None:
        return {"type": "url", "url": media.url}
    data = media.data or ""
    if media.kind is MediaKind.FILE and bare_type(media.media_type) == PLAIN_TEXT:
        text = _unpacked(data)
        if text is not None:
            return {"type": "text", "media_type": PLAIN_TEXT, "data": text}
    media_type = media.media_type or (PDF if media.kind is MediaKind.FILE else "")
    return {"type": "base64", "media_type": media_type, "data": data}


def _unpacked(data: str) -> str | None:
    try:
        return base64.b64decode(data).decode()
    except (binascii.Error, ValueError):
        return None
