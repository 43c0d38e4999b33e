"""Requests of very many objects: they pass to targets of their own dialect, and are not read whole for any other."""

import json
from typing import Any

import pytest
from doubles.gateway_rig import Rig, config, provider
from doubles.recording_sink import RecordingSink
from doubles.scripted_transport import plain
from doubles.virtual_time import run_virtual
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import Mode, ProviderType
from fairlead_proxy.dialects.dialect import MAX_OBJECTS, CallerDialect, InvalidCall, ReadRequest
from fairlead_proxy.dialects.json_members import has_more_objects
from fairlead_proxy.dialects.registry import ANTHROPIC, GEMINI, OPENAI_CHAT, OPENAI_RESPONSES
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.conversation import Conversation

MODEL = "smart"


def chat(parts: int) -> dict[str, Any]:
    """Return a request of two objects more than it has parts; and so do those that follow."""
    return {"model": MODEL, "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}] * parts}]}


def responses(parts: int) -> dict[str, Any]:
    return {"model": MODEL, "input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}] * parts}]}


def messages(parts: int) -> dict[str, Any]:
    return {"max_tokens": 5} | chat(parts)


def contents(parts: int) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": "x"}] * parts}]}


EVERY_DIALECT = pytest.mark.parametrize(
    ("dialect", "ask"),
    [(OPENAI_CHAT, chat), (OPENAI_RESPONSES, responses), (ANTHROPIC, messages), (GEMINI, contents)],
    ids=["chat", "responses", "anthropic", "gemini"],
)


class Counting:
    """Counts how often a request is read whole."""

    def __init__(self, request: ReadRequest) -> None:
        assert request.read_conversation is not None
        self.read = request.read_conversation
        self.times = 0
        request.read_conversation = self

    def __call__(self, request: ReadRequest) -> Conversation:
        self.times += 1
        return self.read(request)


def read(dialect: CallerDialect, body: dict[str, Any]) -> ReadRequest:
    return dialect.read_request(json.dumps(body).encode(), Named(MODEL, Mode.PLAIN) if dialect is GEMINI else None)


@EVERY_DIALECT
def test_as_many_objects_as_are_allowed_are_read_whole_once(dialect: CallerDialect, ask: Any) -> None:
    request = read(dialect, ask(MAX_OBJECTS - 2))
    counting = Counting(request)
    assert len(request.conversation.turns[0].parts) == MAX_OBJECTS - 2
    assert request.features == frozenset()
    assert counting.times == 1


@EVERY_DIALECT
def test_one_object_more_is_refused_before_any_of_them_is_looked_at(dialect: CallerDialect, ask: Any) -> None:
    request = read(dialect, ask(MAX_OBJECTS - 1))
    counting = Counting(request)
    with pytest.raises(InvalidCall) as refused:
        _ = request.conversation
    assert refused.value.answer.status == 400
    assert "more than 20,000 JSON objects: send fewer messages" in str(refused.value)
    assert counting.times == 0


@EVERY_DIALECT
def test_braces_in_a_text_are_no_objects(dialect: CallerDialect, ask: Any) -> None:
    code = 'if (a) { b = "{"; c = \'{}\'; }\n\t\\{\\" {\r\n'
    body = json.dumps(ask(2)).replace('"x"', json.dumps(code * MAX_OBJECTS)).encode()
    request = dialect.read_request(body, Named(MODEL, Mode.PLAIN) if dialect is GEMINI else None)
    assert body.count(b"{") > 8 * MAX_OBJECTS
    assert len(request.conversation.turns[0].parts) == 2


@given(
    st.recursive(
        st.text('{}"\\ a') | st.integers() | st.none(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text('{}"\\ a'), inner, max_size=4),
        max_leaves=20,
    ),
    st.sampled_from([None, 1]),
)
def test_objects_are_counted_as_a_parser_counts_them(value: object, indent: int | None) -> None:
    seen: list[object] = []
    text = json.dumps([value, {}], indent=indent)
    json.loads(text, object_hook=seen.append)
    assert has_more_objects(text.encode(), len(seen) - 1)
    assert not has_more_objects(text.encode(), len(seen))


async def ask_gateway(rig: Rig, parts: int) -> RecordingSink:
    return await rig.raw_call(json.dumps(chat(parts)).encode())


def test_a_target_of_the_callers_own_dialect_serves_it_untouched() -> None:
    async def main() -> None:
        targets = [provider("a", type_=ProviderType.ANTHROPIC), provider("b")]
        rig = Rig(config(targets), {"a": [plain()], "b": [plain("hello")]})
        caller = await ask_gateway(rig, MAX_OBJECTS)
        assert caller.status == 200
        assert rig.transport.asked() == ["team/b"]
        assert rig.transport.requests[0].body.count(b"{") == MAX_OBJECTS + 2

    run_virtual(main())


def test_where_no_target_speaks_its_dialect_the_caller_is_told_the_limit() -> None:
    async def main() -> None:
        rig = Rig(config([provider("a", type_=ProviderType.ANTHROPIC)]), {"a": [plain()]})
        caller = await ask_gateway(rig, MAX_OBJECTS)
        assert caller.status == 400
        assert "more than 20,000 JSON objects: send fewer messages" in json.loads(caller.body)["error"]["message"]
        assert rig.transport.asked() == []

    run_virtual(main())
