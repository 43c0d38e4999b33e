"""Taking out of a Responses request what other providers have put into its conversation, before it passes.

A conversation may have been served by a provider of another dialect before. What of that travelled as encrypted
reasoning (see `exchange/seals.py` and `call_seals.py`) OpenAI would refuse, since it is not its own.
"""

from typing import Any

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.responses.call_seals import read_call_seal
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.dialects.rewriting import rewrite_items
from fairlead_proxy.exchange.conversation import Seal
from fairlead_proxy.exchange.seals import read_seal, write_seal

_BEGINNING = b'"' + write_seal(Seal(DialectName.ANTHROPIC, ""), OWN).partition(".")[0].encode() + b"."
"""How the text of every seal of ours begins in JSON."""


def without_foreign_seals(body: bytes) -> bytes:
    """Return the body of a request that has been read, without reasoning that only others can use.

    Nearly every body is returned as it is; in any other, only the input is written anew.
    """
    if _BEGINNING not in body:
        return body
    return rewrite_items(body, "input", lambda item: None if _is_foreign(item) else item)


def _is_foreign(item: Any) -> bool:
    encrypted = item.get("encrypted_content") if isinstance(item, dict) and item.get("type") == "reasoning" else None
    if not isinstance(encrypted, str):
        return False
    return read_call_seal(encrypted) is not None or read_seal(encrypted, OWN).origin is not OWN
