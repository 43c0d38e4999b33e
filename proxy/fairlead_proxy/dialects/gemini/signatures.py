"""Thought signatures: the seals of this dialect, base64 by the vendor's type `bytes`.

Source: https://ai.google.dev/gemini-api/docs/thought-signatures. SDKs decode and encode them again, so whatever stands
in such a field must be base64; the alphabet may change on the way (google-genai writes the one for URLs).
"""

import base64
import binascii

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.exchange.conversation import Seal
from fairlead_proxy.exchange.seals import read_seal, write_seal

SKIP_VALIDATION = "skip_thought_signature_validator"
"""What the vendor takes in place of a signature that it did not make, "FAQs" of the document above."""

_URL_TO_STANDARD = str.maketrans("-_", "+/")


def seal_of_caller(signature: str) -> Seal | None:
    """Return the seal that a caller sends back; None for the placeholder, which stands for none."""
    if signature == SKIP_VALIDATION:
        return None
    try:
        plain = decode_base64(signature).decode()
    except ValueError:
        return Seal(DialectName.GEMINI, signature)
    if plain == SKIP_VALIDATION:  # as SDKs encode it
        return None
    seal = read_seal(plain, DialectName.GEMINI)
    return Seal(DialectName.GEMINI, signature) if seal.origin is DialectName.GEMINI else seal


def signature_for_caller(seal: Seal) -> str:
    """Return a seal as a caller of this dialect can hold it: the vendor's own as it is, another's wrapped."""
    if seal.origin is DialectName.GEMINI:
        return seal.value
    return base64.b64encode(write_seal(seal, DialectName.GEMINI).encode()).decode()


def decode_base64(text: str) -> bytes:
    """Decode base64 of either alphabet, padded or not; raise ValueError.

    Source: https://protobuf.dev/programming-guides/json/, `bytes`.
    """
    plain = text.translate(_URL_TO_STANDARD).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def standard_base64(text: str) -> str:
    """Return the same bytes in the alphabet that every other vendor wants, padded."""
    plain = text.translate(_URL_TO_STANDARD).rstrip("=")
    return plain + "=" * (-len(plain) % 4)
