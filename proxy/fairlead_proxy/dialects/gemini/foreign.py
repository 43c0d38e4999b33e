"""What of a Gemini request only this gateway understands, taken out of it or put right before it passes.

A conversation may have been served by a provider of another dialect before: its seals stand in thought signatures (see
`signatures.py`), which Google would refuse. And a count may name the model in its body, where it is the virtual one.
"""

import base64
from typing import Any

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.gemini.signatures import SKIP_VALIDATION, seal_of_caller
from fairlead_proxy.dialects.rewriting import rewrite_items, rewrite_member
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
    return rewrite_items(body, "contents", _without_foreign)


def with_model(body: bytes, model: str) -> bytes:
    """Return the body of a count, with this upstream name where it names a model.

    Source: https://ai.google.dev/api/tokens, "generateContentRequest".
    """
    named = f"models/{model.removeprefix('models/')}"
    for name in _WHOLE_REQUEST:
        body = rewrite_member(body, name, lambda request: _named(request, named))
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


def _named(request: Any, model: str) -> Any:
    return {**request, "model": model} if isinstance(request, dict) else request
