"""What of Bedrock's reasoning goes back to it unchanged, as the text of a seal: a signature, or what it has redacted.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ReasoningContentBlock.html
"""

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.exchange.conversation import JsonObject, Seal

_REDACTED = "redacted:"
"""Marks redacted reasoning; a signature is base64, which has no colon."""


def signature_seal(signature: str) -> Seal:
    return Seal(DialectName.BEDROCK, signature)


def redacted_seal(content: str) -> Seal:
    """`content`: base64, as it stands in the answer."""
    return Seal(DialectName.BEDROCK, _REDACTED + content)


def reasoning_block(text: str, seal: str) -> JsonObject:
    """Return the block of reasoning that bears a seal of Bedrock's own."""
    if seal.startswith(_REDACTED):
        return {"reasoningContent": {"redactedContent": seal.removeprefix(_REDACTED)}}
    return {"reasoningContent": {"reasoningText": {"text": text, "signature": seal}}}
