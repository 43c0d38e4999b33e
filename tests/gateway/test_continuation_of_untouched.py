"""A stream that passed untouched and breaks off: whoever goes on with it keeps to the ids and places that it had."""

import json
from typing import Any

import pytest
from doubles.gateway_rig import Rig, config
from doubles.scripted_transport import DONE, EVENTS, ROLE, USAGE, Answer, chunk, stream
from doubles.speeches import CHAT, GENERATE, MESSAGES, RESPONSES, Speech, check_whole, texts_in
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.config import Resilience
from fairlead_proxy.contract.names import FailureClass, WhenBroken
from fairlead_proxy.exchange.errors import UpstreamFailure

CONTINUE = Resilience(broken=WhenBroken.CONTINUE)
CUT = UpstreamFailure(FailureClass.STREAM_BROKEN, "cut")
REST = stream(ROLE, chunk("me there "), chunk("was."), chunk(finish="stop"), USAGE, DONE)


def frames_of(*said: dict[str, Any]) -> list[bytes]:
    """Return a frame each, named by its type where it has one."""
    names = [f"event: {each['type']}\n" if "type" in each else "" for each in said]
    return [f"{name}data: {json.dumps(each)}\n\n".encode() for name, each in zip(names, said, strict=True)]


def chat_chunk(**delta: str) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    head = {"id": "gen-77", "object": "chat.completion.chunk", "created": 17, "model": "vendor/one"}
    return {**head, "choices": [choice]}


CHAT_FRAMES = frames_of(
    chat_chunk(role="assistant", content=""),
    chat_chunk(reasoning_content="hm"),
    chat_chunk(content="Once upon "),
    chat_chunk(content="a ti"),
)


def generated(**part: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [part]}
    candidate = {"content": content, "index": 0}
    return {"candidates": [candidate], "responseId": "r-77", "modelVersion": "gemini-77"}


GEMINI_FRAMES = frames_of(generated(text="hm", thought=True), generated(text="Once upon "), generated(text="a ti"))


