"""A second target that goes on with a broken stream, and breaks off anywhere: a third one goes on, and all is whole."""

import json
from collections.abc import Iterator

import pytest
from doubles.gateway_rig import Rig, config
from doubles.scripted_transport import DONE, EVENTS, ROLE, USAGE, Answer, Part, chunk, stream
from doubles.speeches import CHAT, SPEECHES, Speech, check_whole, texts_in
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience
from fairlead_proxy.contract.names import FailureClass, WhenBroken
from fairlead_proxy.exchange.completion import (
    Began,
    ChoiceEnded,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import Reasoning, Text
from fairlead_proxy.exchange.errors import UpstreamFailure
from fairlead_proxy.exchange.usage import Usage

CONTINUE = Resilience(broken=WhenBroken.CONTINUE)
CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "cut")

FIRST: list[StreamEvent] = [
    Began("first", "one", 1),
    PartBegan(0, Reasoning()),
    PartGrew(0, "hm"),
    PartEnded(0),
    PartBegan(1, Text("")),
    PartGrew(1, "Once upon "),
    PartGrew(1, "a ti"),
]
SECOND: list[StreamEvent] = [
    Began("second", "two", 2),
    UsageTold(Usage(20, 1)),
    PartBegan(0, Reasoning()),
    PartGrew(0, "well"),
    PartEnded(0),
    PartBegan(1, Text("")),
    PartEnded(1),
    PartBegan(2, Text("")),
    PartGrew(2, "me "),
    PartGrew(2, "there "),
    PartEnded(2),
    PartBegan(3, Text("")),
    PartGrew(3, "lived "),
    PartEnded(3),
    ChoiceEnded(Stop.END),
    Ended(),
]
"""It thinks first, and begins with a text that it does not fill."""
THIRD = stream(ROLE, chunk("a "), chunk("queen."), chunk(finish="stop"), USAGE, DONE)


def breaks(speech: Speech) -> Iterator[tuple[list[Part], str, bool]]:
    """Yield each way in which the second answer may break off, the text that the caller gets of it, and whether it
    said by then that it ends: behind each frame by a cut, by an error, by an error in one chunk with that frame, and
    by a clean end within the next one.
    """
    frames = speech.frames(SECOND)
    pieces = ["".join(texts_in(speech.events_of(frames[:count]))) for count in range(len(frames) + 1)]
    ends = [
        any(isinstance(event, ChoiceEnded) for event in speech.events_of(frames[:count]))
        for count in range(len(frames) + 1)
    ]
    for count in range(len(frames)):
        whole: list[Part] = [*frames[:count]]
        yield [*whole, CUT], pieces[count], ends[count]
        yield [*whole, speech.error_frame()], pieces[count], ends[count]
    for count in range(ends.index(True) - 1 if True in ends else len(frames) - 1):
        yield [*frames[:count], frames[count].rstrip(b"\n")], pieces[count], False
    for count in range(1, len(frames)):
        # What came with the error is told only if something had come before.
        has_begun = bool(pieces[count - 1])
        yield (
            [*frames[: count - 1], frames[count - 1] + speech.error_frame()],
            pieces[count] if has_begun else "",
            ends[count] and has_begun,
        )


@pytest.mark.parametrize("broken_off", [FIRST, [*FIRST, PartEnded(1)]], ids=["within-a-text", "behind-a-text"])
@pytest.mark.parametrize("second", SPEECHES)
@pytest.mark.parametrize("first", SPEECHES)
@pytest.mark.parametrize("caller", SPEECHES)
def test_a_third_target_makes_the_answer_whole_wherever_the_second_breaks_off(
    caller: str, first: str, second: str, broken_off: list[StreamEvent]
) -> None:
    speech, one, two = SPEECHES[caller], SPEECHES[first], SPEECHES[second]

    async def main() -> None:
        for body, said, has_ended in breaks(two):
            providers = [one.provider("a"), two.provider("b"), CHAT.provider("c")]
            scripts = {
                "a": [Answer(headers=EVENTS, body=[*one.frames(broken_off), CUT])],
                "b": [Answer(headers=EVENTS, body=body)],
                "c": [THIRD],
            }
            rig = Rig(config(providers, resilience=CONTINUE), scripts)
            sink = await speech.ask(rig)
            assert (sink.status, sink.heads, sink.ended, sink.aborted) == (200, 1, 1, False)
            if has_ended:
                assert rig.transport.asked() == ["team/a", "team/b"]
                assert b"error" in sink.body[-400:]
                continue
            assert rig.transport.asked() == ["team/a", "team/b", "team/c"]
            asked = json.loads(rig.transport.requests[2].body)["messages"]
            assert asked[1]["content"] == f"Once upon a ti{said}"
            check_whole(speech, sink, f"Once upon a ti{said}a queen.")
            assert rig.outcomes_of()[2] == "Answered"

    run_virtual(main())
