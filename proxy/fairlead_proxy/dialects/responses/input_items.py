"""The items of a caller's input, read into turns."""

from typing import Any

import msgspec

from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.dialects.notes import Notes
from fairlead_proxy.dialects.responses.call_seals import read_call_seal
from fairlead_proxy.dialects.responses.parts import read_content
from fairlead_proxy.dialects.responses.settings import OWN
from fairlead_proxy.exchange.conversation import (
    Media,
    Part,
    Reasoning,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from fairlead_proxy.exchange.seals import read_seal

_READ_OF_ITEM: dict[str, frozenset[str]] = {
    "message": frozenset({"type", "role", "content", "id", "status"}),
    "function_call": frozenset({"type", "call_id", "name", "arguments", "id", "status"}),
    "function_call_output": frozenset({"type", "call_id", "name", "output", "id", "status"}),
    "reasoning": frozenset({"type", "summary", "content", "encrypted_content", "id", "status"}),
}


def read_input(request: Given, notes: Notes) -> list[Turn]:
    """Return the turns of the input, in order; raise InvalidCall.

    What the model said in one go (reasoning, messages, calls) is one turn, and so are the results that follow.
    Source: https://platform.openai.com/docs/api-reference/responses/create, "input".
    """
    value = request.take("input")
    if value is None:
        return []
    if isinstance(value, str):
        return [Turn(Role.USER, (Text(value),))]
    reader = _Items(notes)
    for item in request.objects("input"):
        reader.take(item)
    return reader.turns()


class _Items:
    """Turns in the making: the last one grows while the same speaker goes on."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._turns: list[tuple[Role, list[Part]]] = []
        self._grows = ""
        self._names: dict[str, str] = {}
        self._seals: dict[str, Seal] = {}

    def turns(self) -> list[Turn]:
        """Return what was read, with the seals of its calls."""
        return [Turn(role, tuple(self._sealed(part) for part in parts)) for role, parts in self._turns if parts]

    def take(self, item: Given) -> None:
        type_ = item.text("type") or ("message" if item.take("role") is not None else "item_reference")
        known = _READ_OF_ITEM.get(type_)
        if known is None:
            self._notes.bind_to(f"an input item of the type {type_}")
            self._grows = ""
            return
        for name in item.names():
            if name not in known:
                item.leave_out(name, self._notes)
        match type_:
            case "message":
                self._take_message(item)
            case "function_call":
                self._add(Role.ASSISTANT, [self._read_call(item)], "answer")
            case "function_call_output":
                self._add(Role.USER, [self._read_result(item)], "results")
            case _:
                self._add(Role.ASSISTANT, self._read_reasoning(item), "answer")

    def _add(self, role: Role, parts: list[Part], kind: str) -> None:
        """Add parts to the last turn if it is of this kind, else begin one; an empty kind never grows."""
        if not (kind and kind == self._grows):
            self._turns.append((role, []))
        self._turns[-1][1].extend(parts)
        self._grows = kind

    def _take_message(self, item: Given) -> None:
        written = item.needed_text("role")
        if written not in list(Role):
            raise item.refuse_choice("role", "one of user, assistant, system, developer")
        role = Role(written)
        parts = list[Part](read_content(item, "content", self._notes))
        self._add(role, parts, "answer" if role is Role.ASSISTANT else "")

    def _read_call(self, item: Given) -> ToolCall:
        call_id, name = item.needed_text("call_id"), item.needed_text("name")
        self._names[call_id] = name
        return ToolCall(call_id, name, item.text("arguments") or "{}")

    def _read_result(self, item: Given) -> ToolResult:
        call_id = item.needed_text("call_id")
        content = read_content(item, "output", self._notes)
        parts = tuple(part for part in content if isinstance(part, Text | Media))
        return ToolResult(call_id, self._names.get(call_id) or item.text("name") or "", parts)

    def _read_reasoning(self, item: Given) -> list[Part]:
        encrypted = item.text("encrypted_content")
        of_call = read_call_seal(encrypted) if encrypted else None
        if of_call is not None:
            self._seals[of_call[0]] = of_call[1]
            return []
        text = join_reasoning(self._texts(item, "summary")) or join_reasoning(self._texts(item, "content"))
        return [Reasoning(text, read_seal(encrypted, OWN) if encrypted else None, item.text("id") or None)]

    def _texts(self, item: Given, name: str) -> list[str]:
        return [part.text("text") or "" for part in item.objects(name)]

    def _sealed(self, part: Part) -> Part:
        if isinstance(part, ToolCall) and part.id in self._seals:
            return msgspec.structs.replace(part, seal=self._seals[part.id])
        return part


def join_reasoning(texts: list[Any]) -> str:
    """Return the parts of a summary as one text, with a blank line between them."""
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)