def block(index: int, **begun: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": begun}


def grown(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stopped(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


_BEGUN: dict[str, Any] = {
    "id": "msg_77",
    "type": "message",
    "role": "assistant",
    "model": "claude-77",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 20, "output_tokens": 1},
}
MESSAGE_START = {"type": "message_start", "message": _BEGUN}
MESSAGE_FRAMES = frames_of(
    MESSAGE_START,
    block(0, type="thinking", thinking="", signature=""),
    grown(0, type="thinking_delta", thinking="hm"),
    grown(0, type="signature_delta", signature="c2ln"),
    stopped(0),
    block(1, type="text", text=""),
    grown(1, type="text_delta", text="Once upon "),
    grown(1, type="text_delta", text="a ti"),
    stopped(1),
)

_RESPONSE = {
    "id": "resp_77",
    "object": "response",
    "created_at": 17,
    "status": "in_progress",
    "model": "gpt-77",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
_THOUGHT = {"type": "reasoning", "id": "rs_abc", "summary": [{"type": "summary_text", "text": "hm"}]}
_MESSAGE = {"type": "message", "id": "msg_xyz", "role": "assistant"}
_BEGUN_MESSAGE = {**_MESSAGE, "status": "in_progress", "content": []}
_TEXT = {"type": "output_text", "text": "Once upon a ti", "annotations": [], "logprobs": []}
_IN_THOUGHT = {"item_id": "rs_abc", "output_index": 0, "summary_index": 0}
_IN_TEXT = {"item_id": "msg_xyz", "output_index": 1, "content_index": 0}


def response_events(*said: dict[str, Any]) -> list[bytes]:
    numbered = [
        {**each, "type": f"response.{each['type']}", "sequence_number": number} for number, each in enumerate(said)
    ]
    return frames_of(*numbered)


RESPONSE_FRAMES = response_events(
    {"type": "created", "response": _RESPONSE},
    {"type": "in_progress", "response": _RESPONSE},
    {"type": "output_item.added", "output_index": 0, "item": {**_THOUGHT, "summary": []}},
    {"type": "reasoning_summary_part.added", **_IN_THOUGHT, "part": {"type": "summary_text", "text": ""}},
    {"type": "reasoning_summary_text.delta", **_IN_THOUGHT, "delta": "hm"},
    {"type": "reasoning_summary_text.done", **_IN_THOUGHT, "text": "hm"},
    {"type": "reasoning_summary_part.done", **_IN_THOUGHT, "part": {"type": "summary_text", "text": "hm"}},
    {"type": "output_item.done", "output_index": 0, "item": _THOUGHT},
    {"type": "output_item.added", "output_index": 1, "item": _BEGUN_MESSAGE},
    {"type": "content_part.added", **_IN_TEXT, "part": {**_TEXT, "text": ""}},
    {"type": "output_text.delta", **_IN_TEXT, "delta": "Once upon ", "logprobs": []},
    {"type": "output_text.delta", **_IN_TEXT, "delta": "a ti", "logprobs": []},
    {"type": "output_text.done", **_IN_TEXT, "text": "Once upon a ti", "logprobs": []},
    {"type": "content_part.done", **_IN_TEXT, "part": _TEXT},
    {"type": "output_item.done", "output_index": 1, "item": {**_MESSAGE, "status": "completed", "content": [_TEXT]}},
    {"type": "output_item.added", "output_index": 2, "item": {**_BEGUN_MESSAGE, "id": "msg_2"}},
)
UNKNOWN_ITEM = {"type": "response.output_item.added", "output_index": 2, "item": {"type": "new", "id": "n"}}
WITHIN_AN_END = 13
"""So many of the frames, and a text is over whose content is not: nobody can go on there."""

STREAMS = [
    pytest.param(speech, frames[:count], id=f"{speech.dialect.name}-{count}")
    for speech, frames in [
        (CHAT, CHAT_FRAMES),
        (GENERATE, GEMINI_FRAMES),
        (MESSAGES, MESSAGE_FRAMES),
        (RESPONSES, RESPONSE_FRAMES),
    ]
    for count in range(1, len(frames) + 1)
    if texts_in(speech.events_of(frames[:count])) and (speech is not RESPONSES or count != WITHIN_AN_END)
]


def two(speech: Speech, first: list[bytes]) -> Rig:
    scripts = {"a": [Answer(headers=EVENTS, body=[*first, CUT])], "b": [REST]}
    return Rig(config([speech.provider("a"), CHAT.provider("b")], resilience=CONTINUE), scripts)


@pytest.mark.parametrize(("speech", "first"), STREAMS)
def test_the_rest_bears_the_ids_and_places_of_what_the_caller_has(speech: Speech, first: list[bytes]) -> None:
    async def main() -> None:
        caller = await speech.ask(two(speech, first))
        assert caller.body.startswith(b"".join(first))
        said = "".join(texts_in(speech.events_of(first)))
        check_whole(speech, caller, f"{said}me there was.")

    run_virtual(main())


@pytest.mark.parametrize(
    ("speech", "first"),
    [
        (
            MESSAGES,
            frames_of(
                MESSAGE_START,
                block(0, type="text", text=""),
                grown(0, type="text_delta", text="Once"),
                stopped(0),
                block(1, type="from_the_future"),
            ),
        ),
        (RESPONSES, RESPONSE_FRAMES[:WITHIN_AN_END]),
        (RESPONSES, [*RESPONSE_FRAMES[:15], *frames_of(UNKNOWN_ITEM)]),
    ],
    ids=["unknown-block", "between-the-ends", "unknown-item"],
)
def test_nobody_goes_on_where_nobody_knows_the_place(speech: Speech, first: list[bytes]) -> None:
    async def main() -> None:
        rig = two(speech, first)
        caller = await speech.ask(rig)
        assert rig.transport.asked() == ["team/a"]
        assert b"error" in caller.body.removeprefix(b"".join(first))
        assert caller.ended == 1

    run_virtual(main())


def test_an_item_of_a_kind_that_nobody_knows_stays_in_the_answer() -> None:
    async def main() -> None:
        item = {
            "type": "web_search_call",
            "id": "ws_1",
            "status": "completed",
            "action": {"type": "search", "query": "q"},
        }
        unknown = response_events(
            {"type": "created", "response": _RESPONSE},
            {"type": "output_item.added", "output_index": 0, "item": item},
            {"type": "output_item.done", "output_index": 0, "item": item},
            {
                "type": "output_item.added",
                "output_index": 1,
                "item": _BEGUN_MESSAGE,
            },
            {"type": "content_part.added", **_IN_TEXT, "part": {**_TEXT, "text": ""}},
            {"type": "output_text.delta", **_IN_TEXT, "delta": "Once upon a ti", "logprobs": []},
        )
        caller = await RESPONSES.ask(two(RESPONSES, unknown))
        check_whole(RESPONSES, caller, "Once upon a time there was.")
        assert caller.body.count(b'"ws_1"') == 3

    run_virtual(main())
