"""What of a Gemini request only this gateway understands, taken out of it or put right before it passes.

A conversation may have been served by a provider of another dialect before: its seals stand in thought signatures (see
`signatures.py`), which Google would refuse. And a count may name the model in its body, where it is the virtual one.
"""

import base64
from typing import Any

import msgspec

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.gemini.signatures import SKIP_VALIDATION, seal_of_caller
from fairlead_proxy.dialects.json_members import members_of, splice
from fairlead_proxy.exchange.seals import MARK

_BEGINNING = base64.b64encode(MARK.encode()).rstrip(b"=")[: len(MARK) * 8 // 6]
"""How every seal of another dialect begins here; the bits behind the last whole character depend on what follows."""
_NAMES = ("thoughtSignature", "thought_signature")
_WHOLE_REQUEST = ("generateContentRequest", "generate_content_request")


def without_foreign_seals(body: bytes) -> bytes:
    """Return the body of a request that has been read, without thoughts and signatures that only others can use.

    Nearly every body is returned as it is; in any other, only the contents are written anew. A function call whose
    signature was another's gets the placeholder that the vendor takes instead.
    """
    if _BEGINNING not in body:
        return body
    member = next((found for key, found in members_of(body) if key == "contents"), None)
    if member is None:
        return body
    contents = _decoded(body[member.value_start : member.value_end])
    if not isinstance(contents, list):
        return body
    kept = [_without_foreign(content) for content in contents]
    if kept == contents:
        return body
    return splice(body, [(member.value_start, member.value_end, msgspec.json.encode(kept))])


def with_model(body: bytes, model: str) -> bytes:
    """Return the body of a count, with this upstream name where it names a model.

    Source: https://ai.google.dev/api/tokens, "generateContentRequest".
    """
    for name, member in members_of(body):
        if name in _WHOLE_REQUEST:
            request = _decoded(body[member.value_start : member.value_end])
            if isinstance(request, dict):
                request["model"] = f"models/{model.removeprefix('models/')}"
                return splice(body, [(member.value_start, member.value_end, msgspec.json.encode(request))])
    return body


def _without_foreign(content: Any) -> Any:
    parts = content.get("parts") if isinstance(content, dict) else None
    if not isinstance(parts, list):
        return content
    return {**content, "parts": [kept for part in parts if (kept := _own(part)) is not None]}


def _own(part: Any) -> Any:
    """Return a part without what is another's; None for a thought of another's."""
    name = next((name for name in _NAMES if isinstance(part, dict) and isinstance(part.get(name), str)), None)
    if name is None:
        return part
    seal = seal_of_caller(part[name])
    if seal is None or seal.origin is DialectName.GEMINI:
        return part
    if part.get("thought"):
        return None
    rest = {key: value for key, value in part.items() if key != name}
    if "functionCall" in part or "function_call" in part:
        rest[name] = SKIP_VALIDATION
    return rest or None


def _decoded(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
