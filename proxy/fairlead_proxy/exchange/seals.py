"""How a seal survives in a dialect that it does not come from: as a text of ours in a field for texts of that kind.

A caller sends back what it was given. The dialect of the target then finds its own seal in it, or one that is not its
own, which no provider must be shown.
"""

import base64
import binascii

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.exchange.conversation import Seal

MARK = "fairlead."
"""How the text of every seal begins that stands in a dialect it does not come from."""


def write_seal(seal: Seal, own: DialectName) -> str:
    """Return a seal as a field of the dialect `own` holds it: as it is where it comes from there, else with its origin.

    The text holds letters, digits and `.-_` only, or is what the vendor wrote.
    """
    if seal.origin is own:
        return seal.value
    packed = base64.urlsafe_b64encode(seal.value.encode()).decode().rstrip("=")
    return f"{MARK}{seal.origin}.{packed}"


def read_seal(text: str, own: DialectName) -> Seal:
    """Return the seal that a field of the dialect `own` holds; what bears no mark of ours comes from there."""
    origin, _, packed = text.removeprefix(MARK).partition(".")
    if text.startswith(MARK) and origin in list(DialectName):
        try:
            value = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)).decode()
        except (binascii.Error, ValueError):
            return Seal(own, text)
        return Seal(DialectName(origin), value)
    return Seal(own, text)
