"""Calls whose caller and target speak different dialects: who is asked what, what is left out, what passes as it is."""

import asyncio
import json
from typing import Any, cast

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import EVENTS, JSON, Answer, Part, error, plain, stream
from doubles.virtual_time import run_virtual

from fairlead_proxy.contract.names import DialectName, Mode, ProviderType
from fairlead_proxy.dialects.dialect import CallerDialect, ReadRequest
from fairlead_proxy.dialects.registry import ANTHROPIC, ANTHROPIC_COUNT, OPENAI_CHAT, OPENAI_RESPONSES
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.conversation import Conversation, Role, Seal, Text, Turn
from fairlead_proxy.exchange.seals import write_seal

QUESTION: list[Any] = [{"role": "user", "content": "hello"}]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 5},
}


def anthropic(name: str) -> Any:
    return provider(name, type_=ProviderType.ANTHROPIC)


def message() -> Answer:
    return Answer(headers=JSON, body=[json.dumps(MESSAGE).encode()])


def body(**more: Any) -> bytes:
    return json.dumps({"model": "smart", "max_tokens": 50, "messages": QUESTION, **more}).encode()


async def ask(rig: Rig, headers: dict[str, str] | None = None, **more: Any) -> RecordingSink:
    return await rig.raw_call(body(**more), dialect=ANTHROPIC, headers=headers)


def test_a_call_is_asked_and_answered_in_the_words_of_each_side() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain("hello")]})
        caller = await ask(rig, system="Be brief.", top_k=5)
        asked = json.loads(rig.transport.requests[0].body)
        assert rig.transport.requests[0].lane.path == "/chat/completions"
        assert [(each["role"], each["content"]) for each in asked["messages"]] == [
            ("system", "Be brief."),
            ("user", "hello"),
        ]
        answer = json.loads(caller.body)
        assert answer["content"] == [{"type": "text", "text": "hello"}]
        assert answer["usage"]["input_tokens"] == 10
        assert caller.headers["request-id"] == "from-the-client"
        record = rig.record()
        assert record.dialect == "anthropic-messages"
        assert record.attempts[0].lost == ("top_k",)

    run_virtual(main())


def test_a_stream_is_translated_as_it_comes() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [stream()]})
        caller = await ask(rig, stream=True)
        assert caller.headers["content-type"] == "text/event-stream"
        assert caller.body.startswith(b"event: message_start\n")
        assert caller.spoken.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')

    run_virtual(main())


def test_a_target_that_could_not_be_told_the_call_steps_aside() -> None:
    async def main() -> None:
        rig = Rig(config([anthropic("a"), provider("b")]), {"a": [message()], "b": [plain()]})
        caller = await rig.call(logprobs=True)
        assert caller.status == 200
        assert rig.transport.asked() == ["team/b"]
        assert rig.record().targets[0].skipped == "CannotExpress: log probabilities"
        assert rig.record().features == ("log probabilities",)

    run_virtual(main())


def test_what_no_target_could_be_told_is_refused_by_name() -> None:
    async def main() -> None:
        rig = Rig(config([anthropic("a"), anthropic("b")]), {"a": [message()], "b": [message()]})
        caller = await rig.call(n=3, logprobs=True)
        assert caller.status == 400
        assert rig.transport.asked() == []
        assert "log probabilities, more than one choice" in caller.error["message"]

    run_virtual(main())


def test_what_cannot_be_read_whole_is_served_by_who_speaks_it() -> None:
    async def main() -> None:
        rig = Rig(config([anthropic("a"), provider("b")]), {"a": [message()], "b": [plain()]})
        caller = await rig.call(messages=[{"role": "hologram", "content": "hello"}])
        assert caller.status == 200
        assert rig.transport.asked() == ["team/b"]
        assert rig.record().targets[0].skipped.startswith("CannotExpress: what cannot be translated")

    run_virtual(main())


def test_a_refusal_of_the_call_is_said_again_in_the_callers_form() -> None:
    async def main() -> None:
        refusal = {"error": {"message": "max_tokens is too large", "type": "invalid_request_error", "code": "x"}}
        answer = Answer(400, JSON, [json.dumps(refusal).encode()])
        rig = Rig(config([provider("a")]), {"a": [answer]})
        caller = await ask(rig)
        assert caller.status == 400
        told = json.loads(caller.body)
        assert told["type"] == "error"
        assert told["error"]["type"] == "invalid_request_error"
        assert "max_tokens is too large" in told["error"]["message"]

    run_virtual(main())


