"""The certificates that a provider is verified against, out of the Secret that its endpoint names."""

import re
import ssl
from functools import lru_cache

from fairlead_operator.compiler.references import find_value
from fairlead_operator.inventory import Inventory
from fairlead_operator.verdict import Reason, Ruling, Truth

BUNDLE_BYTES = 256 * 1024
"""More than all authorities of a usual system take. Each provider's bundle stands in the snapshot of its gateways."""

_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_LINE = 64


def find_authorities(inventory: Inventory, namespace: str, secret: str, account: str) -> str | Ruling:
    """Return the certificates that `Secret/key` of this namespace holds, as PEM, or why there are none.

    They are public. What else stands beside them, a private key above all, is left where it is: it goes nowhere.
    `account` as in `find_key`.
    """
    value = find_value(inventory, namespace, secret, account, wanted="PEM certificates")
    if isinstance(value, Ruling):
        return value
    name, _, key = secret.partition("/")
    place = f"the key {key} of the Secret {name}"
    if len(value) > BUNDLE_BYTES:
        return _unusable(f"{place} holds more than {BUNDLE_BYTES // 1024} KiB; put only the certificates needed there")
    bodies = _CERTIFICATE.findall(value)
    if not bodies:
        return _unusable(f"{place} holds no PEM certificate; put there what begins with {_BEGIN}")
    pem = "".join(dict.fromkeys(_written(body) for body in bodies))
    if len(bodies) < value.count(_BEGIN.encode()) or not _can_be_read(pem):
        return _unusable(f"{place} holds a certificate that cannot be read; put whole PEM certificates there")
    return pem


def _written(body: bytes) -> str:
    """Return one certificate in the usual form, so that another layout of the same bundle is no change."""
    text = b"".join(body.split()).decode("ascii")
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return "\n".join([_BEGIN, *lines, _END, ""])


@lru_cache(maxsize=512)
def _can_be_read(pem: str) -> bool:
    """Ask the reader that the proxies use; it reads memory only, and a large bundle takes milliseconds."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except ssl.SSLError:
        return False
    return True


def _unusable(message: str) -> Ruling:
    return Ruling(Truth.FALSE, Reason.SECRET_KEY_MISSING, message)
