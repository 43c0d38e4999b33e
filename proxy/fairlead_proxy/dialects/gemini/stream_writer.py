"""Writing a streamed answer for a caller of this dialect, chunk by chunk."""

import msgspec

from fairlead_proxy.dialects.gemini.annotations import write_chances, write_citations
from fairlead_proxy.dialects.gemini.answer_parts import write_part, write_thought
from fairlead_proxy.dialects.gemini.answer_writer import ending_of, response_of
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Citation, JsonObject, Media, Reasoning, Seal, Text, ToolCall
from fairlead_proxy.exchange.usage import Usage


class GeminiStreamWriter:
    """See StreamWriter. The vendor sends calls whole, and ends with a chunk that tells reasons and counts."""

    __slots__ = ("_answer_id", "_choices", "_model", "_parts", "_usage")

    def __init__(self) -> None:
        self._answer_id = ""
        self._model = ""
        self._usage: Usage | None = None
        self._choices: dict[int, _Choice] = {}
        self._parts: dict[tuple[int, int], _Open] = {}

    def write(self, event: StreamEvent) -> bytes:
        match event:
            case Began():
                self._answer_id, self._model = event.id, event.model
                return b""
            case UsageTold():
                self._usage = event.usage
                return b""
            case PartBegan():
                return self._begin(event)
            case PartGrew():
                return self._grow(event)
            case PartEnded():
                return self._end_part(event.choice, event.index)
            case ChoiceEnded():
                return self._end_choice(event)
            case Ended():
                candidates = [choice.last_candidate(index) for index, choice in self._choices.items()]
                return _frame(response_of(candidates, self._usage, self._answer_id, self._model))

    def adopt(self, frame: Event) -> bool:
        """See StreamWriter. An answer's id and model are all that a chunk names, and they are the provider's anyhow."""
        return True

    def _begin(self, event: PartBegan) -> bytes:
        part, place = event.part, (event.choice, event.index)
        self._choice(event.choice)
        self._parts[place] = _Open(part)
        match part:
            case Media():
                return self._send(event.choice, write_part(part))
            case Text() if part.text:
                return self._say(event.choice, part.text)
            case Reasoning() if part.text or part.seal is not None:
                return self._send(event.choice, write_thought(part))
            case ToolCall():
                self._parts[place].pieces.append(part.arguments)
            case _:
                pass  # what it says comes as it grows
        return b""

    def _grow(self, event: PartGrew) -> bytes:
        part = self._parts.get((event.choice, event.index))
        if part is None:
            return b""
        if isinstance(part.part, ToolCall):
            part.pieces.append(event.text)
            part.seal = event.seal or part.seal
            return b""
        if isinstance(part.part, Reasoning):
            thought = Reasoning(event.text, event.seal)
            return self._send(event.choice, write_thought(thought))
        if event.citation is not None:
            self._choice(event.choice).citations.append(event.citation)
        beside = write_chances(event.chances)
        return self._say(event.choice, event.text, beside) if event.text or beside else b""

    def _end_part(self, choice: int, index: int) -> bytes:
        part = self._parts.pop((choice, index), None)
        if part is None or not isinstance(part.part, ToolCall):
            return b""
        arguments = "".join(part.pieces)
        return self._send(choice, write_part(ToolCall(part.part.id, part.part.name, arguments, part.seal)))

    def _end_choice(self, event: ChoiceEnded) -> bytes:
        """Whoever ends an answer without its parts has ended them too."""
        left = [index for choice, index in self._parts if choice == event.choice]
        sent = b"".join(self._end_part(event.choice, index) for index in left)
        self._choice(event.choice).ending = event
        return sent

    def _say(self, choice: int, text: str, beside: JsonObject | None = None) -> bytes:
        if text:
            self._choice(choice).said.append(text)
        return self._send(choice, {"text": text}, beside)

    def _send(self, choice: int, part: JsonObject | None, beside: JsonObject | None = None) -> bytes:
        if part is None:
            return b""
        candidate = {"content": {"parts": [part], "role": "model"}, "index": choice, **(beside or {})}
        return _frame(response_of([candidate], None, self._answer_id, self._model))

    def _choice(self, index: int) -> "_Choice":
        return self._choices.setdefault(index, _Choice())


class _Open:
    """A part that has begun; `pieces` are those of a call's arguments."""

    __slots__ = ("part", "pieces", "seal")

    def __init__(self, part: AnswerPart) -> None:
        self.part = part
        self.pieces: list[str] = []
        self.seal: Seal | None = part.seal if isinstance(part, ToolCall) else None


class _Choice:
    """What is kept of an answer until its last chunk; `said` is there to count a citation's bytes."""

    __slots__ = ("citations", "ending", "said")

    def __init__(self) -> None:
        self.citations: list[Citation] = []
        self.said: list[str] = []
        self.ending: ChoiceEnded | None = None

    def last_candidate(self, index: int) -> JsonObject:
        candidate: JsonObject = {"index": index, **write_citations(self.citations, "".join(self.said))}
        if self.ending is None:
            return candidate
        # With an empty text, as the vendor's: google-genai drops a chat's turn if one of its contents has no part.
        return {**candidate, **ending_of(self.ending.stop, has_content=False)}


def _frame(response: JsonObject) -> bytes:
    return b"data: " + msgspec.json.encode(response) + b"\n\n"
