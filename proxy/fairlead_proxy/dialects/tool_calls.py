"""Tool calls in the form that a vendor takes: their ids, their arguments, and the seals of another vendor's calls."""

import base64
import binascii
import hashlib
import re

from msgspec import Raw

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.json_text import object_in
from fairlead_proxy.exchange.conversation import JsonObject, Seal
from fairlead_proxy.exchange.seals import read_seal, write_seal

_DIGEST_CHARACTERS = 8


def fit_call_id(call_id: str, unfit: re.Pattern[str] | None = None, most: int | None = None) -> str:
    """Return the id without signs that do not fit, and no longer than that: the same for a call and for its result."""
    fits = (unfit is None or unfit.search(call_id) is None) and (most is None or len(call_id) <= most)
    if call_id and fits:
        return call_id
    digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]
    head = call_id if unfit is None else unfit.sub("_", call_id)
    return f"{head if most is None else head[: most - len(digest) - 1]}_{digest}"


def arguments_in(arguments: str) -> tuple[Raw | JsonObject, bool]:
    """Return a call's arguments as an object, and whether they are one; else they stand in it, for the model to see."""
    if not arguments.strip():
        return {}, True
    found = object_in(arguments)
    return ({"arguments": arguments}, False) if found is None else (found, True)


def write_call_seal(mark: str, call_id: str, seal: Seal, own: DialectName) -> str:
    """Return the text that keeps the seal of a call where the dialect `own` has no field for it; it names the call."""
    packed = base64.urlsafe_b64encode(call_id.encode()).decode().rstrip("=")
    return f"{mark}{packed}.{write_seal(seal, own)}"


def read_call_seal(mark: str, text: str, own: DialectName) -> tuple[str, Seal] | None:
    """Return the id of the call and its seal; None for a text of any other kind."""
    if not text.startswith(mark):
        return None
    packed, _, written = text.removeprefix(mark).partition(".")
    try:
        call_id = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return call_id, read_seal(written, own)
