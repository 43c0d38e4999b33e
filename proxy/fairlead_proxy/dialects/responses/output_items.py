"""How an answer's parts are written as output items of the Responses API, whole or for a stream."""

import math
from collections.abc import Iterable
from typing import Any

from fairlead_proxy.dialects.responses.call_seals import write_call_seal
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.exchange.completion import TokenChance
from fairlead_proxy.exchange.conversation import Citation, Media, Reasoning, Seal, ToolCall
from fairlead_proxy.exchange.seals import write_seal

JsonObject = dict[str, Any]

COMPLETED, INCOMPLETE, IN_PROGRESS = "completed", "incomplete", "in_progress"

_LEAST_LOGPROB = -9999.0
"""What the vendor writes for a token that is all but impossible.
Source: https://platform.openai.com/docs/api-reference/chat/object, "logprobs".
"""


def message_item(item_id: str, content: list[JsonObject], status: str) -> JsonObject:
    """Source: https://platform.openai.com/docs/api-reference/responses/object, "output", as all of these."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def text_content(text: str, citations: Iterable[Citation] = (), chances: Iterable[TokenChance] = ()) -> JsonObject:
    annotations = [annotation_object(citation, len(text)) for citation in citations if citation.url]
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": logprob_objects(chances)}


def refusal_content(refusal: str) -> JsonObject:
    return {"type": "refusal", "refusal": refusal}


def call_item(item_id: str, call: ToolCall, status: str) -> JsonObject:
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "arguments": call.arguments,
        "call_id": call.id,
        "name": call.name,
    }


def reasoning_item(item_id: str, text: str, seal: Seal | None) -> JsonObject:
    summary = [{"type": "summary_text", "text": text}] if text else []
    item: JsonObject = {"id": item_id, "type": "reasoning", "summary": summary}
    if seal is not None:
        item["encrypted_content"] = write_seal(seal, OWN)
    return item


def call_seal_item(item_id: str, call_id: str, seal: Seal) -> JsonObject:
    """Return the hidden reasoning that keeps the seal of a call; see `call_seals`."""
    return {
        "id": item_id,
        "type": "reasoning",
        "summary": [],
        "encrypted_content": write_call_seal(call_id, seal),
    }


def image_item(item_id: str, image: Media, status: str) -> JsonObject:
    format_ = image.media_type.removeprefix("image/") or "png"
    return {
        "id": item_id,
        "type": "image_generation_call",
        "status": status,
        "output_format": format_,
        "result": image.data or "",
    }


def annotation_object(citation: Citation, text_length: int) -> JsonObject:
    """Return a citation of an address as an annotation, which always says for which characters it stands.

    Without a place it stands at the end of the text so far.
    """
    end = text_length if citation.end is None else citation.end
    return {
        "type": "url_citation",
        "url": citation.url or "",
        "title": citation.title or citation.url or "",
        "start_index": end if citation.start is None else citation.start,
        "end_index": end,
    }


def logprob_objects(chances: Iterable[TokenChance]) -> list[JsonObject]:
    return [
        {
            **_logprob_object(chance.token, chance.logprob),
            "top_logprobs": [_logprob_object(token, logprob) for token, logprob in chance.top],
        }
        for chance in chances
    ]


def reasoning_id(reasoning: Reasoning, fallback: str) -> str:
    """Return the vendor's own id, or one of ours where it is another vendor's."""
    return reasoning.id if reasoning.id is not None and reasoning.id.startswith("rs_") else fallback


def _logprob_object(token: str, logprob: float) -> JsonObject:
    value = max(logprob, _LEAST_LOGPROB) if math.isfinite(logprob) else _LEAST_LOGPROB
    return {"token": token, "bytes": list(token.encode()), "logprob": value}
