"""The parts of an answer as Anthropic's content blocks, as a caller is given them."""

from collections.abc import Iterable, Iterator

from fairlead_proxy.dialects.anthropic.citations import write_citation
from fairlead_proxy.dialects.anthropic.content_writer import fit_id
from fairlead_proxy.dialects.anthropic.thoughts import redacted_data, signature_of, write_call_seal
from fairlead_proxy.dialects.data_urls import data_url_of
from fairlead_proxy.dialects.tool_calls import arguments_in
from fairlead_proxy.exchange.completion import AnswerPart
from fairlead_proxy.exchange.conversation import JsonObject, Media, Reasoning, Refusal, Seal, Text, ToolCall


def write_blocks(parts: Iterable[AnswerPart]) -> list[JsonObject]:
    """Return the blocks of whole parts."""
    return [block for part in parts for block in _write_part(part)]


def text_block(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def call_block(call: ToolCall) -> JsonObject:
    """Return the block of a call, without its arguments."""
    return {"type": "tool_use", "id": fit_id(call.id), "name": call.name, "input": {}}


def reasoning_block(reasoning: Reasoning) -> JsonObject:
    """Return the block of reasoning; see `thoughts.py` for what stands where its signature would."""
    data = redacted_data(reasoning.seal)
    if data is not None:
        return redacted_block(data)
    return {"type": "thinking", "thinking": reasoning.text, "signature": signature_of(reasoning.seal)}


def redacted_block(data: str) -> JsonObject:
    return {"type": "redacted_thinking", "data": data}


def call_seal_block(call: ToolCall, seal: Seal) -> JsonObject:
    return redacted_block(write_call_seal(fit_id(call.id), seal))


def media_text(media: Media) -> str:
    """Return an image that a model made as Markdown: an answer of this dialect holds text only."""
    url = media.url or data_url_of(media.media_type, media.data or "")
    return f"![{media.name or media.kind}]({url})"


def _write_part(part: AnswerPart) -> Iterator[JsonObject]:
    match part:
        case Text():
            block = text_block(part.text)
            citations = [written for each in part.citations if (written := write_citation(each)) is not None]
            if citations:
                block["citations"] = citations
            yield block
        case Refusal():
            yield text_block(part.text)
        case Media():
            yield text_block(media_text(part))
        case Reasoning():
            yield reasoning_block(part)
        case ToolCall():
            if part.seal is not None:
                yield call_seal_block(part, part.seal)
            yield {**call_block(part), "input": arguments_in(part.arguments)[0]}
