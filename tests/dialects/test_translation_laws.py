"""What holds between any two dialects, whatever is asked and whatever is answered."""

import json
from itertools import pairwise, product, zip_longest
from typing import Any

import pytest
from doubles.dialect_samples import ASKED, MODELS, NOW, TALKERS
from doubles.event_lists import assert_in_order, bedrock_frames, completion_of, events_of, gist_of, read_by, written_by
from doubles.neutral import answers, common_conversations, wild_conversations
from doubles.scripted.dialects import DIALECTS as VENDORS
from doubles.scripted.turn import Place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName, Mode, Operation, ProviderType
from fairlead_proxy.dialects.dialect import Relay
from fairlead_proxy.dialects.registry import passage_of, provider_dialect
from fairlead_proxy.dialects.sse import SseParser
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.completion import (
    AnswerPart,
    Choice,
    ChoiceEnded,
    Completion,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    UsageTold,
    is_content,
)
from fairlead_proxy.exchange.conversation import (
    Conversation,
    Media,
    Part,
    Reasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from fairlead_proxy.exchange.errors import UpstreamFailure

TYPES = {
    DialectName.OPENAI_CHAT: ProviderType.OPENAI,
    DialectName.OPENAI_RESPONSES: ProviderType.OPENAI,
    DialectName.ANTHROPIC: ProviderType.ANTHROPIC,
    DialectName.GEMINI: ProviderType.GEMINI,
    DialectName.BEDROCK: ProviderType.BEDROCK,
}
END_WORDS = {
    DialectName.OPENAI_CHAT: (b"data: [DONE]",),
    DialectName.OPENAI_RESPONSES: (b'"type":"response.completed"', b'"type":"response.incomplete"'),
    DialectName.ANTHROPIC: (b'"type":"message_stop"',),
    DialectName.GEMINI: (b'"finishReason":',),
}
"""What the last frame of a whole stream says, in each caller's dialect."""
each_provider = pytest.mark.parametrize("provider", DialectName)
each_caller = pytest.mark.parametrize("caller", TALKERS)
each_pair = pytest.mark.parametrize(("caller", "provider"), list(product(TALKERS, DialectName)))
some = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
few = settings(some, max_examples=30)


def reread(dialect: DialectName, body: bytes, conversation: Conversation) -> Conversation:
    """Read a request that was written for a provider, as if it came from a caller."""
    named = Named("smart", Mode.STREAM if conversation.stream else Mode.PLAIN)
    return TALKERS[dialect].read_request(body, named).conversation


def write(dialect: DialectName, conversation: Conversation) -> tuple[bytes, tuple[str, ...]]:
    written = provider_dialect(dialect, Operation.CHAT).write_request(conversation, model=MODELS[dialect])
    return written.body, written.lost


def asked_in(conversation: Conversation) -> Any:
    """Return what a conversation asks, without what dialects word in their own way."""
    turns: list[tuple[Role, list[Any]]] = []
    for turn in conversation.turns:
        said = [_said(part) for part in turn.parts]
        if turns and turns[-1][0] is turn.role:
            turns[-1][1].extend(said)
        else:
            turns.append((turn.role, said))
    choice = conversation.tool_choice
    return {
        "turns": turns,
        "tools": [(tool.name, tool.description, tool.parameters) for tool in conversation.tools],
        "choice": None if choice is None else (choice.mode, choice.names),
        "max_tokens": conversation.max_tokens,
        "temperature": conversation.sampling.temperature,
        "schema": None if conversation.form is None else conversation.form.schema,
        "stream": conversation.stream,
    }


def _said(part: Part) -> Any:
    match part:
        case Text() | Refusal():
            return part.text
        case Media():
            return part.kind, part.media_type, part.data
        case ToolCall():
            return part.id, part.name, json.loads(part.arguments)
        case ToolResult():
            return part.call_id, part.name, [_said(inner) for inner in part.parts]
        case Reasoning():
            return part.text, part.seal


@each_caller
@given(common_conversations())
@some
def test_what_every_dialect_can_say_comes_back_as_it_was(caller: DialectName, conversation: Conversation) -> None:
    body, lost = write(caller, conversation)
    assert lost == ()
    assert asked_in(reread(caller, body, conversation)) == asked_in(conversation)


@each_provider
@given(common_conversations())
@some
def test_what_every_dialect_can_say_is_a_request_that_each_vendor_takes(
    provider: DialectName, conversation: Conversation
) -> None:
    body, _ = write(provider, conversation)
    question = VENDORS[provider].read(Place(provider, "", MODELS[provider]), json.loads(body))
    asked = conversation.tool_choice
    assert sorted(question.media) == ["image"] * sum(
        isinstance(part, Media) for turn in conversation.turns for part in turn.parts
    )
    assert asked is not None or question.tools == [tool.name for tool in conversation.tools]


@each_provider
@given(wild_conversations)
@some
def test_whatever_is_asked_is_written_as_json_and_its_losses_are_named_once(
    provider: DialectName, conversation: Conversation
) -> None:
    body, lost = write(provider, conversation)
    assert isinstance(json.loads(body), dict)
    assert list(lost) == sorted(set(lost))


@each_caller
@given(wild_conversations)
@some
def test_what_was_written_once_is_written_the_same_again(caller: DialectName, conversation: Conversation) -> None:
    once, _ = write(caller, conversation)
    again, _ = write(caller, reread(caller, once, conversation))
    thrice, lost = write(caller, reread(caller, again, conversation))
    assert json.loads(thrice) == json.loads(again)
    assert lost == ()


def whole_answer(caller: DialectName, completion: Completion) -> Completion:
    """Tell a caller a whole answer, and read it as that vendor's SDK would."""
    body = TALKERS[caller].write_completion(completion, request=ASKED[caller], now=NOW)
    return provider_dialect(caller, Operation.CHAT).read_completion(body)


def streamed_answer(caller: DialectName, completion: Completion, piece: int) -> Completion:
    """Tell a caller the same answer as a stream, and read that."""
    writer = TALKERS[caller].open_writer(ASKED[caller], now=NOW)
    stream = b"".join(written_by(writer, events_of(completion, piece)))
    return completion_of(read_by(provider_dialect(caller, Operation.CHAT), stream))


@each_caller
@given(answers(), st.integers(1, 9))
@some
def test_a_whole_answer_and_its_stream_say_the_same(caller: DialectName, completion: Completion, piece: int) -> None:
    whole, streamed = whole_answer(caller, completion), streamed_answer(caller, completion, piece)
    assert gist_of(streamed) == gist_of(whole)
    assert (streamed.id, streamed.model) == (whole.id, whole.model)
    assert completion.usage is None or streamed.usage == whole.usage


@pytest.mark.parametrize("caller", [DialectName.OPENAI_CHAT, DialectName.GEMINI])
@given(answers(choices=2))
@some
def test_several_answers_come_whole_as_they_come_in_a_stream(caller: DialectName, completion: Completion) -> None:
    assert gist_of(streamed_answer(caller, completion, 3)) == gist_of(whole_answer(caller, completion))


def side_by_side(events: list[StreamEvent]) -> list[StreamEvent]:
    """Return the same events with all calls begun before the first grows, and growing in turn."""
    calls = {told.index for told in events if isinstance(told, PartBegan) and isinstance(told.part, ToolCall)}
    of_calls = [told for told in events if isinstance(told, PartBegan | PartGrew | PartEnded) and told.index in calls]
    others = [told for told in events if told not in of_calls]
    begun = [told for told in of_calls if isinstance(told, PartBegan)]
    grown = [[told for told in of_calls if isinstance(told, PartGrew) and told.index == index] for index in calls]
    in_turn = [told for row in zip_longest(*grown) for told in row if told is not None]
    ended = [told for told in of_calls if isinstance(told, PartEnded)]
    place = next((at for at, told in enumerate(others) if isinstance(told, UsageTold | ChoiceEnded)), len(others))
    return [*others[:place], *begun, *in_turn, *ended, *others[place:]]


@each_caller
@given(answers(), st.integers(1, 9))
@some
def test_calls_that_come_side_by_side_are_told_as_those_that_come_one_after_the_other(
    caller: DialectName, completion: Completion, piece: int
) -> None:
    told = side_by_side(events_of(completion, piece))
    assert_in_order(told)
    stream = b"".join(written_by(TALKERS[caller].open_writer(ASKED[caller], now=NOW), told))
    again = read_by(provider_dialect(caller, Operation.CHAT), stream)
    assert_in_order(again)
    assert gist_of(completion_of(again)) == gist_of(streamed_answer(caller, completion, piece))


@each_caller
@given(answers(), st.integers(1, 9))
@some
def test_calls_that_a_chat_provider_streams_side_by_side_arrive(
    caller: DialectName, completion: Completion, piece: int
) -> None:
    chat = DialectName.OPENAI_CHAT
    writer = TALKERS[chat].open_writer(ASKED[chat], now=NOW)
    mixed = written_by(writer, side_by_side(events_of(completion, piece)))
    one_by_one = frames_from(chat, completion, piece)
    heard = heard_by(caller, relayed(open_relay(caller, chat), mixed))
    assert gist_of(heard) == gist_of(heard_by(caller, relayed(open_relay(caller, chat), one_by_one)))


def stops_as_told(stop: Stop) -> set[Stop]:
    """Return what a stop may have become: no dialect has words for all of them."""
    return {
        Stop.SEQUENCE: {Stop.SEQUENCE, Stop.END},
        Stop.REFUSED: {Stop.REFUSED, Stop.FILTERED},
        Stop.FILTERED: {Stop.REFUSED, Stop.FILTERED},
        Stop.PAUSED: {Stop.PAUSED, Stop.LENGTH},
    }.get(stop, {stop})


@each_caller
@given(answers())
@some
def test_every_caller_is_told_the_texts_and_calls_of_an_answer_and_how_it_ended(
    caller: DialectName, completion: Completion
) -> None:
    said, told = completion.choices[0], whole_answer(caller, completion).choices[0]
    assert words_of(told.parts) == words_of(said.parts)
    assert [_said(part) for part in told.parts if isinstance(part, ToolCall)] == [
        _said(part) for part in said.parts if isinstance(part, ToolCall)
    ]
    assert told.stop in stops_as_told(said.stop)


def words_of(parts: tuple[AnswerPart, ...]) -> tuple[str, str]:
    """Return what is thought, and what is said, a refusal with it."""
    thought = "".join(part.text for part in parts if isinstance(part, Reasoning))
    return thought, "".join(part.text for part in parts if isinstance(part, Text | Refusal))


def frames_from(provider: DialectName, completion: Completion, piece: int) -> list[bytes]:
    """Return a good stream of a provider, frame by frame."""
    events = events_of(completion, piece)
    if provider is DialectName.BEDROCK:
        return bedrock_frames(events)
    return written_by(TALKERS[provider].open_writer(ASKED[provider], now=NOW), events)


def open_relay(caller: DialectName, provider: DialectName) -> Relay:
    passage = passage_of(TALKERS[caller], provider, TYPES[provider])
    return passage.open_relay(ASKED[caller], include_usage=True, now=NOW)


def relayed(relay: Relay, chunks: list[bytes]) -> bytes:
    return b"".join([relay.feed(chunk) for chunk in chunks]) + relay.finish()


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    bounds = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(bounds)]


