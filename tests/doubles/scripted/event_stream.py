"""The framing of Amazon's event streams.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html (the same framing everywhere)
"""

import json
import struct
from typing import Any
from zlib import crc32

CONTENT_TYPE = "application/vnd.amazon.eventstream"
PRELUDE_BYTES = 12
TEXT = 7
"""The type of a header whose value is text."""


def event(name: str, content: dict[str, Any]) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps(content).encode())


def exception(name: str, content: dict[str, Any]) -> bytes:
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, json.dumps(content).encode())


def message(headers: dict[str, str], payload: bytes) -> bytes:
    head = b"".join(_header(name, value) for name, value in headers.items())
    prelude = struct.pack(">II", PRELUDE_BYTES + len(head) + len(payload) + 4, len(head))
    begun = prelude + struct.pack(">I", crc32(prelude)) + head + payload
    return begun + struct.pack(">I", crc32(begun))


def prelude(total_bytes: int) -> bytes:
    """Return the beginning of a message that announces so many bytes."""
    announced = struct.pack(">II", total_bytes, 0)
    return announced + struct.pack(">I", crc32(announced))


def _header(name: str, value: str) -> bytes:
    encoded = value.encode()
    return bytes([len(name)]) + name.encode() + bytes([TEXT]) + struct.pack(">H", len(encoded)) + encoded