def test_the_member_at_fault_is_told_in_words_since_the_caller_wrote_no_such_one() -> None:
    async def main() -> None:
        refusal = {"error": {"message": "that is too many", "type": "invalid_request_error", "param": "max_tokens"}}
        answer = Answer(400, JSON, [json.dumps(refusal).encode()])
        rig = Rig(config([provider("a")]), {"a": [answer]})
        asked = json.dumps({"model": "smart", "input": "hello", "max_output_tokens": 50}).encode()
        told = (await rig.raw_call(asked, dialect=OPENAI_RESPONSES)).error
        assert told["message"] == "that is too many (in what the provider was asked: max_tokens)"
        assert told["param"] is None

    run_virtual(main())


def test_a_member_at_fault_that_the_words_name_is_not_named_twice() -> None:
    async def main() -> None:
        refusal = {
            "error": {"message": "max_tokens is too large", "type": "invalid_request_error", "param": "max_tokens"}
        }
        rig = Rig(config([provider("a")]), {"a": [Answer(400, JSON, [json.dumps(refusal).encode()])]})
        assert json.loads((await ask(rig)).body)["error"]["message"] == "max_tokens is too large"

    run_virtual(main())


SEARCHING = [
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"c","usage":{}}}\n\n',
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}\n\n',
    b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


def test_a_search_that_takes_longer_than_a_first_token_may_is_waited_for() -> None:
    async def main() -> None:
        parts: list[Part] = [*SEARCHING[:2], 45.0, *SEARCHING[2:]]
        rig = Rig(
            config([anthropic("a"), anthropic("b")]), {"a": [Answer(headers=EVENTS, body=parts)], "b": [message()]}
        )
        caller = await ask(rig, stream=True)
        assert caller.spoken == b"".join(SEARCHING)
        assert rig.transport.asked() == ["team/a"]
        assert rig.outcomes_of() == ["Answered"]

    run_virtual(main())


def test_a_ping_is_no_first_token() -> None:
    async def main() -> None:
        parts: list[Part] = [SEARCHING[0], b'event: ping\ndata: {"type":"ping"}\n\n', 45.0, *SEARCHING[1:]]
        rig = Rig(config([anthropic("a")]), {"a": [Answer(headers=EVENTS, body=parts)]})
        assert (await ask(rig, stream=True)).status == 504
        assert rig.outcomes_of() == ["FirstTokenTimeout"]

    run_virtual(main())


def test_a_failure_of_every_target_is_told_in_the_callers_form_without_their_words() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a"), anthropic("b")]), {"a": [error(500)], "b": [error(529)]})
        caller = await ask(rig)
        assert caller.status == 502
        assert json.loads(caller.body)["error"]["type"] == "api_error"
        assert b"sk-secret" not in caller.body
        assert caller.headers["x-should-retry"] == "false"

    run_virtual(main())


def test_the_same_dialect_passes_untouched_with_what_nobody_knows() -> None:
    async def main() -> None:
        rig = Rig(config([anthropic("a")]), {"a": [message()]})
        given = {
            "anthropic-beta": "never-heard-of-2030",
            "anthropic-version": "2030-01-01",
            "x-stainless-lang": "python",
        }
        caller = await ask(rig, headers=given, holograms={"depth": 3})
        asked = rig.transport.requests[0]
        assert asked.body == body(holograms={"depth": 3}).replace(b'"smart"', b'"m-upstream"')
        assert dict(asked.more) == {"anthropic-beta": "never-heard-of-2030", "anthropic-version": "2030-01-01"}
        assert caller.body == json.dumps(MESSAGE).encode()

    run_virtual(main())


def test_a_version_is_named_for_a_caller_who_names_none() -> None:
    async def main() -> None:
        rig = Rig(config([anthropic("a")]), {"a": [message()]})
        await ask(rig)
        assert dict(rig.transport.requests[0].more) == {"anthropic-version": "2023-06-01"}

    run_virtual(main())


