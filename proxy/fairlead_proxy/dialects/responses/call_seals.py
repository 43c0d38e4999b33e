"""How the seal of another provider's tool call survives with a caller: as a hidden reasoning item that names the call.

A function call has no field for it here, and what a caller sends back of an answer are its items.
"""

import base64
import binascii

from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.exchange.conversation import Seal
from fairlead_proxy.exchange.seals import read_seal, write_seal

_MARK = "fairlead.of-call."


def write_call_seal(call_id: str, seal: Seal) -> str:
    """Return the `encrypted_content` of the reasoning item."""
    packed = base64.urlsafe_b64encode(call_id.encode()).decode().rstrip("=")
    return f"{_MARK}{packed}.{write_seal(seal, OWN)}"


def read_call_seal(encrypted: str) -> tuple[str, Seal] | None:
    """Return the id of the call and its seal; None where the text is the seal of reasoning."""
    if not encrypted.startswith(_MARK):
        return None
    packed, _, written = encrypted.removeprefix(_MARK).partition(".")
    try:
        call_id = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return call_id, read_seal(written, OWN)