@each_pair
@given(answers(), st.integers(1, 9), st.lists(st.integers(0, 10**6), max_size=12))
@few
def test_a_stream_that_is_cut_anywhere_is_relayed_the_same(
    caller: DialectName, provider: DialectName, completion: Completion, piece: int, places: list[int]
) -> None:
    stream = b"".join(frames_from(provider, completion, piece))
    whole, in_pieces = open_relay(caller, provider), open_relay(caller, provider)
    assert relayed(in_pieces, cut(stream, places)) == relayed(whole, [stream])
    assert in_pieces.usage == whole.usage
    assert in_pieces.ended
    assert in_pieces.committed


@each_pair
@given(answers())
@settings(few, max_examples=8)
def test_a_stream_that_comes_byte_by_byte_is_relayed_the_same(
    caller: DialectName, provider: DialectName, completion: Completion
) -> None:
    stream = b"".join(frames_from(provider, completion, 3))
    single = [bytes([byte]) for byte in stream]
    assert relayed(open_relay(caller, provider), single) == relayed(open_relay(caller, provider), [stream])


@each_caller
@given(answers(), st.integers(1, 9), st.lists(st.integers(0, 10**6), max_size=12))
@some
def test_a_stream_of_the_callers_own_dialect_passes_byte_for_byte(
    caller: DialectName, completion: Completion, piece: int, places: list[int]
) -> None:
    stream = b"".join(frames_from(caller, completion, piece))
    assert relayed(open_relay(caller, caller), cut(stream, places)) == stream


