"""Taking out of a request in Anthropic's form what other providers have put into its conversation, before it passes.

A conversation may have been served by a provider of another dialect before Anthropic serves it. What of that
travelled in fields of Anthropic's (see `thoughts.py`) it would refuse: a signature that is not its own.
"""

from typing import Any

from fairlead_proxy.dialects.anthropic.thoughts import OURS
from fairlead_proxy.dialects.rewriting import rewrite_items

_BEGINNING = b'"' + OURS.encode()
_BEGINNINGS = (OURS + ".", OURS + "-")


def without_foreign_seals(body: bytes) -> bytes:
    """Return the body of a request that has been read, without blocks that hold what only others can use.

    Nearly every body is returned as it is; in any other, only the messages are written anew.
    """
    if _BEGINNING not in body:
        return body
    return rewrite_items(body, "messages", _without_foreign)


def _without_foreign(message: Any) -> Any:
    """Return a message; None where nothing is left of it: the vendor joins its neighbours."""
    content = message.get("content") if isinstance(message, dict) else None
    if not isinstance(content, list):
        return message
    kept = [_without_foreign_citations(block) for block in content if not _is_foreign(block)]
    if content and not kept:
        return None
    return {**message, "content": kept}


def _is_foreign(block: Any) -> bool:
    if not isinstance(block, dict):
        return False
    match block.get("type"):
        case "thinking":
            return _is_ours(block.get("signature"))
        case "redacted_thinking":
            return _is_ours(block.get("data"))
        case _:
            return False


def _without_foreign_citations(block: Any) -> Any:
    citations = block.get("citations") if isinstance(block, dict) and block.get("type") == "text" else None
    if not isinstance(citations, list):
        return block
    kept = [each for each in citations if not (isinstance(each, dict) and _is_ours(each.get("encrypted_index")))]
    if len(kept) == len(citations):
        return block
    rest = {name: value for name, value in block.items() if name != "citations"}
    return {**rest, "citations": kept} if kept else rest


def _is_ours(text: Any) -> bool:
    return isinstance(text, str) and text.startswith(_BEGINNINGS)
