"""The short way to read a chat request: for the form in which nearly everybody writes one, and for nothing else."""

from typing import Final

import msgspec
from msgspec import Raw

from fairlead_proxy.contract.names import Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.conversation import read_chat_conversation
from fairlead_proxy.dialects.openai.prompt import CONTENTS, NO_NEEDS, count_text_bytes
from fairlead_proxy.dialects.raw_values import whole_number

_STREAM: Final = Mode.STREAM
_PLAIN: Final = Mode.PLAIN

_MESSAGES_KEY, _MODEL_KEY, _CONTENT_KEY = b'"messages":', b'"model":', b'"content":'
_NEEDY = frozenset(("tools", "functions", "response_format", "reasoning_effort", "reasoning", "modalities", "audio"))
"""Members that may say what a target must be capable of."""

_ASKING = frozenset({b'{"include_usage":true}', b'{"include_usage": true}'})
_QUOTE, _BRACKET = b'"['
_FALSE = frozenset({b"false", b"null"})

_FEW = range(32)
"""So many objects, one within the other, are far from too deep."""


def read_usual(body: bytes, members: dict[str, Raw]) -> ReadRequest | None:
    """Read a request of these members, which is known to be UTF-8; None for one that needs more care, such as any that
    is to be refused.

    Why this is sound. The value of the messages is cut out; what is left, the envelope, holds no backslash and no
    brackets but those that are accounted for. So every quote in it begins or ends a string, and what looks like a key
    of the outermost object is one. Each of its members brings a colon, and there are as many colons as distinct
    members: so none comes twice.
    """
    messages, model = members.get("messages"), members.get("model")
    if messages is None or model is None or not _NEEDY.isdisjoint(members):
        return None

    key = body.find(_MESSAGES_KEY)
    start = _value_after(body, key, _MESSAGES_KEY)
    end = start + len(memoryview(messages))
    # The same text at that place: then it is the value there, and not one of a later member of the same name.
    if key < 0 or body[start] != _BRACKET or not body.startswith(messages, start):
        return None

    quoted = bytes(model)
    braces, colons = 1, len(members) + quoted.count(b":")
    options = members.get("stream_options")
    if options is not None:
        if bytes(options) not in _ASKING:
            return None
        braces, colons = 2, colons + 1
    envelope = body[:start] + body[end:]
    if b"\\" in envelope or b"[" in envelope or envelope.count(b":") != colons or envelope.count(b"{") != braces:
        return None

    key = body.find(_MODEL_KEY, 0, start)
    if key < 0:
        key = body.find(_MODEL_KEY, end)
    model_start = _value_after(body, key, _MODEL_KEY)
    if key < 0 or body[model_start] != _QUOTE or len(quoted) < 3:
        return None

    stream = members.get("stream")
    streamed = stream is not None and bytes(stream) == b"true"
    if not (stream is None or streamed or bytes(stream) in _FALSE):
        return None
    plain = _are_plain(body, start, end)
    if not plain and not _are_text(body, start, end, messages):
        return None
    return ReadRequest(
        quoted[1:-1].decode(),
        _STREAM if streamed else _PLAIN,
        body,
        streamed and options is not None,
        NO_NEEDS,
        _limit_in(members),
        model_start,
        model_start + len(quoted),
        options is not None,
        count_text_bytes,
        read_chat_conversation,
        not plain,  # they stand in lists
    )


def _value_after(body: bytes, key: int, name: bytes) -> int:
    """Return where the value of this key begins, if there is no more than one space before it."""
    start = key + len(name)
    return start + 1 if body[start : start + 1] == b" " else start


def _limit_in(members: dict[str, Raw]) -> int | None:
    limit = members.get("max_tokens")
    if "max_completion_tokens" in members:
        return whole_number(members["max_completion_tokens"]) or (whole_number(limit) if limit is not None else None)
    return whole_number(limit) if limit is not None else None


def _are_plain(body: bytes, start: int, end: int) -> bool:
    """Say whether the messages between these places hold no list, hence no parts of content, and few objects."""
    if body.find(b"[", start + 1, end) >= 0:
        return False
    position = start
    for _ in _FEW:
        position = body.find(b"{", position + 1, end)
        if position < 0:
            return True
    return False


def _are_text(body: bytes, start: int, end: int, messages: Raw) -> bool:
    """Say whether every message is of text alone, whatever brackets are in it.

    The contents are cut out one by one, each a string; around them there must be one list and an object for each
    message: nothing more, hence nothing deep. What makes a key a key is the same as in `read_usual`.
    """
    first = _value_after(body, body.find(_CONTENT_KEY, start, end), _CONTENT_KEY)
    if body[first] == _BRACKET:
        return False  # parts: not worth the decoding
    try:
        decoded = CONTENTS.decode(messages)
    except (msgspec.MsgspecError, RecursionError):
        return False
    position = start
    around: list[bytes] = []
    for message in decoded:
        content = message.content
        key = body.find(_CONTENT_KEY, position, end)
        at = _value_after(body, key, _CONTENT_KEY)
        if key < 0 or body[at] != _QUOTE or not body.startswith(content, at):
            return False
        around.append(body[position:at])
        position = at + len(memoryview(content))
    around.append(body[position:end])
    outside = b"".join(around)
    return b"\\" not in outside and outside.count(b"[") == 1 and outside.count(b"{") == len(decoded)
