"""How the seal of another provider's tool call survives with a caller: as a hidden reasoning item that names the call.

A function call has no field for it here, and what a caller sends back of an answer are its items.
"""

from fairlead_proxy.dialects import tool_calls
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.exchange.conversation import Seal

_MARK = "fairlead.of-call."


def write_call_seal(call_id: str, seal: Seal) -> str:
    """Return the `encrypted_content` of the reasoning item."""
    return tool_calls.write_call_seal(_MARK, call_id, seal, OWN)


def read_call_seal(encrypted: str) -> tuple[str, Seal] | None:
    """Return the id of the call and its seal; None where the text is the seal of reasoning."""
    return tool_calls.read_call_seal(_MARK, encrypted, OWN)
