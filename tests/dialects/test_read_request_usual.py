"""The short way to read a request takes the usual ones, and says of each what the careful way says."""

import json

import pytest
from doubles.json_texts import requests
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.request import members_in, read_any, rewrite_chat_request
from fairlead_proxy.dialects.openai.request_usual import read_usual

TEXT = {"role": "user", "content": "Why?"}
CODE = {"role": "user", "content": 'if (a[0] == "{") { return "\\\\"; }\n' * 40}

USUAL: list[dict[str, object]] = [
    {"model": "smart", "messages": [TEXT]},
    {"messages": [TEXT], "model": "smart"},
    {"messages": [], "model": "llama3:8b", "temperature": 0.5, "user": "someone"},
    {"model": "größe", "messages": [TEXT, CODE, TEXT], "max_tokens": 5, "stream": False},
    {"model": "m", "stream": True, "messages": [TEXT] * 50, "stream_options": {"include_usage": True}},
    {"messages": [{"content": "[1](https://a.example)", "role": "user"}], "model": "m", "max_completion_tokens": 9},
]


def short(body: bytes) -> ReadRequest | None:
    members = members_in(body)
    return read_usual(body, members) if members else None


def long(body: bytes) -> ReadRequest:
    return read_any(body, members_in(body))


def said(request: ReadRequest) -> tuple[object, ...]:
    places = (request.model_start, request.model_end, request.has_stream_options)
    read = (request.model, request.mode, request.wants_usage, request.needs, request.max_tokens, request.prompt_tokens)
    return *read, *places


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("members", USUAL)
def test_usual_requests_go_the_short_way(
    members: dict[str, object], separators: tuple[str, str], ascii_only: bool
) -> None:
    text = json.dumps(members, separators=separators, ensure_ascii=ascii_only)
    body = text.encode()
    request = short(body)
    escaped = "\\u" in text.partition("messages")[0]
    assert (request is None) == escaped
    assert request is None or said(request) == said(long(body))


KEYS = ("model", "messages", "stream", "stream_options", "max_tokens", "temperature", "user", "n", "tools", "seed")
VALUES = (
    *(
        '"smart"',
        '"llama3:8b"',
        '"m\\u0065"',
        '"messages"',
        '"model"',
        '":"',
        '""',
        '"{"',
        '"["',
        '"\\""',
        '"é"',
        '"\t"',
    ),
    *("true", "false", "null", "1", "-0.5e3", "{}", "[]", '{"include_usage":true}', '{"include_usage": true}'),
    *('{"include_usage":true,"include_usage":false}', '{"include_usage":false}', '{"model":"x"}', '["model"]'),
    *('[{"role":"user","content":"hi"}]', '[{"content":"[{","role":"user"},{"content": "}"}]', '[{"content":null}]'),
    *('[{"content":[{"type":"image_url"}]}]', '[{"content":[{"type":"text","text":"a"}],"content":"b"}]', "[5]"),
    *('[{"role":"user","content":"\\"content\\":\\"x\\""}]', '[{"x":{"messages":[]},"content":"[x"}]', '["[x"]'),
    *(
        '{"messages":[]}',
        "[" * 66 + "]" * 66,
        '[{"a":' * 32 + "0" + "}]" * 32,
        '[{"content":"[", "x":' + "[" * 64 + "]" * 64 + "}]",
    ),
)
USUAL_VALUE = {
    "model": '"smart"',
    "messages": '[{"role": "user", "content": "hi"}]',
    "stream": "true",
    "max_tokens": "7",
}


@st.composite
def near_usual(draw: st.DrawFn) -> bytes:
    """A request with something odd about it: a value, a double, a gap, or some bytes that were changed."""
    keys = draw(st.permutations(["model", "messages", *draw(st.lists(st.sampled_from(KEYS), max_size=4))]))
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (", ", ":"), (" ,", " : "), (",\n  ", ": ")]))
    usual = st.sampled_from([True] * 9 + [False])
    pairs = [(key, USUAL_VALUE.get(key, "1") if draw(usual) else draw(st.sampled_from(VALUES))) for key in keys]
    text = "{" + comma.join(f'"{key}"{colon}{value}' for key, value in pairs) + "}"
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        start = draw(st.integers(0, len(text)))
        end = start + draw(st.integers(0, 3))
        source = draw(st.integers(0, len(text)))
        put = draw(
            st.sampled_from(["", " ", '"', "\\", "{", "}", "[", "]", ":", ",", "\x00", text[source : source + 30]])
        )
        text = text[:start] + put + text[end:]
    return text.encode()


@example(b'{"messages":[],"model":"m","messages":[{"content":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}')
@example(
    b'{"model":"m","messages":[],"messages":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[],[],[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}'
)
@example(b'{"stream_options":{"messages":[1]},"stream_options":{"include_usage":true},"messages":[1],"model":"m"}')
@example(b'{"me":1,"model":"m","messages" :[],"x":"ssages\\":"}')
@example(b'{"model":"m","messages":[{"content":' + b"[" * 70 + b"]" * 70 + b',"content":"x"}]}')
@example(b'{"model":"a\x00","messages":[]}')
@given(
    near_usual() | requests().map(lambda request: request.body) | requests((("stream", "true"),)).map(lambda r: r.body)
)
def test_the_short_way_says_what_the_careful_way_says(body: bytes) -> None:
    request = short(body)
    # Whatever the careful way refuses, it raises here.
    assert request is None or said(request) == said(long(body))


@given(near_usual(), st.booleans())
def test_a_request_read_the_short_way_is_rewritten_alike(body: bytes, include_usage: bool) -> None:
    request = short(body)
    rewritten = [
        rewrite_chat_request(each, model="n", include_usage=include_usage)
        for each in (request, request and long(body))
        if each is not None
    ]
    assert len(set(rewritten)) <= 1


def test_a_long_body_is_rewritten_as_a_short_one() -> None:
    body = json.dumps({"model": "smart", "messages": [{"role": "user", "content": "x" * 100_000}], "stream": True})
    request = short(body.encode())
    assert request is not None
    rewritten = rewrite_chat_request(request, model="n", include_usage=True)
    assert rewritten.decode() == body.replace('"smart"', '"n","stream_options":{"include_usage":true}')
