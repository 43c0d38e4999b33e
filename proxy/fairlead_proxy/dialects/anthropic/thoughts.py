"""Seals in Anthropic's form: reasoning with a signature or redacted, and what of other providers has to travel with it.

One origin has two kinds of seal. A signature belongs to a `thinking` block, whose text may be empty (`display:
omitted`), the `data` of a `redacted_thinking` block stands alone; so the text cannot tell them apart, and the seal's
value must: that of redacted reasoning begins with `redacted:`, which no signature does, being base64. It lives through
another dialect like any seal: see `exchange/seals.py`.

A `tool_use` block has no place for a seal, and Gemini refuses its own calls without: so such a seal travels in a
`redacted_thinking` block beside the call, which names the call. And reasoning without a seal is marked as such, for an
empty signature is as good as none to Anthropic. Whatever of ours such a field holds begins with `fairlead`:
see `foreign.py` for how it is kept from Anthropic.
"""

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects import tool_calls
from fairlead_proxy.exchange.conversation import Reasoning, Seal
from fairlead_proxy.exchange.seals import read_seal, write_seal

OWN = DialectName.ANTHROPIC
OURS = "fairlead"
"""How every text of ours in a field of the vendor's begins."""

UNSIGNED = "fairlead.unsigned"
"""The signature of reasoning that no provider has sealed."""

_REDACTED = "redacted:"
_OF_CALL = "fairlead-call."


def read_thinking(text: str, signature: str | None) -> Reasoning:
    """Return the reasoning of a `thinking` block."""
    if not signature or signature == UNSIGNED:
        return Reasoning(text)
    return Reasoning(text, read_seal(signature, OWN))


def read_redacted(data: str) -> Reasoning:
    """Return the reasoning of a `redacted_thinking` block, which is hidden."""
    seal = read_seal(data, OWN)
    return Reasoning(seal=Seal(OWN, _REDACTED + data) if seal.origin is OWN else seal)


def redacted_data(seal: Seal | None) -> str | None:
    """Return the data of the `redacted_thinking` block that a seal is of; None: it is a signature, or another's."""
    if seal is None or seal.origin is not OWN or not seal.value.startswith(_REDACTED):
        return None
    return seal.value.removeprefix(_REDACTED)


def signature_of(seal: Seal | None) -> str:
    """Return the signature that a caller is given with reasoning that is not redacted."""
    return UNSIGNED if seal is None else write_seal(seal, OWN)


def write_call_seal(call_id: str, seal: Seal) -> str:
    """Return the data of the `redacted_thinking` block that stands beside a call."""
    return tool_calls.write_call_seal(_OF_CALL, call_id, seal, OWN)


def read_call_seal(data: str) -> tuple[str, Seal] | None:
    """Return the id of a call and its seal; None for data of any other kind."""
    return tool_calls.read_call_seal(_OF_CALL, data, OWN)
