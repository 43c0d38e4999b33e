"""Answers as the events of a stream, put together again from them, and as Bedrock's own frames."""

import json
from typing import Any

from doubles.event_frames import event
from msgspec.structs import replace

from fairlead_proxy.dialects.dialect import ProviderDialect, StreamWriter
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    Began,
    Choice,
    ChoiceEnded,
    Completion,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Media, Reasoning, Refusal, Seal, Text, ToolCall
from fairlead_proxy.exchange.usage import Usage


def events_of(completion: Completion, piece: int = 3) -> list[StreamEvent]:
    """Return an answer as the events that a provider's reader would tell; texts come in pieces of this length."""
    events: list[StreamEvent] = [Began(completion.id, completion.model, completion.created)]
    for number, choice in enumerate(completion.choices):
        chances = choice.chances
        for index, part in enumerate(choice.parts):
            for said in _events_of_part(part, index, number, piece):
                if isinstance(said, PartGrew) and isinstance(part, Text) and said.text:
                    said, chances = replace(said, chances=chances), ()
                events.append(said)
    if completion.usage is not None:
        events.append(UsageTold(completion.usage))
    events += [ChoiceEnded(choice.stop, choice.sequence, number) for number, choice in enumerate(completion.choices)]
    return [*events, Ended()]


def _events_of_part(part: AnswerPart, index: int, choice: int, piece: int) -> list[StreamEvent]:
    begun, text = _beginning_of(part)
    grown = [PartGrew(index, text[at : at + piece], choice) for at in range(0, len(text), piece)]
    match part:
        case Text():
            grown += [PartGrew(index, choice=choice, citation=citation) for citation in part.citations]
        case ToolCall(seal=Seal()) | Reasoning(seal=Seal()) if begun is not part:
            grown.append(PartGrew(index, choice=choice, seal=part.seal))
        case _:
            pass
    return [PartBegan(index, begun, choice), *grown, PartEnded(index, choice)]


def _beginning_of(part: AnswerPart) -> tuple[AnswerPart, str]:
    """Return a part as it begins, and the text that it grows by."""
    match part:
        case Text():
            return Text(""), part.text
        case Refusal():
            return Refusal(""), part.text
        case Reasoning() if part.text:
            return Reasoning(id=part.id), part.text
        case ToolCall():
            return ToolCall(part.id, part.name, ""), part.arguments
        case Reasoning() | Media():
            return part, ""


def completion_of(events: list[StreamEvent]) -> Completion:
    """Put an answer together again. The events must come in the order that `exchange/completion.py` demands."""
    began, usage = Began(), None
    parts: dict[int, list[AnswerPart]] = {}
    ends: dict[int, ChoiceEnded] = {}
    chances: dict[int, list[Any]] = {}
    for told in events:
        match told:
            case Began():
                began = told
            case PartBegan():
                assert told.index == len(parts.setdefault(told.choice, []))
                parts[told.choice].append(told.part)
            case PartGrew():
                parts[told.choice][told.index] = _grown(parts[told.choice][told.index], told)
                chances.setdefault(told.choice, []).extend(told.chances)
            case ChoiceEnded():
                ends[told.choice] = told
            case UsageTold():
                usage = told.usage
            case _:
                pass
    assert isinstance(events[-1], Ended)
    choices = tuple(
        Choice(tuple(parts.get(number, ())), end.stop, end.sequence, tuple(chances.get(number, ())))
        for number, end in sorted(ends.items())
    )
    return Completion(began.id, began.model, choices, usage, began.created)


def assert_in_order(events: list[StreamEvent]) -> None:
    """Hold events to the order that `exchange/completion.py` demands."""
    begun: dict[int, list[AnswerPart]] = {}
    open_: dict[int, set[int]] = {}
    ended: set[int] = set()
    for place, told in enumerate(events):
        match told:
            case Began():
                assert place == 0, "it began twice, or late"
            case PartBegan():
                parts, still = begun.setdefault(told.choice, []), open_.setdefault(told.choice, set())
                assert told.choice not in ended, "a part after the end of its choice"
                assert told.index == len(parts), "a part out of turn"
                parts.append(told.part)
                still.add(told.index)
                assert len(still) == 1 or all(isinstance(parts[index], ToolCall) for index in still), "parts overlap"
            case PartGrew():
                assert told.index in open_.get(told.choice, ()), "a part grew that is not open"
            case PartEnded():
                assert told.index in open_.get(told.choice, ()), "a part ended that is not open"
                open_[told.choice].remove(told.index)
            case ChoiceEnded():
                assert told.choice not in ended, "a choice ended twice"
                assert not open_.get(told.choice), "a choice ended before its parts"
                ended.add(told.choice)
            case Ended():
                assert place == len(events) - 1, "something came after the end"
                assert ended >= set(begun), "it ended before its choices"
            case UsageTold():
                pass