@pytest.mark.parametrize("order", [{"messages": [], "model": "smart"}, {"model": "smart", "messages": []}])
def test_another_providers_signature_is_taken_out_before_a_call_passes(order: dict[str, Any]) -> None:
    async def main() -> None:
        foreign = write_seal(Seal(DialectName.GEMINI, "c2VhbA=="), DialectName.ANTHROPIC)
        thought = {"type": "thinking", "thinking": "hm", "signature": foreign}
        turn = {"role": "assistant", "content": [thought, {"type": "text", "text": "hi"}]}
        asked = {**order, "messages": [*QUESTION, turn, *QUESTION], "max_tokens": 9}
        rig = Rig(config([anthropic("a")]), {"a": [message()]})
        await rig.raw_call(json.dumps(asked).encode(), dialect=ANTHROPIC)
        sent = json.loads(rig.transport.requests[0].body)
        assert sent["model"] == "m-upstream"
        assert sent["messages"][1]["content"] == [{"type": "text", "text": "hi"}]

    run_virtual(main())


def test_another_providers_signature_is_taken_out_of_a_chat_call_too() -> None:
    async def main() -> None:
        foreign = write_seal(Seal(DialectName.ANTHROPIC, "c2VhbA=="), DialectName.OPENAI_CHAT)
        details = [{"type": "reasoning.text", "text": "hm", "signature": foreign}]
        function = {"name": "f", "arguments": "{}"}
        extra = {"google": {"thought_signature": foreign}}
        call = {"id": "c1", "type": "function", "function": function, "extra_content": extra}
        turn = {
            "role": "assistant",
            "content": None,
            "reasoning_content": "hm",
            "reasoning_details": details,
            "tool_calls": [call],
        }
        asked = {"messages": [*QUESTION, turn], "model": "smart"}
        rig = Rig(config([provider("a")]), {"a": [plain()]})
        await rig.raw_call(json.dumps(asked).encode(), dialect=OPENAI_CHAT)
        sent = json.loads(rig.transport.requests[0].body)
        assert sent["model"] == "m-upstream"
        assert sent["messages"][1] == {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        }

    run_virtual(main())


def test_a_count_is_answered_and_nothing_is_booked_for_it() -> None:
    async def main() -> None:
        rig = Rig(config([anthropic("a")]), {"a": [Answer(headers=JSON, body=[b'{"input_tokens":1000000}'])]})
        caller = await rig.raw_call(body(), dialect=ANTHROPIC_COUNT)
        assert json.loads(caller.body) == {"input_tokens": 1000000}
        assert rig.record().attempts[0].usage is None
        assert rig.record().cost == {}
        assert rig.line()["input_tokens"] == 0
        assert rig.sample("fairlead_tokens_total") == 0

    run_virtual(main())


class Misreading:
    """OpenAI's chat, but that every request is read as one that no dialect can write: a fault of ours."""

    def read_request(self, body: bytes, named: Named | None = None) -> ReadRequest:
        broken: Any = 5
        conversation = Conversation(turns=(Turn(Role.USER, (Text(broken),)),))
        return ReadRequest("smart", Mode.PLAIN, body, read_conversation=lambda _: conversation)

    def __getattr__(self, name: str) -> Any:
        return getattr(OPENAI_CHAT, name)


def test_a_fault_in_writing_a_request_is_booked_and_gives_the_trial_back() -> None:
    async def main() -> None:
        rig = Rig(config([anthropic("a")]), {"a": [error(429, "", ("retry-after", "1")), message()]})
        assert (await rig.call()).status == 429
        await asyncio.sleep(2)  # virtual: the provider may be tried again, once
        assert (await rig.raw_call(b"{}", dialect=cast(CallerDialect, Misreading()))).status == 500
        assert rig.outcomes_of(2) == ["InvalidRequest"]
        assert (await rig.call()).status == 200

    run_virtual(main())


def test_callers_of_two_dialects_share_a_target() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a")]), {"a": [plain("one"), plain("two"), plain("three"), plain("four")]})
        answers = [await rig.call(), await ask(rig), await rig.call(), await ask(rig)]
        assert [answer.status for answer in answers] == [200] * 4
        assert ["choices" in json.loads(answer.body) for answer in answers] == [True, False, True, False]

    run_virtual(main())
