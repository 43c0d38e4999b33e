"""The scripted providers' invoice: by itself, and read off what was really sent, however a vendor counts."""

import ast
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest
from doubles.cost_oracle import nano_cost
from doubles.invoice import NOTHING, PARTIAL, WHOLE, Line
from doubles.processes import TESTS, ScriptedUpstream, eventually, scripted_upstream
from doubles.sent_answers import read_answer
from doubles.vendor_counts import Tokens
from doubles_check.raw_calls import CHAT, SPOKEN, Spoken, call, post

EVERY = pytest.mark.parametrize("spoken", SPOKEN, ids=str)
MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
PRODUCT = ("fairlead_ledger", "fairlead_operator", "fairlead_proxy", "fairlead_bench")

VARIED: dict[str, Any] = {
    "tokens": 7,
    "input_tokens": 1001,
    "cached_tokens": 202,
    "cache_write_tokens": 33,
    "cache_write_long_tokens": 4,
    "reasoning_tokens": 55,
}
COUNTED = {
    "openai-chat": Tokens(1005, 202, 33, 0, 62, 55),
    "openai-responses": Tokens(1005, 202, 33, 0, 62, 55),
    "anthropic-messages": Tokens(1001, 202, 33, 4, 62, 0),
    "gemini": Tokens(1038, 202, 0, 0, 62, 55),
    "bedrock-converse": Tokens(1001, 202, 33, 4, 62, 0),
}
"""What each vendor can tell of it: OpenAI knows no writes for an hour, Google none at all, the others no reasoning."""


@pytest.fixture(scope="module")
def running() -> Iterator[ScriptedUpstream]:
    with scripted_upstream() as upstream:
        yield upstream


@pytest.fixture
def upstream(running: ScriptedUpstream) -> ScriptedUpstream:
    running.obey()
    return running


def last_line(upstream: ScriptedUpstream) -> Line:
    """Return the newest line, once nothing more comes of it."""

    def settled() -> Line | None:
        line = upstream.invoice()[-1]
        return line if line.answered else None

    found = eventually(settled, within=5)
    assert found is not None
    return found


def streaming(spoken: Spoken) -> dict[str, Any]:
    """Return what a stream of OpenAI's chat must ask for, so that it tells of tokens."""
    return {"stream_options": {"include_usage": True}} if spoken is CHAT else {}


