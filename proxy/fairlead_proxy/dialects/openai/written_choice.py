"""One choice of a streamed chat answer, as it is written: the deltas that say what its parts are."""

from msgspec.structs import replace

from fairlead_proxy.dialects.openai.answer_content import write_citation, write_image
from fairlead_proxy.dialects.openai.chances import write_chances
from fairlead_proxy.dialects.openai.finish import write_stop
from fairlead_proxy.dialects.openai.joined_text import PARAGRAPH, JoinedText
from fairlead_proxy.dialects.openai.reasoning import write_call_seal, write_detail
from fairlead_proxy.exchange.completion import ChoiceEnded, PartBegan, PartEnded, PartGrew
from fairlead_proxy.exchange.conversation import JsonObject, Media, MediaKind, Reasoning, Refusal, Text, ToolCall


class _Call:
    """A tool call under way: its place among the calls, and whether it has arguments yet."""

    __slots__ = ("has_arguments", "place")

    def __init__(self, place: int) -> None:
        self.place = place
        self.has_arguments = False


class WrittenChoice:
    """Takes event after event, and returns the chunks' choices, in full, that say them."""

    __slots__ = (
        "_annotations", "_as_functions", "_call_count", "_calls", "_has_reasoning", "_has_refusal", "_images", "_index",
        "_joined", "_kind", "_opening", "_text_start", "_thought", "_thoughts", "has_role",
    )  # fmt: skip

    def __init__(self, index: int, *, as_functions: bool) -> None:
        self._index = index
        self._as_functions = as_functions
        self.has_role = False
        self._kind: type[object] | None = None
        self._opening = ""
        """Stands before the next text of a refusal or of reasoning: there was one before."""
        self._joined = JoinedText()
        self._text_start: int | None = None
        self._annotations = self._images = 0
        self._calls: dict[int, _Call] = {}
        self._call_count = 0
        self._has_refusal = self._has_reasoning = False
        self._thoughts = 0
        """Parts of reasoning that have been told."""
        self._thought = Reasoning()
        """The latest of them, as far as it is known: of its text only whether there is any."""

    def role(self) -> JsonObject:
        """Return the beginning: like OpenAI's, with an empty text where text follows."""
        self.has_role = True
        return self._choice({"role": "assistant", "content": "" if self._kind is Text else None})

    def take(self, event: PartBegan | PartGrew | PartEnded | ChoiceEnded) -> list[JsonObject]:
        match event:
            case PartBegan():
                return self._begin(event)
            case PartGrew():
                return self._grow(event)
            case PartEnded():
                return self._end_part(event)
            case ChoiceEnded():
                reason = write_stop(event.stop, has_refusal=self._has_refusal, as_functions=self._as_functions)
                return [self._choice({}, finish_reason=reason)]

    def _begin(self, event: PartBegan) -> list[JsonObject]:
        part = event.part
        self._kind = type(part)
        if not isinstance(part, Text):
            self._joined.interrupt()
        match part:
            case Text():
                self._text_start = None
            case Reasoning():
                self._opening = PARAGRAPH if self._has_reasoning else ""
                self._thought = part
            case Refusal():
                self._opening = PARAGRAPH if self._has_refusal else ""
                self._has_refusal = True
            case ToolCall():
                return self._begin_call(event.index, part)
            case Media() if part.kind is MediaKind.IMAGE:
                self._images += 1
                return [self._choice({"images": [{"index": self._images - 1, **write_image(part)}]})]
            case Media():
                pass  # nobody asks for another kind: a request for it is bound to its own dialect
        return []

    def _grow(self, event: PartGrew) -> list[JsonObject]:
        call = self._calls.get(event.index)
        if call is not None:
            return self._grow_call(call, event)
        if self._kind is Text:
            return self._grow_text(event)
        if self._kind is Refusal:
            chances = write_chances(event.chances, "refusal")
            text, self._opening = (self._opening + event.text, "") if event.text else ("", self._opening)
            return [self._choice({"refusal": text}, chances)] if text or chances else []
        return self._grow_reasoning(event)

    def _end_part(self, event: PartEnded) -> list[JsonObject]:
        call = self._calls.pop(event.index, None)
        if call is not None:
            # Without any, they must still be JSON.
            return [] if call.has_arguments else self._call_delta(call, "{}")
        if self._kind is not Reasoning:
            return []
        thought, self._thought = self._thought, Reasoning()
        if thought.seal is None and not thought.text:
            return []
        self._thoughts += 1
        if thought.seal is None:
            return []
        detail = write_detail(thought, self._thoughts - 1)
        detail.pop("text", None)
        return [self._choice({"reasoning_details": [detail]})]

    def _grow_reasoning(self, event: PartGrew) -> list[JsonObject]:
        """Return the text, by itself and in the details: to those the seal is added when the part ends."""
        if event.seal is not None:
            self._thought = replace(self._thought, seal=event.seal)
        if not event.text:
            return []
        self._has_reasoning = True
        self._thought = replace(self._thought, text=event.text)
        text, self._opening = self._opening + event.text, ""
        detail = write_detail(Reasoning(event.text), self._thoughts)
        return [self._choice({"reasoning_content": text, "reasoning_details": [detail]})]

    def _grow_text(self, event: PartGrew) -> list[JsonObject]:
        delta: JsonObject = {}
        text = self._joined.add(event.text)
        if text:
            delta["content"] = text
            if self._text_start is None:
                self._text_start = self._joined.length - len(event.text)
        if event.citation is not None:
            start = self._joined.length if self._text_start is None else self._text_start
            annotation = write_citation(event.citation, (start, self._joined.length))
            if annotation is not None:
                delta["annotations"] = [{"index": self._annotations, **annotation}]
                self._annotations += 1
        chances = write_chances(event.chances)
        return [self._choice(delta, chances)] if delta or chances else []

    def _begin_call(self, index: int, call: ToolCall) -> list[JsonObject]:
        self._calls[index] = _Call(self._call_count)
        self._call_count += 1
        function = {"name": call.name, "arguments": ""}
        if self._as_functions:  # the old form has one call
            return [self._choice({"function_call": function})] if self._call_count == 1 else []
        begun = {"index": self._call_count - 1, "id": call.id, "type": "function", "function": function}
        return [self._choice({"tool_calls": [begun]})]

    def _grow_call(self, call: _Call, event: PartGrew) -> list[JsonObject]:
        said: list[JsonObject] = []
        if event.text:
            call.has_arguments = True
            said += self._call_delta(call, event.text)
        if event.seal is not None and not self._as_functions:
            # The openai SDK wants a function in every piece of a call.
            sealed = {"index": call.place, "function": {"arguments": ""}, "extra_content": write_call_seal(event.seal)}
            said.append(self._choice({"tool_calls": [sealed]}))
        return said

    def _call_delta(self, call: _Call, arguments: str) -> list[JsonObject]:
        function = {"arguments": arguments}
        if self._as_functions:
            return [self._choice({"function_call": function})] if call.place == 0 else []
        return [self._choice({"tool_calls": [{"index": call.place, "function": function}]})]

    def _choice(
        self, delta: JsonObject, chances: JsonObject | None = None, finish_reason: str | None = None
    ) -> JsonObject:
        return {"index": self._index, "delta": delta, "logprobs": chances, "finish_reason": finish_reason}
