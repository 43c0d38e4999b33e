"""What a model thought, and the seals of its tool calls, as chat messages carry them both ways.

OpenAI has no words for it. Plain text: `reasoning_content` (https://api-docs.deepseek.com/guides/reasoning_model and
vLLM), or `reasoning`. With signatures: `reasoning_details`
(https://openrouter.ai/docs/use-cases/reasoning-tokens#preserving-reasoning-blocks). Of a tool call:
`extra_content.google.thought_signature` (https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.exchange.conversation import JsonObject, Reasoning, Seal
from fairlead_proxy.exchange.seals import read_seal, write_seal

_OWN = DialectName.OPENAI_CHAT
_TEXT, _ENCRYPTED = "reasoning.text", "reasoning.encrypted"


def read_reasoning(message: Given) -> list[Reasoning]:
    """Return the reasoning in a message: its details where there are any, for they hold the text as well."""
    details = read_details(message)
    if details:
        return details
    text = reasoning_text_of(message)
    return [Reasoning(text)] if text else []


def reasoning_text_of(message: Given) -> str:
    return message.text("reasoning_content") or message.text("reasoning") or ""


def read_details(message: Given) -> list[Reasoning]:
    """Return the details of reasoning; those of a kind that is not known say nothing."""
    found = (read_detail(detail) for detail in message.objects("reasoning_details"))
    return [reasoning for reasoning in found if reasoning.text or reasoning.seal is not None]


def read_detail(detail: Given) -> Reasoning:
    """Return one detail; of a kind that is not known, nothing."""
    id = detail.text("id") or None
    match detail.text("type"):
        case "reasoning.text":
            return Reasoning(detail.text("text") or "", _seal(detail.text("signature")), id)
        case "reasoning.summary":
            return Reasoning(detail.text("summary") or "", id=id)
        case "reasoning.encrypted":
            return Reasoning(seal=_seal(detail.text("data")), id=id)
        case _:
            return Reasoning()


def is_encrypted(detail: Given) -> bool:
    """Say whether a detail is whole by itself; a signature belongs to the text before it."""
    return detail.text("type") == _ENCRYPTED


def write_detail(part: Reasoning, index: int) -> JsonObject:
    """Return one detail; without its `index` the openai SDK cannot put a stream together again."""
    detail: JsonObject = {"type": _TEXT, "index": index}
    if part.id is not None:
        detail["id"] = part.id
    if part.seal is not None and not part.text:
        return detail | {"type": _ENCRYPTED, "data": write_seal(part.seal, _OWN)}
    detail["text"] = part.text
    if part.seal is not None:
        detail["signature"] = write_seal(part.seal, _OWN)
    return detail


def read_call_seal(call: Given) -> Seal | None:
    google = _inner(_inner(call, "extra_content"), "google")
    return _seal(google.text("thought_signature")) if google is not None else None


def write_call_seal(seal: Seal) -> JsonObject:
    """Return the value of `extra_content`."""
    return {"google": {"thought_signature": write_seal(seal, _OWN)}}


def _seal(text: str | None) -> Seal | None:
    return read_seal(text, _OWN) if text else None


def _inner(members: Given | None, name: str) -> Given | None:
    return members.inner(name) if members is not None else None
