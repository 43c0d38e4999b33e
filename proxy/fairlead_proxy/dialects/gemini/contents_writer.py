"""Writing a conversation's turns as `contents` for a provider."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.gemini.media import write_media
from fairlead_proxy.dialects.gemini.signatures import SKIP_VALIDATION
from fairlead_proxy.dialects.gemini.thinking import generation_of
from fairlead_proxy.dialects.gemini.turns_reader import text_of_response
from fairlead_proxy.dialects.json_text import decode_json, object_in
from fairlead_proxy.dialects.losses import Loss, media_words
from fairlead_proxy.dialects.speakers import INSTRUCTING
from fairlead_proxy.dialects.tool_calls import arguments_in
from fairlead_proxy.exchange.conversation import (
    JsonObject,
    Media,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)

_SIGNATURE = "thoughtSignature"


class WrittenContents(Struct, frozen=True):
    """`instructions` are parts of text; `contents` are never empty where anything was said."""

    instructions: list[JsonObject]
    contents: list[JsonObject]


def write_contents(turns: Iterable[Turn], *, model: str, lost: set[str]) -> WrittenContents:
    """Write the turns, those of the same role joined; `lost` takes what a model of this name is not told."""
    writer = _ContentsWriter(model, lost)
    for turn in turns:
        writer.add(turn)
    return writer.finish()


class _ContentsWriter:
    """Collects the contents; the last of them is open until another role speaks."""

    def __init__(self, model: str, lost: set[str]) -> None:
        self._lost = lost
        generation = generation_of(model)
        self._wants_signatures = generation >= (3, 0)
        self._takes_media_in_results = generation >= (3, 0) or generation == (0, 0)
        self._instructions: list[JsonObject] = []
        self._contents: list[JsonObject] = []
        self._parts: list[JsonObject] = []
        self._role = ""
        self._late: list[JsonObject] = []
        """Media of tools' results, where they must stand behind all results of the turn."""
        self._names: dict[str, str] = {}
        """What each call called, for results that do not say."""

    def add(self, turn: Turn) -> None:
        if turn.name:
            self._lost.add(Loss.SPEAKER)
        if turn.role in INSTRUCTING:
            self._instruct(turn)
            return
        role = "model" if turn.role is Role.ASSISTANT else "user"
        if role != self._role:
            self._end_content()
            self._role = role
        for part in turn.parts:
            self._add_part(part)

    def finish(self) -> WrittenContents:
        """Without anything else said, the instructions are said by the user: the vendor refuses empty contents."""
        self._end_content()
        if not self._contents and self._instructions:
            self._lost.add(Loss.SYSTEM_ROLE)
            return WrittenContents([], [{"role": "user", "parts": self._instructions}])
        return WrittenContents(self._instructions, self._contents)

    def _instruct(self, turn: Turn) -> None:
        """The vendor has one place for instructions, of text alone."""
        if self._contents or self._parts:
            self._lost.add(Loss.SYSTEM_POSITION)
        for part in turn.parts:
            if isinstance(part, Text | Refusal):
                if part.text:
                    self._instructions.append({"text": part.text})
                self._note_cache(part)
            else:
                self._lost.add(Loss.SYSTEM_MEDIA)

    def _end_content(self) -> None:
        parts = self._parts + self._late
        if self._wants_signatures and self._role == "model":
            _sign_first_call(parts)
        if parts:
            self._contents.append({"role": self._role, "parts": parts})
        self._parts, self._late = [], []

    def _add_part(self, part: Part) -> None:
        self._note_cache(part)
        match part:
            case Text() | Refusal():
                if isinstance(part, Text) and part.citations:
                    self._lost.add(Loss.CITATIONS)
                if part.text:  # the vendor refuses a part without any
                    self._parts.append({"text": part.text})
            case Media():
                self._add_media(part, self._parts)
            case Reasoning():
                self._add_reasoning(part)
            case ToolCall():
                self._add_call(part)
            case ToolResult():
                self._add_result(part)

    def _add_reasoning(self, reasoning: Reasoning) -> None:
        """Hidden reasoning is a signature on the part before; see `turns_reader`."""
        seal = reasoning.seal
        if seal is not None and seal.origin is not DialectName.GEMINI:
            self._lost.add(Loss.FOREIGN_REASONING)
            return
        signature = {} if seal is None else {_SIGNATURE: seal.value}
        if reasoning.text:
            self._parts.append({"text": reasoning.text, "thought": True, **signature})
        elif signature:
            last = self._parts[-1] if self._parts else {}
            if last and not last.keys() & {_SIGNATURE, "thought", "functionCall"}:
                last.update(signature)
            else:
                self._parts.append({"text": "", **signature})

    def _add_call(self, call: ToolCall) -> None:
        self._names[call.id] = call.name
        made: JsonObject = {"functionCall": {"name": call.name, "args": arguments_in(call.arguments)[0]}}
        if call.seal is not None:
            if call.seal.origin is DialectName.GEMINI:
                made[_SIGNATURE] = call.seal.value
            else:
                self._lost.add(Loss.FOREIGN_SIGNATURE)
        self._parts.append(made)

    def _add_result(self, result: ToolResult) -> None:
        """Source: https://ai.google.dev/gemini-api/docs/function-calling#multimodal, for media from Gemini 3 on."""
        text = "\n\n".join(part.text for part in result.parts if isinstance(part, Text))
        media: list[JsonObject] = []
        for part in result.parts:
            if isinstance(part, Media):
                self._add_media(part, media)
        name = result.name or self._names.get(result.call_id) or result.call_id
        made: JsonObject = {"name": name, "response": _response(text, is_error=result.is_error)}
        if media and self._takes_media_in_results:
            made["parts"] = media
        else:
            self._late += media
        self._parts.append({"functionResponse": made})

    def _add_media(self, media: Media, parts: list[JsonObject]) -> None:
        if media.detail not in (None, "auto"):
            self._lost.add(Loss.IMAGE_DETAIL)
        if media.name:
            self._lost.add(Loss.FILE_NAME)  # `displayName`, which Vertex AI alone takes
        written = write_media(media)
        if written is None:
            self._lost.add(media_words(media))
        else:
            parts.append(written)

    def _note_cache(self, part: Part) -> None:
        if not isinstance(part, Refusal) and part.cache is not None:
            self._lost.add(Loss.CACHE_HINT)
        if isinstance(part, ToolResult):
            for inner in part.parts:
                self._note_cache(inner)


def _response(text: str, *, is_error: bool) -> msgspec.Raw | JsonObject:
    """Return a result as the object that it must be: as it stands if it is one, unless that would be read otherwise."""
    if is_error:
        return {"error": text}
    embedded = object_in(text)
    if embedded is not None:
        decoded = decode_json(bytes(embedded))
        if len(decoded) > 1 or (
            decoded and text_of_response(decoded) == (msgspec.json.encode(decoded).decode(), False)
        ):
            return embedded
    return {"result": text}


def _sign_first_call(parts: list[JsonObject]) -> None:
    """From Gemini 3 on the first call of a step must be signed; a call that another provider made cannot be.

    Source: https://ai.google.dev/gemini-api/docs/thought-signatures, "FAQs", for the placeholder.
    """
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault(_SIGNATURE, SKIP_VALIDATION)