def imported_by(path: Path, seen: set[Path]) -> set[str]:
    """Return all that a module imports, and what of the doubles it imports does."""
    names: set[str] = set()
    seen.add(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "a relative import"
            names.add(str(node.module))
    for name in sorted(names):
        found = TESTS.joinpath(*name.split(".")).with_suffix(".py")
        if found.exists() and found not in seen:
            names |= imported_by(found, seen)
    return names


@pytest.mark.parametrize("module", ["invoice", "cost_oracle", "scripted_upstream"])
def test_who_charges_knows_nothing_of_who_books(module: str) -> None:
    names = imported_by(TESTS / "doubles" / f"{module}.py", set())
    assert not [name for name in names if name.split(".")[0] in PRODUCT]


@pytest.mark.parametrize("module", ["invoice", "cost_oracle"])
def test_who_charges_needs_nothing_but_python_itself(module: str) -> None:
    names = imported_by(TESTS / "doubles" / f"{module}.py", set())
    assert {name.split(".")[0] for name in names} - {"doubles"} <= sys.stdlib_module_names


@EVERY
@MODES
def test_every_vendor_counts_in_its_own_way(upstream: ScriptedUpstream, spoken: Spoken, stream: bool) -> None:
    upstream.behave(**VARIED)
    call(upstream, spoken, stream=stream, **(streaming(spoken) if stream else {}))
    line = last_line(upstream)
    assert (line.charge, line.tokens, line.status) == (WHOLE, COUNTED[spoken.dialect], 200)


@EVERY
@MODES
def test_an_explicit_zero_is_charged_as_such(upstream: ScriptedUpstream, spoken: Spoken, stream: bool) -> None:
    upstream.behave(**VARIED, usage="zero")
    call(upstream, spoken, stream=stream, **(streaming(spoken) if stream else {}))
    line = last_line(upstream)
    assert (line.charge, line.tokens) == (WHOLE, Tokens())
    assert line.told


@EVERY
@MODES
def test_usage_that_is_not_told_is_charged_nevertheless(
    upstream: ScriptedUpstream, spoken: Spoken, stream: bool
) -> None:
    upstream.behave(**VARIED, usage="absent")
    call(upstream, spoken, stream=stream, **(streaming(spoken) if stream else {}))
    line = last_line(upstream)
    assert (line.charge, line.told) == (PARTIAL, None)
    assert (line.tokens.input, line.tokens.output) == (1001 + 202 + 33 + 4, 62)


@EVERY
@pytest.mark.parametrize("kind", ["cut_after", "reset_after", "end_after", "error_after", "cut_in_frame"])
def test_of_a_stream_that_breaks_off_what_was_sent_is_charged(
    upstream: ScriptedUpstream, spoken: Spoken, kind: str
) -> None:
    upstream.behave(kind, before_tokens=3, tokens=9, reasoning_tokens=20)
    with_any_end(upstream, spoken)
    line = last_line(upstream)
    assert (line.charge, line.tokens.output, line.tokens.reasoning) == (PARTIAL, 23, 20)
    assert line.tokens.plain == 3


@EVERY
def test_of_a_stream_that_nobody_listens_to_what_was_sent_is_charged(
    upstream: ScriptedUpstream, spoken: Spoken
) -> None:
    upstream.behave(tokens=4000, pace=0.005)
    leave(upstream, spoken)
    line = last_line(upstream)
    assert line.charge == PARTIAL
    assert 1 < line.tokens.output < 1000


@EVERY
@pytest.mark.parametrize("kind", ["cut_before", "end_before", "error_first", "reset_before", "hang", "reset"])
def test_where_no_content_came_nothing_is_charged(upstream: ScriptedUpstream, spoken: Spoken, kind: str) -> None:
    upstream.behave(kind)
    with_any_end(upstream, spoken)
    assert last_line(upstream).charge == NOTHING


@EVERY
@pytest.mark.parametrize("status", [400, 429, 500])
def test_a_refusal_is_not_charged(upstream: ScriptedUpstream, spoken: Spoken, status: int) -> None:
    upstream.behave("status", status=status)
    call(upstream, spoken, stream=False)
    line = last_line(upstream)
    assert (line.charge, line.status, line.tokens) == (NOTHING, status, Tokens())


@EVERY
def test_a_plain_answer_that_is_cut_was_made_all_the_same(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    upstream.behave("cut_body", tokens=9)
    call(upstream, spoken, stream=False)
    line = last_line(upstream)
    assert (line.charge, line.tokens.plain, line.tokens.output) == (PARTIAL, 3, 9)


@EVERY
@MODES
@pytest.mark.parametrize("answer", ["text", "reasoning", "parallel", "refusal", "json"])
def test_the_pieces_of_a_stream_are_as_many_as_its_vendor_tells(
    upstream: ScriptedUpstream, spoken: Spoken, stream: bool, answer: str
) -> None:
    """So that what is charged of a part is by the same measure as what is charged of the whole."""
    upstream.behave(answer=answer)
    call(upstream, spoken, stream=stream, **(streaming(spoken) if stream else {}))
    whole = last_line(upstream)
    upstream.behave(answer=answer, usage="absent")
    call(upstream, spoken, stream=stream)
    untold = last_line(upstream)
    assert (whole.charge, untold.charge) == (WHOLE, PARTIAL)
    told = replace(whole.tokens, reasoning=0)
    assert told == replace(untold.tokens, reasoning=0)
    assert told.output


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/responses/input_tokens", {"model": "m", "input": "one two"}),
        ("/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "one two"}]}),
        ("/v1beta/models/m:countTokens", {"contents": [{"role": "user", "parts": [{"text": "one two"}]}]}),
        (
            "/model/m/count-tokens",
            {"input": {"converse": {"messages": [{"role": "user", "content": [{"text": "one two"}]}]}}},
        ),
    ],
)
def test_a_count_of_tokens_is_free(upstream: ScriptedUpstream, path: str, said: dict[str, Any]) -> None:
    assert post(upstream, path, json.dumps(said)).status == 200
    line = last_line(upstream)
    assert (line.counts, line.status, line.charge, line.asked.plain) == (True, 200, NOTHING, 2)


def test_a_line_is_found_by_the_word_that_its_caller_put_into_the_prompt(upstream: ScriptedUpstream) -> None:
    call(upstream, CHAT, stream=False, messages=[{"role": "user", "content": "say call-7f something"}])
    assert last_line(upstream).tag == "call-7f"


def test_an_answer_that_is_cut_at_any_byte_is_read_as_far_as_it_came(upstream: ScriptedUpstream) -> None:
    sent = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    for word in ("a", "b"):
        event = b'data: {"choices": [{"index": 0, "delta": {"content": "%b"}}]}\n\n' % word.encode()
        sent += b"%x\r\n%b\r\n" % (len(event), event)
    event = b'data: {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}\n\n'
    sent += b"%x\r\n%b\r\n" % (len(event), event)
    read = [read_answer("openai-chat", sent[:end]) for end in range(len(sent) + 1)]
    assert [said.tokens for said in read] == sorted(said.tokens for said in read)
    assert [said.final for said in read].index(True) == len(sent) - 2
    assert (read[-1].tokens, read[-1].usage) == (2, {"prompt_tokens": 1, "completion_tokens": 2})


PRICES: dict[str, Any] = {
    "perMTok": {"input": "1.25", "cachedInput": "0.125", "cacheWrite": "1.5", "cacheWriteLong": "2.5", "output": "10"},
    "longContext": [{"above": 1000, "perMTok": {"input": "2.5", "output": "15"}}],
}


@pytest.mark.parametrize(
    ("tokens", "nano"),
    [
        (Tokens(), 0),
        (Tokens(1, 0, 0, 0, 0), 1250),
        (Tokens(100, 200, 300, 400, 5, 5), 125_000 + 25_000 + 450_000 + 1_000_000 + 50_000),
        (Tokens(100, 200, 300, 401, 5), 1001 * 2500 + 75_000),
    ],
)
def test_the_oracle_knows_tiers_and_caches(tokens: Tokens, nano: int) -> None:
    assert nano_cost(tokens, PRICES) == nano


def test_the_oracle_rounds_half_up_once_and_does_not_take_what_is_unknown_for_nothing() -> None:
    assert nano_cost(Tokens(1), {"perMTok": {"input": "0.0005"}}) == 1
    assert nano_cost(Tokens(1), {"perMTok": {"input": "0.0004"}}) == 0
    assert nano_cost(Tokens(1, 1), {"perMTok": {"input": "0.0003"}}) == 1
    assert nano_cost(Tokens(1, output=1), {"perMTok": {"input": "1"}}) is None
    assert nano_cost(Tokens(1), {"perMTok": {"input": "0"}}) == 0


def leave(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    """Ask for a stream, and go once some of it has come."""
    body = spoken.body | ({"stream": True} if spoken.flag else {})
    connection = HTTPConnection("127.0.0.1", upstream.port, timeout=5)
    connection.request("POST", spoken.stream, json.dumps(body))
    answer = connection.getresponse()
    while b"beta" not in answer.read1():
        pass
    answer.close()
    connection.close()


def with_any_end(upstream: ScriptedUpstream, spoken: Spoken) -> None:
    """Ask for a stream, and let it end as it will."""
    with suppress(OSError, HTTPException):
        call(upstream, spoken, stream=True, timeout=0.3)
