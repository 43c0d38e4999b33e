"""Signatures that the scripted provider puts on reasoning and tool calls; every process of it knows them again."""

import base64
import hashlib
import hmac
import json
from typing import Any

_SECRET = b"the scripted provider signs with this"


def sign(dialect: str, subject: str = "") -> str:
    """Return the signature, in base64, of a subject: what must come back unchanged together with it."""
    digest = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).digest()[:12]
    return base64.b64encode(digest + _mark(dialect, digest)).decode()


def is_issued(dialect: str, signature: object) -> bool:
    """Say whether a provider of this dialect signed anything so."""
    try:
        raw = base64.b64decode(str(signature), validate=True)
    except ValueError:
        return False
    return len(raw) == 24 and hmac.compare_digest(raw[12:], _mark(dialect, raw[:12]))


def signs(dialect: str, signature: object, subject: str) -> bool:
    """Say whether a provider of this dialect signed this very subject so."""
    return hmac.compare_digest(str(signature).encode("utf-8", "replace"), sign(dialect, subject).encode())


def call_subject(name: object, arguments: Any) -> str:
    """Return the subject of a tool call's signature; the order of its arguments does not matter."""
    return f"{name} {json.dumps(arguments, sort_keys=True)}"


def _mark(dialect: str, digest: bytes) -> bytes:
    return hmac.digest(_SECRET, dialect.encode() + digest, "sha256")[:12]
