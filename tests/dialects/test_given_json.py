"""A caller's JSON is read the same whether it is decoded already or only as far as it is asked."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from fairlead_proxy.dialects.anthropic.given import Block
from fairlead_proxy.dialects.dialect import InvalidCall
from fairlead_proxy.dialects.gemini.given import Message
from fairlead_proxy.dialects.given_json import Given
from fairlead_proxy.dialects.notes import Notes

Reader = Callable[[Given], object]

WHOLE = {
    "text": "hi",
    "none": None,
    "flag": True,
    "half": 0.5,
    "ten": 10.0,
    "huge": 10**400,
    "inner": {"deep": {"text": 5}},
    "list": [{"a": 1}, 7],
    "texts": ["a", "b", 3],
}


def decoded() -> Given:
    return Given(json.loads(json.dumps(WHOLE)))


def as_written() -> Given:
    return Given(Raw(json.dumps(WHOLE).encode()))


each_way = pytest.mark.parametrize("given", [decoded, as_written])


@each_way
@pytest.mark.parametrize(
    ("read", "found"),
    [
        (lambda given: given.text("text"), "hi"),
        (lambda given: given.needed_text("text"), "hi"),
        (lambda given: given.text("none"), None),
        (lambda given: given.text("absent"), None),
        (lambda given: given.flag("flag"), True),
        (lambda given: given.number("half", 0, 1), 0.5),
        (lambda given: given.whole("ten", 1), 10),
        (lambda given: given.whole("none"), None),
        (lambda given: given.json_object("inner"), {"deep": {"text": 5}}),
        (lambda given: json.loads(given.json_text("inner") or ""), {"deep": {"text": 5}}),
        (lambda given: given.inner("none"), None),
        (lambda given: given.objects("none"), []),
        (lambda given: given.texts("text", or_one=True), ("hi",)),
        (lambda given: given.texts("absent"), ()),
        (lambda given: given.is_text("text"), True),
        (lambda given: given.is_text("inner"), False),
        (lambda given: "none" in given, False),
        (lambda given: "inner" in given, True),
    ],
)
def test_a_member_is_read_by_its_type(given: Callable[[], Given], read: Reader, found: object) -> None:
    assert read(given()) == found


@each_way
@pytest.mark.parametrize(
    ("read", "param", "message"),
    [
        (lambda given: given.text("flag"), "flag", "'flag' must be a string, not true"),
        (lambda given: given.needed_text("none"), "none", "must be a string that is not empty, not null or left out"),
        (lambda given: given.flag("text"), "text", "'text' must be true or false, not a string"),
        (lambda given: given.number("flag"), "flag", "'flag' must be a number, not true"),
        (lambda given: given.number("half", 1, 2), "half", "'half' must be a number from 1 to 2, not 0.5"),
        (lambda given: given.number("huge"), "huge", "'huge' must be a number, not 1000"),
        (lambda given: given.whole("half"), "half", "'half' must be a whole number, not 0.5"),
        (lambda given: given.whole("ten", 11), "ten", "'ten' must be a whole number of at least 11, not 10.0"),
        (lambda given: given.whole("ten", 0, 5), "ten", "'ten' must be a whole number from 0 to 5, not 10.0"),
        (lambda given: given.inner("list"), "list", "'list' must be an object, not a list"),
        (lambda given: given.json_text("text"), "text", "'text' must be an object, not a string"),
        (lambda given: given.objects("text"), "text", "'text' must be a list of objects, not a string"),
        (lambda given: given.objects("list"), "list[1]", "'list[1]' must be an object, not 7"),
        (lambda given: given.texts("texts"), "texts[2]", "'texts[2]' must be a string, not 3"),
        (
            lambda given: given.inner("inner").inner("deep").text("text"),
            "inner.deep.text",
            "'inner.deep.text' must be a string, not 5",
        ),
    ],
)
def test_a_value_of_another_type_is_refused_by_its_path(
    given: Callable[[], Given], read: Reader, param: str, message: str
) -> None:
    with pytest.raises(InvalidCall) as refused:
        read(given())
    assert refused.value.answer.param == param
    assert message in refused.value.answer.message


@each_way
def test_a_choice_that_is_none_is_repeated_but_not_whole(given: Callable[[], Given]) -> None:
    assert given().refuse_choice("text", "a or b").answer.message == "'text' must be a or b, not \"hi\""
    long = Given({"text": "x" * 1000}).refuse_choice("text", "a or b").answer.message
    assert len(long) < 100


@each_way
def test_what_nobody_asked_for_is_noted_once_without_positions(given: Callable[[], Given]) -> None:
    asked, notes = given(), Notes()
    asked.text("text")
    asked.pass_over("flag", "huge")
    for inner in asked.inner("inner"), Given({"odd\nname": 1, "b": 2}, "list[3]"), Given({"b": 2}, "list[4]"):
        assert inner is not None
        inner.leave_rest_out(notes)
    asked.leave_rest_out(notes)
    assert notes.left_out == (*("half", "inner.deep", "list", "list[].(odd name)", "list[].b", "ten", "texts"),)


def test_an_object_as_it_is_written_keeps_its_digits() -> None:
    given = Given(Raw(b'{"a": {"n": 1.10,  "m": 0.10000000000000000001}}'))
    assert given.json_text("a") == '{"n": 1.10,  "m": 0.10000000000000000001}'


def test_each_vendor_has_its_own_way_to_write_a_position() -> None:
    members: dict[str, Any] = {"list": [{"a": 1}, 7]}
    for kind, path in ((Given, "list[1]"), (Block, "list.1"), (Message, "list[1]")):
        with pytest.raises(InvalidCall) as refused:
            kind(members).objects("list")
        assert refused.value.answer.param == path


def test_what_is_no_object_is_no_request() -> None:
    values: list[object] = [[], "x", None, Raw(b"[]"), Raw(b"nonsense")]
    for value in values:
        with pytest.raises(InvalidCall, match="the request body must be an object"):
            Given(value)


def test_a_value_that_cannot_be_read_is_refused_and_not_repeated() -> None:
    given = Given(msgspec.json.decode(b'{"a": 1e999}', type=dict[str, Raw]))
    with pytest.raises(InvalidCall, match="'a' cannot be read"):
        given.number("a")
