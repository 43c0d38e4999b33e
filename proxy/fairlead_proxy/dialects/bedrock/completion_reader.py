"""A whole answer of Converse, or of CountTokens, in neutral words.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html, "Response Syntax", and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CountTokens.html
"""

from msgspec import Raw

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.bedrock.citations import read_citation
from fairlead_proxy.dialects.bedrock.errors import failure_in_success
from fairlead_proxy.dialects.bedrock.media import media_type_of
from fairlead_proxy.dialects.bedrock.seals import redacted_seal, signature_seal
from fairlead_proxy.dialects.bedrock.stops import read_stop
from fairlead_proxy.dialects.bedrock.usage import read_usage
from fairlead_proxy.dialects.failures import malformed
from fairlead_proxy.dialects.told_json import object_of, text_of, told_items, told_members, told_value
from fairlead_proxy.exchange.completion import AnswerPart, Choice, Completion, Stop
from fairlead_proxy.exchange.conversation import JsonObject, Media, MediaKind, Reasoning, Text, ToolCall
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

_SERVER_TOOL = "server_tool_use"


def read_completion(body: bytes) -> Completion:
    """See ProviderDialect.read_completion. Bedrock names neither an id nor the model."""
    answer = told_members(body)
    message = told_members((told_members((answer or {}).get("output")) or {}).get("message"))
    content = None if message is None else told_items(message.get("content"))
    if answer is None or content is None:
        raise failure_in_success(body)
    stop, sequence = read_stop(
        told_value(answer.get("stopReason")), told_value(answer.get("additionalModelResponseFields"))
    )
    parts: list[AnswerPart] = []
    for raw in content:
        block = told_members(raw)
        if block is not None:
            parts += _parts_of(block, len(parts))
    if stop is Stop.FILTERED and not parts:
        raise UpstreamFailure(
            FailureClass.CONTENT_FILTERED, "the answer was filtered before its first content", status=200
        )
    usage = read_usage(told_value(answer.get("usage")))
    return Completion("", "", (Choice(tuple(parts), stop, sequence),), usage)


def read_count(body: bytes) -> Completion:
    """Return how many tokens a conversation has, as an answer without a choice."""
    tokens = object_of(told_value(body)).get("inputTokens")
    if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens < 0:
        raise failure_in_success(body)
    return Completion("", "", (), Usage(input_tokens=tokens))


def _parts_of(block: dict[str, Raw], position: int) -> list[AnswerPart]:
    """Return what a block says, which may be nothing: a kind of block that is not known says nothing."""
    if "text" in block:
        text = text_of(told_value(block["text"]))
        return [Text(text)] if text else []
    if "toolUse" in block:
        return _tool_call(told_members(block["toolUse"]) or {}, position)
    if "reasoningContent" in block:
        return _reasoning(object_of(told_value(block["reasoningContent"])))
    if "citationsContent" in block:
        cited = object_of(told_value(block["citationsContent"]))
        pieces, told = cited.get("content"), cited.get("citations")
        text = "".join(text_of(object_of(piece).get("text")) for piece in pieces) if isinstance(pieces, list) else ""
        citations = [read_citation(each) for each in told] if isinstance(told, list) else []
        return [Text(text, citations=tuple(each for each in citations if each is not None))] if text else []
    if "image" in block:
        image = object_of(told_value(block["image"]))
        data = text_of(object_of(image.get("source")).get("bytes"))
        media_type = media_type_of(text_of(image.get("format")) or "png")
        return [Media(MediaKind.IMAGE, media_type, data)] if data else []
    return []


def _tool_call(use: dict[str, Raw], position: int) -> list[AnswerPart]:
    """What the vendor's own tools are asked is not the caller's to answer."""
    if text_of(told_value(use.get("type"))) == _SERVER_TOOL:
        return []
    name = text_of(told_value(use.get("name")))
    if not name:
        raise malformed("a tool call names no tool")
    id_ = text_of(told_value(use.get("toolUseId"))) or f"call_{position}"
    arguments = bytes(use["input"]).decode() if "input" in use else ""
    return [ToolCall(id_, name, arguments if arguments not in ("", "null") else "{}")]


def _reasoning(content: JsonObject) -> list[AnswerPart]:
    redacted = text_of(content.get("redactedContent"))
    if redacted:
        return [Reasoning(seal=redacted_seal(redacted))]
    told = object_of(content.get("reasoningText"))
    text, signature = text_of(told.get("text")), text_of(told.get("signature"))
    return [Reasoning(text, signature_seal(signature) if signature else None)] if text or signature else []
