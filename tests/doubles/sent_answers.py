"""What the bytes of one HTTP answer say of tokens, in any vendor's dialect: usage that is told, content that came."""

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

Json = Mapping[str, Any]


@dataclass
class Said:
    """`usage`: the vendor's own object, None: none was told. `final`: it came at the answer's end, whole.

    `tokens` of content came, `thoughts` of them reasoning: in streams each piece is one, and so is the name of a tool.
    """

    status: int = 0
    usage: Json | None = None
    final: bool = False
    tokens: int = 0
    thoughts: int = 0


def read_answer(dialect: str, sent: bytes) -> Said:
    """Return what an answer says, however much of it was sent; what comes behind its end is not looked at."""
    head, found, rest = sent.partition(b"\r\n\r\n")
    if not found:
        return Said()
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    said = Said(int(first.split(" ")[1]))
    if said.status != 200:
        return said
    if headers.get("transfer-encoding") == "chunked":
        body, whole = _chunks(rest), True
    else:
        length = int(headers.get("content-length", "0"))
        body, whole = rest[:length], len(rest) >= length
    if headers.get("content-type", "").startswith("application/vnd.amazon"):
        frames: Iterable[Json] = _amazons(body)
    elif body.startswith((b"data:", b"event:", b": ")):
        frames = _events(body)
    elif dialect == "gemini" and body.startswith(b"["):
        frames = _items(body)
    else:
        if whole:
            _hear_whole(said, dialect, body)
        return said
    for frame in frames:
        _HEARD[dialect](said, frame)
    return said


def _hear_whole(said: Said, dialect: str, body: bytes) -> None:
    try:
        answer = json.loads(body)
    except ValueError:
        return
    name = "usageMetadata" if dialect == "gemini" else "usage"
    said.usage = answer.get(name) if isinstance(answer, dict) else None
    said.final = said.usage is not None


def _hear_chunk(said: Said, frame: Json) -> None:
    """Source: https://platform.openai.com/docs/api-reference/chat-streaming/streaming"""
    for choice in frame.get("choices", ()):
        delta = choice["delta"]
        thought = bool(delta.get("reasoning_content"))
        said.thoughts += thought
        said.tokens += bool(delta.get("content")) + bool(delta.get("refusal")) + thought
        for call in delta.get("tool_calls", ()):
            said.tokens += bool(call["function"].get("name")) + bool(call["function"].get("arguments"))
    if frame.get("usage"):
        said.usage, said.final = frame["usage"], True


def _hear_response_event(said: Said, frame: Json) -> None:
    """Source: https://platform.openai.com/docs/api-reference/responses-streaming"""
    kind = frame["type"]
    if kind.endswith(".delta"):
        said.tokens += 1
        said.thoughts += kind == "response.reasoning_summary_text.delta"
    elif kind == "response.output_item.added":
        said.tokens += frame["item"]["type"] == "function_call"
    elif kind in ("response.completed", "response.incomplete") and frame["response"]["usage"]:
        said.usage, said.final = frame["response"]["usage"], True


def _hear_message_event(said: Said, frame: Json) -> None:
    """Source: https://docs.claude.com/en/docs/build-with-claude/streaming"""
    match frame["type"]:
        case "message_start":
            said.usage = frame["message"].get("usage")
        case "content_block_start":
            said.tokens += frame["content_block"]["type"] == "tool_use"
        case "content_block_delta":
            kind = frame["delta"]["type"]
            said.tokens += kind != "signature_delta"
            said.thoughts += kind == "thinking_delta"
        case "message_delta":
            said.usage = frame.get("usage") or said.usage
            said.final = "usage" in frame
        case _:
            pass


def _hear_contents(said: Said, frame: Json) -> None:
    """Source: https://ai.google.dev/api/generate-content#generatecontentresponse"""
    for candidate in frame.get("candidates", ()):
        for part in candidate.get("content", {}).get("parts", ()):
            said.tokens += bool(part.get("text"))
            said.thoughts += bool(part.get("text")) and part.get("thought", False)
            if "functionCall" in part:
                said.tokens += 1 + _ARGUMENT_PIECES
        if candidate.get("finishReason") and frame.get("usageMetadata"):
            said.final = True
    said.usage = frame.get("usageMetadata") or said.usage


_ARGUMENT_PIECES = 3
"""A call comes whole; other dialects would have it in so many pieces behind its name."""


def _hear_amazons(said: Said, frame: Json) -> None:
    """Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html"""
    delta = frame.get("delta", {})
    thought = "text" in delta.get("reasoningContent", {})
    said.thoughts += thought
    said.tokens += "text" in delta or thought or "toolUse" in delta or "toolUse" in frame.get("start", {})
    if frame.get("usage"):
        said.usage, said.final = frame["usage"], True


_HEARD: dict[str, Callable[[Said, Json], None]] = {
    "openai-chat": _hear_chunk,
    "openai-responses": _hear_response_event,
    "anthropic-messages": _hear_message_event,
    "gemini": _hear_contents,
    "bedrock-converse": _hear_amazons,
}


def _chunks(data: bytes) -> bytes:
    """Return what came in whole chunks, and of a torn one what came of it."""
    body, rest = b"", data
    while rest:
        size, found, rest = rest.partition(b"\r\n")
        if not found or not size or int(size, 16) == 0:
            break
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return body


def _events(body: bytes) -> Iterator[Json]:
    """Yield the data of every whole server-sent event that holds an object.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    """
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        data = b"\n".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
        try:
            content = json.loads(data)
        except ValueError:  # a last mark, or what is none
            continue
        if isinstance(content, dict) and "error" not in content and content.get("type") != "error":
            yield content


def _items(body: bytes) -> Iterator[Json]:
    """Yield the whole items of a JSON array that has begun."""
    text, decoder = body.decode("utf-8", "replace"), json.JSONDecoder()
    at = 0
    while at < len(text) and text[at] in "[,\r\n ":
        at += 1
        if at < len(text) and text[at] == "{":
            try:
                item, at = decoder.raw_decode(text, at)
            except ValueError:
                return
            yield item


def _amazons(body: bytes) -> Iterator[Json]:
    """Yield the content of every whole event.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the same framing everywhere)
    """
    while len(body) >= 16:
        total, head = struct.unpack(">II", body[:8])
        message, body = body[:total], body[total:]
        if len(message) < total or crc32(message[:-4]) != struct.unpack(">I", message[-4:])[0]:
            return
        if b":exception-type" not in message[12 : 12 + head]:
            yield json.loads(message[12 + head : -4])