@each_pair
@given(answers(), st.integers(1, 9))
@few
def test_nothing_is_let_through_before_the_first_content(
    caller: DialectName, provider: DialectName, completion: Completion, piece: int
) -> None:
    dialect = provider_dialect(provider, Operation.CHAT)
    relay, parser, reader = open_relay(caller, provider), dialect.open_parser(), dialect.open_reader()
    has_content = False
    for chunk in frames_from(provider, completion, piece):
        events = [told for frame in parser.feed(chunk) if frame.data is not None for told in reader.take(frame)]
        has_content = has_content or any(map(is_content, events))
        sent = relay.feed(chunk)
        assert has_content or not (sent or relay.committed)
    assert relay.finish() is not None
    assert relay.committed


def heard_by(caller: DialectName, sent: bytes) -> Completion:
    return completion_of(read_by(provider_dialect(caller, Operation.CHAT), sent))


@each_pair
@given(answers(), st.integers(1, 9), st.integers(0, 10**6))
@few
def test_a_stream_that_breaks_off_is_a_failure_or_was_whole(
    caller: DialectName, provider: DialectName, completion: Completion, piece: int, place: int
) -> None:
    stream = b"".join(frames_from(provider, completion, piece))
    broken, whole = open_relay(caller, provider), open_relay(caller, provider)
    try:
        sent = relayed(broken, [stream[: place % len(stream)]])
    except UpstreamFailure:
        return
    told = heard_by(caller, sent)
    assert broken.ended
    assert gist_of(told) == gist_of(heard_by(caller, relayed(whole, [stream])))


