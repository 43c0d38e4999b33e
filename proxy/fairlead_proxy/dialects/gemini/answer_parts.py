"""The parts of an answer: read from a provider's candidate, and written into one for a caller."""

import re

import msgspec

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.gemini.media import read_made, write_media
from fairlead_proxy.dialects.gemini.signatures import signature_for_caller
from fairlead_proxy.dialects.told_json import object_of, text_of
from fairlead_proxy.dialects.tool_calls import arguments_in
from fairlead_proxy.exchange.completion import AnswerPart
from fairlead_proxy.exchange.conversation import JsonObject, Media, Reasoning, Refusal, Seal, Text, ToolCall

_ID_CHARACTERS = 24
"""Of the answer's own id; OpenAI's API takes tool call ids of 40."""
_FOREIGN_TO_IDS = re.compile(r"[^A-Za-z0-9_-]+")


class PartReader:
    """Reads the parts of one answer; gives calls without an id one that no other answer's calls bear."""

    __slots__ = ("_answer_id", "_count")

    def __init__(self) -> None:
        self._answer_id = ""
        self._count = 0

    def know_answer(self, answer_id: str) -> None:
        self._answer_id = _FOREIGN_TO_IDS.sub("", answer_id)[:_ID_CHARACTERS]

    def pieces_of(self, part: JsonObject) -> list[AnswerPart]:
        """Return what a part says; nothing for one of an unknown kind.

        A signature on what is no thought and no call becomes hidden reasoning behind it, as in `turns_reader`.
        """
        signature = text_of(part.get("thoughtSignature"))
        seal = Seal(DialectName.GEMINI, signature) if signature else None
        call = part.get("functionCall")
        if isinstance(call, dict):
            return self._calls_of(call, seal)
        if part.get("thought") is True:
            text = text_of(part.get("text"))
            return [Reasoning(text, seal)] if text or seal else []
        pieces: list[AnswerPart] = []
        text, media = text_of(part.get("text")), read_made(part.get("inlineData"))
        if text:
            pieces.append(Text(text))
        elif media is not None:
            pieces.append(media)
        if seal is not None:
            pieces.append(Reasoning(seal=seal))
        return pieces

    def _calls_of(self, call: JsonObject, seal: Seal | None) -> list[AnswerPart]:
        name = text_of(call.get("name"))
        if not name:  # a later piece of a call whose arguments are streamed, which is never asked for
            return []
        arguments = msgspec.json.encode(object_of(call.get("args"))).decode()
        return [ToolCall(text_of(call.get("id")) or self._next_id(), name, arguments, seal)]

    def _next_id(self) -> str:
        call_id = "_".join(filter(None, ("call", self._answer_id, str(self._count))))
        self._count += 1
        return call_id


def write_part(part: AnswerPart) -> JsonObject | None:
    """Return a part of a candidate; None for one that says nothing here."""
    match part:
        case Text() | Refusal():
            return {"text": part.text} if part.text else None
        case Reasoning():
            return write_thought(part)
        case ToolCall():
            call: JsonObject = {"id": part.id, "name": part.name, "args": arguments_in(part.arguments)[0]}
            return {"functionCall": call, **_signature(part.seal)}
        case Media():
            return write_media(part)


def write_thought(thought: Reasoning) -> JsonObject | None:
    signature = _signature(thought.seal)
    if not thought.text and not signature:
        return None
    if not thought.text and thought.seal is not None and thought.seal.origin is DialectName.GEMINI:
        return {"text": "", **signature}
    return {"text": thought.text, "thought": True, **signature}


def _signature(seal: Seal | None) -> JsonObject:
    return {} if seal is None else {"thoughtSignature": signature_for_caller(seal)}
