"""One part of a turn as blocks of Converse's content.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

import re

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.bedrock.media import DocumentNames, write_media
from fairlead_proxy.dialects.bedrock.models import Traits
from fairlead_proxy.dialects.bedrock.seals import reasoning_block
from fairlead_proxy.dialects.losses import Loss
from fairlead_proxy.dialects.tool_calls import arguments_in, fit_call_id
from fairlead_proxy.exchange.conversation import (
    CacheHint,
    JsonObject,
    Media,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)

Blocks = list[JsonObject]

_UNFIT, _MOST_OF_ID = re.compile(r"[^a-zA-Z0-9_.:-]"), 64
"""What an id of a call must not hold, and how long it may be."""
_TTLS = frozenset({"5m", "1h"})


class BlockWriter:
    """Writes the parts of one request; what has no words goes to `lost`."""

    def __init__(self, traits: Traits, lost: set[str]) -> None:
        self._traits = traits
        self._lost = lost
        self._names = DocumentNames()

    def write(self, part: Part, role: Role) -> Blocks:
        """Return the blocks of a part: none where there is nothing to say, or no word for it."""
        match part:
            case Text():
                if part.citations:
                    self._lost.add(Loss.CITATIONS)
                return self._text(part.text, part.cache)
            case Refusal():
                return self._text(part.text, None)
            case Media():
                if role is Role.ASSISTANT:
                    self._lost.add(Loss.ASSISTANT_MEDIA)
                    return []
                block = write_media(part, self._names, self._lost)
                return [] if block is None else [block, *self.cache_point(part.cache)]
            case Reasoning():
                return self._reasoning(part)
            case ToolCall():
                return self._call(part)
            case ToolResult():
                return self._result(part)

    def cache_point(self, hint: CacheHint | None) -> Blocks:
        """Return the block that follows what is worth caching; nothing for models that refuse it."""
        if hint is None:
            return []
        if not self._traits.caches:
            self._lost.add(Loss.CACHE_HINT)
            return []
        point = {"type": "default"}
        if hint.ttl in _TTLS and self._traits.claude:
            point["ttl"] = str(hint.ttl)
        elif hint.ttl is not None:
            self._lost.add(Loss.CACHE_LIFETIME)
        return [{"cachePoint": point}]

    def _text(self, text: str, cache: CacheHint | None) -> Blocks:
        """The vendor refuses a text that is blank."""
        return [{"text": text}, *self.cache_point(cache)] if text.strip() else []

    def _reasoning(self, part: Reasoning) -> Blocks:
        if part.cache is not None:
            self._lost.add(Loss.CACHE_HINT)  # no cache point may follow reasoning
        if part.seal is None or part.seal.origin is not DialectName.BEDROCK:
            self._lost.add(Loss.FOREIGN_REASONING)
            return []
        return [reasoning_block(part.text, part.seal.value)]

    def _call(self, part: ToolCall) -> Blocks:
        if part.seal is not None:
            self._lost.add(Loss.FOREIGN_SIGNATURE)
        arguments, whole = arguments_in(part.arguments)
        if not whole:
            self._lost.add(Loss.ARGUMENTS)
        use = {"toolUseId": fit_call_id(part.id, _UNFIT, _MOST_OF_ID), "name": part.name, "input": arguments}
        return [{"toolUse": use}, *self.cache_point(part.cache)]

    def _result(self, part: ToolResult) -> Blocks:
        content: Blocks = []
        hint = part.cache
        for inner in part.parts:
            hint = hint or inner.cache
            if isinstance(inner, Media):
                block = write_media(inner, self._names, self._lost)
                content += [] if block is None else [block]
            elif inner.text.strip():
                content.append({"text": inner.text})
        result: JsonObject = {"toolUseId": fit_call_id(part.call_id, _UNFIT, _MOST_OF_ID), "content": content}
        if part.is_error:
            if self._traits.marks_errors:
                result["status"] = "error"
            else:
                self._lost.add(Loss.TOOL_ERROR)
        return [{"toolResult": result}, *self.cache_point(hint)]