def _grown(part: AnswerPart, event: PartGrew) -> AnswerPart:
    match part:
        case Text():
            cited = () if event.citation is None else (event.citation,)
            return replace(part, text=part.text + event.text, citations=part.citations + cited)
        case Reasoning():
            return replace(part, text=part.text + event.text, seal=event.seal or part.seal)
        case ToolCall():
            return replace(part, arguments=part.arguments + event.text, seal=event.seal or part.seal)
        case Refusal():
            return replace(part, text=part.text + event.text)
        case _:
            return part


def gist_of(completion: Completion) -> list[Any]:
    """Return what an answer says, in the one way to say it.

    Texts that follow each other are one, reasoning goes on until its seal, arguments are values, what is empty is
    nothing; seals that stand by themselves may stand anywhere.
    """
    return [
        [*_gist_of_parts(choice.parts), choice.stop, choice.sequence, choice.chances] for choice in completion.choices
    ]


def _gist_of_parts(parts: tuple[AnswerPart, ...]) -> tuple[list[Any], list[str]]:
    said: list[Any] = []
    seals: list[str] = []
    for part in parts:
        last = said[-1] if said else None
        match part, last:
            case ((Text(text="") | Reasoning(text="", seal=None)), _):
                pass
            case Reasoning(text="", seal=Seal(value=value)), _:
                seals.append(value)
            case Text(), ("text", before, citations):
                said[-1] = ("text", before + part.text, citations + part.citations)
            case Text(), _:
                said.append(("text", part.text, part.citations))
            case Reasoning(), ("reasoning", before, None):
                said[-1] = ("reasoning", before + part.text, part.seal)
            case Reasoning(), _:
                said.append(("reasoning", part.text, part.seal))
            case ToolCall(), _:
                said.append(("call", part.id, part.name, json.loads(part.arguments or "{}"), part.seal))
            case _:
                said.append((type(part).__name__, part))
    return said, sorted(seals)


def written_by(writer: StreamWriter, events: list[StreamEvent]) -> list[bytes]:
    """Return the frames that say these events."""
    return [frame for frame in (writer.write(event) for event in events) if frame]


def read_by(dialect: ProviderDialect, stream: bytes) -> list[StreamEvent]:
    """Return the events of a whole stream; raise UpstreamFailure."""
    parser, reader = dialect.open_parser(), dialect.open_reader()
    frames = [frame for frame in [*parser.feed(stream), *parser.finish()] if frame.data is not None]
    return [told for frame in frames for told in reader.take(frame)] + reader.finish()


_STOPS = {
    Stop.END: "end_turn",
    Stop.LENGTH: "max_tokens",
    Stop.SEQUENCE: "stop_sequence",
    Stop.TOOL_CALLS: "tool_use",
    Stop.REFUSED: "content_filtered",
    Stop.FILTERED: "content_filtered",
    Stop.PAUSED: "max_tokens",
}


def bedrock_frames(events: list[StreamEvent]) -> list[bytes]:
    """Return the first choice of an answer as ConverseStream sends it.

    Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
    """
    frames = [event("messageStart", role="assistant")]
    kinds: dict[int, AnswerPart] = {}
    usage = Usage()
    for told in events:
        match told:
            case PartBegan(choice=0):
                kinds[told.index] = told.part
                if isinstance(told.part, ToolCall):
                    start = {"toolUse": {"toolUseId": told.part.id, "name": told.part.name}}
                    frames.append(event("contentBlockStart", contentBlockIndex=told.index, start=start))
            case PartGrew(choice=0):
                delta = _bedrock_delta(kinds[told.index], told)
                if delta:
                    frames.append(event("contentBlockDelta", contentBlockIndex=told.index, delta=delta))
            case PartEnded(choice=0):
                frames.append(event("contentBlockStop", contentBlockIndex=told.index))
            case ChoiceEnded(choice=0):
                frames.append(event("messageStop", stopReason=_STOPS[told.stop]))
            case UsageTold():
                usage = told.usage
            case _:
                pass
    counts = {"inputTokens": usage.input_tokens, "outputTokens": usage.output_tokens}
    return [*frames, event("metadata", usage={**counts, "totalTokens": sum(counts.values())}, metrics={"latencyMs": 1})]


def _bedrock_delta(part: AnswerPart, grew: PartGrew) -> dict[str, Any]:
    if isinstance(part, ToolCall):
        return {"toolUse": {"input": grew.text}} if grew.text else {}
    if isinstance(part, Reasoning):
        if grew.seal is not None:
            return {"reasoningContent": {"signature": grew.seal.value}}
        return {"reasoningContent": {"text": grew.text}} if grew.text else {}
    return {"text": grew.text} if grew.text else {}
