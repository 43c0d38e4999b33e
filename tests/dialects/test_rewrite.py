"""A request reaches the provider as the client wrote it, but for its model and the question for token counts."""

import json
from collections.abc import Callable

import pytest
from doubles.json_texts import Request, pairs_of, requests
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.dialects.json_members import TooDeep, check_depth, check_depth_of_members, members_of
from fairlead_proxy.dialects.registry import OPENAI_CHAT

models = st.text(min_size=1, max_size=20)
STREAM = (("stream", "true"),)
ASKED = '{"include_usage":true}'


@given(requests(), models)
def test_only_the_model_of_a_plain_call_changes(request: Request, model: str) -> None:
    read = OPENAI_CHAT.read_request(request.body)
    rewritten = OPENAI_CHAT.rewrite_request(read, model=model, include_usage=True)
    head, tail = request.before.encode(), request.after.encode()
    assert rewritten.startswith(head)
    assert rewritten.endswith(tail)
    assert json.loads(rewritten[len(head) : len(rewritten) - len(tail)]) == model


@given(requests())
def test_the_virtual_model_is_read_whatever_its_spelling(request: Request) -> None:
    assert OPENAI_CHAT.read_request(request.body).model == json.loads(request.model)


@given(requests(STREAM), models)
def test_a_stream_is_asked_for_token_counts_right_after_its_model(request: Request, model: str) -> None:
    read = OPENAI_CHAT.read_request(request.body)
    rewritten = OPENAI_CHAT.rewrite_request(read, model=model, include_usage=True)
    expected: list[tuple[str, object]] = []
    for name, value in pairs_of(request.body):
        added = [("model", model), ("stream_options", [("include_usage", True)])]
        expected += added if name == "model" else [(name, value)]
    assert pairs_of(rewritten) == expected


@given(requests(STREAM), models)
def test_a_target_that_refuses_the_question_is_not_asked(request: Request, model: str) -> None:
    read = OPENAI_CHAT.read_request(request.body)
    rewritten = OPENAI_CHAT.rewrite_request(read, model=model, include_usage=False)
    assert [(name, model if name == "model" else value) for name, value in pairs_of(request.body)] == pairs_of(
        rewritten
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (None, {"include_usage": True}),
        ("null", {"include_usage": True}),
        ("{}", {"include_usage": True}),
        ("{ }", {"include_usage": True}),
        ('{"include_usage": false}', {"include_usage": True}),
        ('{"include_usage": null}', {"include_usage": True}),
        ('{"include_usage": true}', {"include_usage": True}),
        ('{ "other" : [1] }', {"include_usage": True, "other": [1]}),
        ('{"other": 1, "include\\u005fusage": false}', {"include_usage": True, "other": 1}),
    ],
)
def test_stream_options_of_the_client_are_kept_beside_the_question(
    options: str | None, sent: dict[str, object]
) -> None:
    member = "" if options is None else f', "stream_options": {options}'
    body = f'{{"model": "m", "messages": [], "stream": true{member}, "x": 1}}'.encode()
    read = OPENAI_CHAT.read_request(body)
    rewritten = json.loads(OPENAI_CHAT.rewrite_request(read, model="n", include_usage=True))
    assert rewritten == {"model": "n", "messages": [], "stream": True, "stream_options": sent, "x": 1}


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream_options": {"include_usage": true}, "model": "m", "messages": [], "stream": true}',
        b'{"model": "m", "stream_options": {"include_usage": true} , "messages": [], "stream": true}',
        b'{"model": "m", "messages": [], "stream": true , "stream_options": {"include_usage": true} }',
        b'{"messages": [], "stream": true, "model": "m" , "stream_options":null}',
    ],
)
def test_the_clients_own_question_is_taken_out_for_a_target_that_refuses_it(body: bytes) -> None:
    read = OPENAI_CHAT.read_request(body)
    rewritten = json.loads(OPENAI_CHAT.rewrite_request(read, model="n", include_usage=False))
    assert rewritten == {"model": "n", "messages": [], "stream": True}


def test_stream_options_of_a_plain_call_are_the_providers_to_refuse() -> None:
    body = b'{"model":"m","messages":[],"stream_options":{"include_usage":false}}'
    read = OPENAI_CHAT.read_request(body)
    assert OPENAI_CHAT.rewrite_request(read, model="m", include_usage=True) == body
    assert OPENAI_CHAT.rewrite_request(read, model="m", include_usage=False) == body


def test_half_a_surrogate_pair_in_a_text_survives() -> None:
    body = b'{"x":"\\udfff","model":"m","messages":[{"role":"user","content":"cut \\ud83d"}]}'
    read = OPENAI_CHAT.read_request(body)
    assert OPENAI_CHAT.rewrite_request(read, model="n", include_usage=True) == body.replace(b'"m"', b'"n"')


def test_members_are_found_behind_values_full_of_brackets_and_quotes() -> None:
    text = b' {"a" : "}\\"{[", "b":[{"model":"x"},"]"] ,"model":-1.5e3}'
    found = {key: text[member.value_start : member.value_end] for key, member in members_of(text)}
    assert found == {"a": b'"}\\"{["', "b": b'[{"model":"x"},"]"]', "model": b"-1.5e3"}


def test_a_long_flat_request_is_not_too_deep() -> None:
    check_depth(b"[" + b",".join([b'{"a":["]]]]"]}'] * 1000) + b"]")


@given(
    st.lists(st.tuples(st.sampled_from(["[", '{"a":', '[0,{"b":[],"a":']), st.integers(0, 66)), min_size=1, max_size=4),
    st.sampled_from(['"]]]"', '"{[{["', "[]", "0", "[" * 40 + "]" * 40, '[{"c":[]}]']),
    st.booleans(),
)
def test_depth_is_the_same_by_members_as_in_the_whole(nests: list[tuple[str, int]], core: str, in_list: bool) -> None:
    closing = {"[": "]", '{"a":': "}", '[0,{"b":[],"a":': "}]"}
    values = [opening * times + core + closing[opening] * times for opening, times in nests]
    values = [f"[1,{value},{core}]" for value in values] if in_list else values
    body = ("{" + ",".join(f'"{at}":{value}' for at, value in enumerate(values)) + "}").encode()
    members = dict(members_of(body)).values()
    assert is_too_deep(lambda: check_depth_of_members(body, members)) == is_too_deep(lambda: check_depth(body))


def is_too_deep(check: Callable[[], None]) -> bool:
    try:
        check()
    except TooDeep:
        return True
    return False