@each_pair
@given(answers(), st.lists(st.integers(0, 10**6), max_size=8), st.lists(st.integers(0, 10**6), max_size=8))
@few
def test_whatever_frames_come_the_relay_ends_as_its_protocol_does_or_fails(
    caller: DialectName, provider: DialectName, completion: Completion, left_out: list[int], doubled: list[int]
) -> None:
    frames = frames_from(provider, completion, 3)
    gone = {place % len(frames) for place in left_out}
    twice = [frames[place % len(frames)] for place in doubled]
    kept = [frame for place, frame in enumerate(frames) if place not in gone]
    relay, chunks = open_relay(caller, provider), [*kept[:2], *twice, *kept[2:]]
    try:
        told = read_by(provider_dialect(provider, Operation.CHAT), b"".join(chunks))
    except UpstreamFailure:
        told = []
    assert_in_order(told)
    try:
        sent = relayed(relay, chunks)
    except UpstreamFailure:
        return
    assert relay.ended
    assert relay.committed
    last = SseParser().feed(sent)[-1]
    assert caller is provider or any(word in last.raw for word in END_WORDS[caller])  # untouched bytes are only watched


@pytest.mark.parametrize(("caller", "provider"), list(product(TALKERS, TALKERS)))
def test_what_stands_before_a_line_that_is_too_long_is_told_though_it_comes_with_it(
    caller: DialectName, provider: DialectName
) -> None:
    completion = Completion("abc123", "model-1", (Choice((Text("hello"),)),), created=1_700_000_000)
    good = b"".join(frames_from(provider, completion, 3)[:-1])
    long = b"data: " + b"x" * provider_dialect(provider, Operation.CHAT).open_parser().max_frame_bytes
    at_once, apart = open_relay(caller, provider), open_relay(caller, provider)
    assert at_once.feed(good + long) == apart.feed(good)
    assert at_once.committed
    with pytest.raises(UpstreamFailure, match="too long"):
        apart.feed(long)
    with pytest.raises(UpstreamFailure, match="too long"):
        at_once.feed(b"x")


@each_caller
def test_a_chat_stream_without_its_last_mark_ends_as_one_that_has_it(caller: DialectName) -> None:
    completion = Completion("abc123", "model-1", (Choice((Text("hello"),)),), created=1_700_000_000)
    frames = frames_from(DialectName.OPENAI_CHAT, completion, 3)
    assert frames[-1] == b"data: [DONE]\n\n"
    without, with_it = (open_relay(caller, DialectName.OPENAI_CHAT) for _ in range(2))
    assert relayed(without, frames[:-1]) == relayed(with_it, frames)
