"""What a provider tells is read as well as it can be; JSON in a text keeps its form."""

import pytest

from fairlead_proxy.contract.names import FailureClass
from fairlead_proxy.dialects.json_members import MAX_DEPTH
from fairlead_proxy.dialects.json_text import decode_json, object_in, whole_pairs
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.dialects.told_json import (
    MAX_TOLD_DEPTH,
    Told,
    count_of,
    decode_told,
    number_of,
    place_of,
    told_frame,
    told_items,
    told_members,
    told_object,
)
from fairlead_proxy.exchange.errors import UpstreamFailure


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\ude00x\uD83D"', rb'"\ufffdx\ufffd"'),
        (rb'"\ud83d\ude00"', rb'"\ud83d\ude00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d\u00e9"', rb'"\\\ufffd\u00e9"'),
    ],
)
def test_half_a_surrogate_pair_is_replaced_and_nothing_else(text: bytes, whole: bytes) -> None:
    assert whole_pairs(text) == whole
    assert decode_json(text) == decode_json(whole)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_a_request_is_as_deep_as_it_may_be_and_an_answer_twice_as_deep() -> None:
    assert decode_json(nested(MAX_DEPTH)) == decode_told(nested(MAX_DEPTH))
    assert decode_told(nested(MAX_TOLD_DEPTH))
    for decode, levels in ((decode_json, MAX_DEPTH + 1), (decode_told, MAX_TOLD_DEPTH + 1), (decode_told, 100_000)):
        with pytest.raises(ValueError, match="nested too deeply"):
            decode(nested(levels))


def test_stray_bytes_and_numbers_beyond_all_bounds_spoil_nothing_else() -> None:
    told = decode_told(b'{"text": "a\xffb", "n": 1e999, "ok": 1}')
    assert told == {"text": "a\ufffdb", "n": float("inf"), "ok": 1}


def test_what_is_no_object_is_no_answer_and_no_frame() -> None:
    for body in (b"", b"<html>", b"[]", b'"x"', b"{"):
        with pytest.raises(UpstreamFailure) as failed:
            told_object(body)
        assert failed.value.failure is FailureClass.MALFORMED_RESPONSE
    assert told_frame(Event(b"", b'{"a":1}')) == {"a": 1}
    for whole, failure in ((True, FailureClass.MALFORMED_RESPONSE), (False, FailureClass.STREAM_BROKEN)):
        with pytest.raises(UpstreamFailure) as failed:
            told_frame(Event(b"", b'{"a":', whole=whole))
        assert failed.value.failure is failure


def test_members_and_items_keep_how_they_are_written() -> None:
    members = told_members(b'{"a": 1.10, "b": "\\ud83d"}')
    assert members is not None
    assert [bytes(value) for value in members.values()] == [b"1.10", b'"\\ufffd"']
    items = told_items(b"[1.0, {}]")
    assert items is not None
    assert [bytes(item) for item in items] == [b"1.0", b"{}"]
    assert (told_members(b"[]"), told_members(b"\xff"), told_items(b"{}"), told_items(None)) == (None,) * 4


def test_a_value_of_another_type_says_nothing() -> None:
    told = Told({"text": 5, "flag": "x", "n": "5", "object": [], "list": {}, "texts": [1, "a"], "items": [1, {"a": 2}]})
    assert (told.text("text"), told.flag("flag"), told.number("n"), told.whole("n")) == (None,) * 4
    assert (told.inner("object"), told.objects("list"), told.texts("texts")) == (None, [], ("a",))
    assert [item.whole("a") for item in told.objects("items")] == [2]
    assert told.needed_text("absent") == ""


def test_numbers_are_counts_only_where_they_can_be() -> None:
    assert [count_of(value) for value in (5, 5.0, -1, True, "5", 0.5, None, 2**70)] == [5, 5, 0, 0, 0, 0, 0, 0]
    assert (place_of(0), place_of(None), place_of(-1)) == (0, None, None)
    assert [number_of(value) for value in (1, 0.5, True, 10**400, float("inf"))] == [1.0, 0.5, None, None, None]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (' {"n": 1.10} ', b'{"n": 1.10}'),
        ('{"a": "\\ud83d"}', b'{"a": "\\ufffd"}'),
        ('{"a": "\ud83d"}', b'{"a": "?"}'),
        ("[]", None),
        ("{", None),
        ("", None),
        ('{"a":' + "[" * 100 + "]" * 100 + "}", None),
    ],
)
def test_an_object_in_a_text_is_taken_as_it_is_written(text: str, found: bytes | None) -> None:
    raw = object_in(text)
    assert (None if raw is None else bytes(raw)) == found
