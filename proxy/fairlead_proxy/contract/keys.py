"""The key ring of a fleet: all that is secret of it, in the one Secret that its proxies mount."""

import hashlib
import hmac

import msgspec
from msgspec import Struct, field

FORMAT = 1

KEYS_FILE = "keys.json"
"""What the key ring is called where it is mounted."""


class CallerKey(Struct, frozen=True, kw_only=True):
    """A caller's API key by the SHA-256 of its text, in hex. `expires_at`: Unix seconds, None: never."""

    sha256: str
    tenant: str
    name: str
    expires_at: float | None = None


class Certificate(Struct, frozen=True, kw_only=True):
    """What a listener shows over TLS, as PEM: the chain, its own certificate first, and the private key to it.

    `expires_at`: when that certificate ends, in Unix seconds; 0: that is not known.
    """

    chain: str
    key: str
    expires_at: float = 0.0

    def __repr__(self) -> str:
        return "Certificate(…)"


class KeyRing(Struct, frozen=True, kw_only=True):
    """`credentials` maps `namespace/provider/credential` to the key. Never logged, reported or put in an error.

    `admin_tokens`: the present bearer token of the admin port first, then the one before it. `certificates`: by name
    of listener.
    """

    format: int = FORMAT
    credentials: dict[str, str] = field(default_factory=dict)
    callers: tuple[CallerKey, ...] = ()
    admin_tokens: tuple[str, ...] = ()
    certificates: dict[str, Certificate] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"KeyRing({len(self.credentials)} credentials, {len(self.callers)} callers, "
            f"{len(self.certificates)} certificates)"
        )


class KeyRingError(Exception):
    """A key ring that cannot be read; the message never quotes its content."""


def debug_token(admin_token: str) -> str:
    """Return the token that `/debug/` alone is asked with, by those who are not to give duties.

    It does not tell the admin token. Source: RFC 2104.
    """
    return hmac.new(admin_token.encode(), b"fairlead.dev/debug", hashlib.sha256).hexdigest()


def encode_keys(keys: KeyRing) -> bytes:
    """Return the key ring as canonical JSON: equal rings give equal bytes."""
    return msgspec.json.encode(keys, order="deterministic")


def decode_keys(data: bytes) -> KeyRing:
    """Read a key ring; raise KeyRingError, which names the place of the fault and quotes nothing."""
    try:
        keys = msgspec.json.decode(data, type=KeyRing)
    except (msgspec.MsgspecError, ValueError):
        raise KeyRingError("the key ring is not valid JSON of the expected shape") from None
    if keys.format > FORMAT:
        raise KeyRingError(f"the key ring has format {keys.format}; this proxy reads up to {FORMAT}")
    return keys


def version_of(data: bytes) -> str:
    """Return `k-` and 12 hex digits that name this ring. It is salted by the admin tokens, which are random."""
    return "k-" + hashlib.sha256(data).hexdigest()[:12]


def fingerprint(key: str) -> str:
    """Return the SHA-256 of a caller's key, in hex, as `CallerKey.sha256` holds it."""
    return hashlib.sha256(key.encode()).hexdigest()
