"""One choice of a streamed chat answer, as it is read: which parts are under way, and what a delta adds to them."""

from fairlead_proxy.dialects.failures import malformed
from fairlead_proxy.dialects.openai.answer_content import Content, read_citations, read_content, read_images
from fairlead_proxy.dialects.openai.chances import read_chances
from fairlead_proxy.dialects.openai.completion_reader import read_arguments
from fairlead_proxy.dialects.openai.finish import read_stop
from fairlead_proxy.dialects.openai.reasoning import is_encrypted, read_call_seal, read_detail, reasoning_text_of
from fairlead_proxy.dialects.told_json import Told
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    ChoiceEnded,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    TokenChance,
)
from fairlead_proxy.exchange.conversation import Reasoning, Refusal, Seal, Text, ToolCall


class _Call:
    """A tool call on its way. It begins with its name: until then, what came of it is held."""

    __slots__ = ("held", "id", "part", "seal")

    def __init__(self, id: str) -> None:
        self.id = id
        self.held = ""
        self.seal: Seal | None = None
        self.part: int | None = None
        """The index of its part, once it has begun."""


class StreamedChoice:
    """Takes delta after delta, and returns what each says. `finished`: its end has been told."""

    __slots__ = (
        "_begun_calls",
        "_calls",
        "_has_refusal",
        "_kind",
        "_last_call",
        "_open",
        "_parts",
        "_sealed",
        "finished",
        "index",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.finished = False
        self._parts = 0
        """How many have begun; the last of them is under way if `_kind` is given, which is its type."""
        self._kind: type[AnswerPart] | None = None
        self._open: list[int] = []
        """The parts under way: one, or calls, of which any may go on until something else begins, or the choice ends.
        """
        self._sealed = False
        self._calls: dict[int, _Call] = {}
        """By the index that the provider gives them, the latest of each."""
        self._begun_calls = 0
        self._last_call: _Call | None = None
        self._has_refusal = False

    @property
    def has_begun(self) -> bool:
        return self._parts > 0 or self.finished

    def grow_text(self, text: str) -> PartGrew | None:
        """Return the event of a delta that brings this text and nothing else; None if no text is under way."""
        if self._kind is not Text or self.finished:
            return None
        return PartGrew(self._parts - 1, text, self.index)

    def take(self, choice: Told) -> list[StreamEvent]:
        """Return what a chunk says of this choice; raise the UpstreamFailure that it means."""
        if self.finished:
            return []
        events: list[StreamEvent] = []
        delta = choice.inner("delta")
        if delta is not None:
            self._take_delta(delta, choice, events)
        finish_reason = choice.take("finish_reason")
        if finish_reason:
            events += self.end(finish_reason, choice.take("stop_reason"))
        return events

    def end(self, finish_reason: object = None, stopped_by: object = None) -> list[StreamEvent]:
        """Return the end of the choice; without a reason, by what it holds."""
        events: list[StreamEvent] = []
        self._end_parts(events)
        if any(call.part is None for call in self._calls.values()):
            raise malformed("a tool call has no name")
        stop = read_stop(
            finish_reason, has_calls=self._begun_calls > 0, has_refusal=self._has_refusal, stopped_by=stopped_by
        )
        sequence = stopped_by if stop is Stop.SEQUENCE and isinstance(stopped_by, str) else None
        self.finished = True
        return [*events, ChoiceEnded(stop, sequence, self.index)]

    def _take_delta(self, delta: Told, choice: Told, events: list[StreamEvent]) -> None:
        content = read_content(delta)
        self._take_reasoning(delta, content, events)
        chances = read_chances(choice)
        if content.text or (chances and self._kind is Text):
            self._grow(Text(""), content.text, events, chances)
        refusal = delta.text("refusal")
        if refusal:
            self._has_refusal = True
            self._grow(Refusal(""), refusal, events, read_chances(choice, "refusal"))
        for image in read_images(delta):
            self._begin(image, events)
            self._end_parts(events)
        if self._kind is Text:
            at = self._parts - 1
            events += (PartGrew(at, choice=self.index, citation=citation) for citation in read_citations(delta))
        for call in delta.objects("tool_calls"):
            self._take_call(call, call.inner("function"), call.whole("index", 0), events)
        old = delta.inner("function_call")
        if old is not None:
            self._take_call(old, old, 0, events)

    def _take_reasoning(self, delta: Told, content: Content, events: list[StreamEvent]) -> None:
        """Take the text once, though it is written twice, by itself and in the details, which know the parts better."""
        told = [(read_detail(detail), is_encrypted(detail)) for detail in delta.objects("reasoning_details")]
        if not any(detail.text for detail, _ in told):
            self._grow_reasoning(reasoning_text_of(delta) or content.reasoning, events)
        for detail, is_whole in told:
            self._grow_reasoning(detail.text, events)
            if detail.seal is None:
                continue
            if self._kind is Reasoning and not self._sealed and not is_whole:
                self._sealed = True
                events.append(PartGrew(self._parts - 1, choice=self.index, seal=detail.seal))
            else:
                self._begin(Reasoning(seal=detail.seal, id=detail.id), events)
                self._end_parts(events)

    def _grow_reasoning(self, text: str, events: list[StreamEvent]) -> None:
        if not text:
            return
        if self._kind is Reasoning and self._sealed:
            self._end_parts(events)
        self._grow(Reasoning(), text, events)

    def _take_call(
        self,
        delta: Told,
        function: Told | None,
        position: int | None,
        events: list[StreamEvent],
    ) -> None:
        name = (function.text("name") if function is not None else None) or ""
        arguments = read_arguments(function) if function is not None else ""
        call = self._call_of(delta.text("id") or "", position, name, events)
        if call is None and not arguments:
            return
        call = call or self._new_call("", position)
        call.seal = read_call_seal(delta) or call.seal
        call.held += arguments
        if call.part is None:
            if not name:
                return
            self._begin(ToolCall(call.id, name, ""), events)
            call.part = self._parts - 1
        if not call.held and call.seal is None:
            return
        if call.part not in self._open:
            raise malformed("a tool call goes on after its end")
        events.append(PartGrew(call.part, call.held, self.index, call.seal))
        call.held, call.seal = "", None

    def _call_of(self, id: str, position: int | None, name: str, events: list[StreamEvent]) -> _Call | None:
        """Return the call that a delta is of, which may be a new one; None if it does not look like one.

        Some servers leave `index` out, or write 0 for every call: there an id that is new tells, and ends the call
        before, of which no delta can be any more.
        """
        known = self._last_call if position is None else self._calls.get(position)
        if known is not None and id and known.id != id:
            if known.part is None:
                known.id = id
            elif name:
                self._end_part(known.part, events)
                known = None
        if known is None and (id or name):
            known = self._new_call(id, position)
        self._last_call = known or self._last_call
        return known

    def _new_call(self, id: str, position: int | None) -> _Call:
        call = _Call(id or f"call_{self._begun_calls}")
        self._begun_calls += 1
        self._calls[self._begun_calls if position is None else position] = self._last_call = call
        return call

    def _grow(
        self, part: AnswerPart, text: str, events: list[StreamEvent], chances: tuple[TokenChance, ...] = ()
    ) -> None:
        if self._kind is not type(part):
            self._begin(part, events)
        events.append(PartGrew(self._parts - 1, text, self.index, chances=chances))

    def _begin(self, part: AnswerPart, events: list[StreamEvent]) -> None:
        if not (self._kind is ToolCall and isinstance(part, ToolCall)):
            self._end_parts(events)
        events.append(PartBegan(self._parts, part, self.index))
        self._kind, self._sealed = type(part), False
        self._open.append(self._parts)
        self._parts += 1

    def _end_parts(self, events: list[StreamEvent]) -> None:
        for index in [*self._open]:
            self._end_part(index, events)

    def _end_part(self, index: int, events: list[StreamEvent]) -> None:
        """End a part, unless it has ended."""
        if index in self._open:
            self._open.remove(index)
            events.append(PartEnded(index, self.index))
        if not self._open:
            self._kind = None
