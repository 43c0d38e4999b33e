"""Frames of application/vnd.amazon.eventstream, written by hand.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import json
import struct
from binascii import crc32

_TEXT = 7
"""The type of a header that holds a string."""


def frame(payload: bytes, headers: dict[str, str]) -> bytes:
    """Return a whole frame."""
    head = b"".join(
        struct.pack("!B", len(name.encode()))
        + name.encode()
        + struct.pack("!BH", _TEXT, len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )
    return raw_frame(payload, head)


def raw_frame(payload: bytes, head: bytes) -> bytes:
    """Return a frame whose headers are any bytes, with checksums that hold."""
    prelude = struct.pack("!II", 16 + len(head) + len(payload), len(head))
    prelude += struct.pack("!I", crc32(prelude))
    return prelude + head + payload + struct.pack("!I", crc32(prelude + head + payload))


def event(type_: str, **said: object) -> bytes:
    """Return an event as Bedrock writes one, with the padding that it hides lengths with."""
    payload = json.dumps({**said, "p": "abcdef"}).encode()
    return frame(payload, {":event-type": type_, ":content-type": "application/json", ":message-type": "event"})


def exception(type_: str, message: str = "no") -> bytes:
    """Return an exception in a stream."""
    payload = json.dumps({"message": message}).encode()
    headers = {":exception-type": type_, ":content-type": "application/json", ":message-type": "exception"}
    return frame(payload, headers)
