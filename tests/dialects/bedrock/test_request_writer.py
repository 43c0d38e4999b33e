"""Conversations as Converse takes them, held against the vendor's own model of its API."""

import gzip
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import botocore  # type: ignore[import-untyped]
import pytest
from botocore.model import ServiceModel  # type: ignore[import-untyped]
from botocore.validate import ParamValidator  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.bedrock.dialect import BedrockConverse, BedrockCount
from fairlead_proxy.dialects.speakers import GO_ON
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    CacheHint,
    Citation,
    Conversation,
    Media,
    MediaKind,
    Part,
    Reasoning,
    Refusal,
    Role,
    Sampling,
    Seal,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    Turn,
)

SONNET = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS = "global.anthropic.claude-opus-4-6-v1"
NEWEST = "anthropic.claude-opus-4-7"
OLDEST = "anthropic.claude-3-haiku-20240307-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"

OWN = Seal(DialectName.BEDROCK, "c2ln")
WEATHER = Tool("weather", "Tells it.", {"type": "object", "properties": {"city": {"type": "string"}}})


def user(*parts: Part) -> Turn:
    return Turn(Role.USER, parts)


def assistant(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def said(text: str = "hello") -> Turn:
    return user(Text(text))


@lru_cache(maxsize=1)
def service() -> Any:
    data = Path(botocore.__file__).parent / "data/bedrock-runtime/2023-09-30/service-2.json.gz"
    return ServiceModel(json.loads(gzip.decompress(data.read_bytes())), "bedrock-runtime")


def faults(body: dict[str, Any], operation: str = "Converse") -> str:
    """Return what the vendor's model finds wrong with a request."""
    shape = service().operation_model(operation).input_shape
    report: str = ParamValidator().validate({**body, "modelId": "m"}, shape).generate_report()
    return report


def written(conversation: Conversation, model: str = SONNET) -> tuple[dict[str, Any], tuple[str, ...]]:
    made = BedrockConverse().write_request(conversation, model=model)
    body: dict[str, Any] = json.loads(made.body)
    assert faults(body) == ""
    assert list(made.lost) == sorted(set(made.lost))
    return body, made.lost


def body_of(conversation: Conversation, model: str = SONNET) -> dict[str, Any]:
    """Return the body of a conversation of which nothing is lost."""
    body, lost = written(conversation, model)
    assert lost == ()
    return body


def messages_of(*turns: Turn, model: str = SONNET) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body_of(Conversation(turns), model)["messages"]
    return found


def test_instructions_stand_apart_and_messages_alternate() -> None:
    body = body_of(
        Conversation(
            (
                Turn(Role.SYSTEM, (Text("Be brief."), Text("  "))),
                Turn(Role.DEVELOPER, (Text("Be kind.", CacheHint("1h")),)),
                said("a"),
                said("b"),
                assistant(Text("c")),
                assistant(Refusal("no")),
                said("d"),
            )
        )
    )
    assert body == {
        "system": [{"text": "Be brief."}, {"text": "Be kind."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "messages": [
            {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
            {"role": "assistant", "content": [{"text": "c"}, {"text": "no"}]},
            {"role": "user", "content": [{"text": "d"}]},
        ],
    }


def test_what_the_vendor_refuses_in_a_message_is_mended() -> None:
    body, lost = written(Conversation((assistant(Text("a")), user(Text(" ")), assistant(Text("b \n")))))
    assert [message["content"] for message in body["messages"]] == [
        [{"text": "(continued)"}],
        [{"text": "a"}, {"text": "b"}],
    ]
    assert lost == ("first turn is the assistant's",)


def test_a_system_message_that_is_moved_is_named() -> None:
    _, lost = written(Conversation((said(), Turn(Role.SYSTEM, (Text("x"), Media(MediaKind.IMAGE, data="a"))))))
    assert lost == ("a part of a system message that is not text", "position of a system message")


def test_a_round_of_tools_goes_there_and_back() -> None:
    calls = assistant(
        Reasoning("Hm.", OWN),
        Text("I look."),
        ToolCall("call_1", "weather", '{"city":"Rome","n":12345678901234567890123}'),
        ToolCall("call/2|x", "clock", ""),
    )
    results = user(
        Text("here"),
        ToolResult("call_1", "weather", (Text("sunny"), Media(MediaKind.IMAGE, "image/png", "aGk=")), is_error=True),
        ToolResult("call/2|x", "clock"),
    )
    conversation = Conversation((said(), calls, results), tools=(WEATHER, Tool("clock", strict=True)))
    raw = BedrockConverse().write_request(conversation, model=SONNET).body
    assert b'"input":{"city":"Rome","n":12345678901234567890123}' in raw
    _, answer, back = body_of(conversation)["messages"]
    first, second = answer["content"][2]["toolUse"], answer["content"][3]["toolUse"]
    assert answer["content"][0] == {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}}
    assert (first["toolUseId"], second["name"], second["input"]) == ("call_1", "clock", {})
    assert back["content"] == [
        {
            "toolResult": {
                "toolUseId": "call_1",
                "content": [{"text": "sunny"}, {"image": {"format": "png", "source": {"bytes": "aGk="}}}],
                "status": "error",
            }
        },
        {"toolResult": {"toolUseId": second["toolUseId"], "content": []}},
        {"text": "here"},
    ]
    assert body_of(conversation)["toolConfig"] == {
        "tools": [
            {
                "toolSpec": {
                    "name": "weather",
                    "description": "Tells it.",
                    "inputSchema": {"json": WEATHER.parameters},
                }
            },
            {
                "toolSpec": {
                    "name": "clock",
                    "inputSchema": {"json": {"type": "object", "properties": {}}},
                    "strict": True,
                }
            },
        ]
    }


ROUND = (said(), assistant(ToolCall("1", "weather")), user(ToolResult("1", "weather", (Text("x"),))))


@pytest.mark.parametrize(
    ("choice", "turns", "expected", "lost"),
    [
        (ToolChoice(ToolChoiceMode.AUTO), (said(),), {"auto": {}}, ()),
        (ToolChoice(ToolChoiceMode.ANY), (said(),), {"any": {}}, ()),
        (ToolChoice(ToolChoiceMode.NAMED, ("weather",)), (said(),), {"tool": {"name": "weather"}}, ()),
        (ToolChoice(ToolChoiceMode.NONE), (said(),), "left out", ()),
        (ToolChoice(ToolChoiceMode.NONE), ROUND, None, ("tool choice none",)),
        (None, (said(),), None, ()),
    ],
)
def test_a_choice_of_tools_is_written(
    choice: ToolChoice | None, turns: tuple[Turn, ...], expected: object, lost: tuple[str, ...]
) -> None:
    body, told = written(Conversation(turns, tools=(WEATHER,), tool_choice=choice))
    assert body.get("toolConfig", {"toolChoice": "left out"}).get("toolChoice") == expected
    assert told == lost


def test_who_may_call_but_some_tools_is_offered_no_others() -> None:
    choice = ToolChoice(ToolChoiceMode.ANY, ("clock",))
    body = body_of(Conversation((said(),), tools=(WEATHER, Tool("clock")), tool_choice=choice))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["clock"]
    assert body["toolConfig"]["toolChoice"] == {"any": {}}


def test_tools_that_were_called_are_declared_where_none_is_offered() -> None:
    body, lost = written(Conversation(ROUND))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["weather"]
    assert lost == ("calls of tools that are no longer offered",)


@pytest.mark.parametrize(
    ("media", "block"),
    [
        (Media(MediaKind.IMAGE, "image/jpeg", "x"), {"image": {"format": "jpeg", "source": {"bytes": "x"}}}),
        (Media(MediaKind.IMAGE, "", "iVBORw0K"), {"image": {"format": "png", "source": {"bytes": "iVBORw0K"}}}),
        (
            Media(MediaKind.FILE, "application/pdf", "x", name="My_report: v2  (a).pdf"),
            {"document": {"format": "pdf", "name": "My report v2 (a)", "source": {"bytes": "x"}}},
        ),
        (
            Media(MediaKind.FILE, "", "x", name="notes.md"),
            {"document": {"format": "md", "name": "notes", "source": {"bytes": "x"}}},
        ),
        (
            Media(MediaKind.FILE, "text/x-python; charset=utf-8", "x", name="Über"),
            {"document": {"format": "txt", "name": "ber", "source": {"bytes": "x"}}},
        ),
        (Media(MediaKind.VIDEO, "video/quicktime", "x"), {"video": {"format": "mov", "source": {"bytes": "x"}}}),
        (
            Media(MediaKind.VIDEO, url="s3://bucket/film.mp4"),
            {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/film.mp4"}}}},
        ),
    ],
)
def test_media_have_the_vendors_format(media: Media, block: dict[str, Any]) -> None:
    assert messages_of(user(Text("see"), media))[0]["content"] == [{"text": "see"}, block]


@pytest.mark.parametrize(
    ("media", "lost"),
    [
        (Media(MediaKind.IMAGE, "image/bmp", "x"), "image of the type image/bmp"),
        (Media(MediaKind.VIDEO, "video/mp4", url="https://a/b.mp4"), "videos by URL"),
        (
            Media(MediaKind.FILE, file_id="f", origin=DialectName.ANTHROPIC),
            "files kept at the provider (anthropic-messages)",
        ),
        (Media(MediaKind.FILE, "", "AAAA"), "file of the type unknown"),
    ],
)
def test_media_that_the_vendor_has_no_word_for_are_named(media: Media, lost: str) -> None:
    body, told = written(Conversation((user(Text("see"), media),)))
    assert (body["messages"][0]["content"], told) == ([{"text": "see"}], (lost,))


def test_documents_have_names_of_their_own_and_a_text_beside_them() -> None:
    document = Media(MediaKind.FILE, "application/pdf", "x", name="a.pdf")
    conversation = Conversation(
        (user(document, document), assistant(ToolCall("1", "t")), user(ToolResult("1", "t", (document,)))),
        tools=(Tool("t"),),
    )
    first, _, second = body_of(conversation)["messages"]
    assert [block["document"]["name"] for block in first["content"][:2]] == ["a", "a (2)"]
    assert first["content"][2] == {"text": "(see the document)"}
    assert second["content"][0]["toolResult"]["content"][0]["document"]["name"] == "a (3)"


def test_media_of_the_assistant_are_left_out() -> None:
    body, lost = written(Conversation((said(), assistant(Media(MediaKind.IMAGE, "image/png", "x"), Text("a")))))
    assert body["messages"][1]["content"] == [{"text": "a"}]
    assert lost == ("an image or file of the assistant's",)


@pytest.mark.parametrize(
    ("part", "blocks", "lost"),
    [
        (Reasoning("a", OWN), [{"reasoningContent": {"reasoningText": {"text": "a", "signature": "c2ln"}}}], ()),
        (Reasoning("", OWN), [{"reasoningContent": {"reasoningText": {"text": "", "signature": "c2ln"}}}], ()),
        (
            Reasoning("", Seal(DialectName.BEDROCK, "redacted:YWJj")),
            [{"reasoningContent": {"redactedContent": "YWJj"}}],
            (),
        ),
        (Reasoning("a", Seal(DialectName.ANTHROPIC, "s")), [], ("reasoning of another provider",)),
        (Reasoning("a"), [], ("reasoning of another provider",)),
        (Text("a", citations=(Citation("https://a"),)), [{"text": "a"}], ("citations",)),
    ],
)
def test_only_what_bedrock_sealed_goes_back_to_it(
    part: Part, blocks: list[dict[str, Any]], lost: tuple[str, ...]
) -> None:
    body, told = written(Conversation((said(), assistant(part, Text("b")))))
    assert (body["messages"][1]["content"], told) == ([*blocks, {"text": "b"}], lost)


def test_a_seal_of_a_call_and_arguments_that_are_none_are_named() -> None:
    call = ToolCall("1", "weather", "[1", Seal(DialectName.GEMINI, "x"))
    body, lost = written(Conversation((said(), assistant(call)), tools=(WEATHER,)))
    assert body["messages"][1]["content"] == [
        {"toolUse": {"toolUseId": "1", "name": "weather", "input": {"arguments": "[1"}}}
    ]
    assert lost == (
        "arguments of a tool call that are not a JSON object",
        "signature of a tool call of another provider",
    )


@pytest.mark.parametrize(
    ("model", "hint", "point", "lost"),
    [
        (SONNET, CacheHint(), {"type": "default"}, ()),
        (SONNET, CacheHint("5m"), {"type": "default", "ttl": "5m"}, ()),
        (SONNET, CacheHint("2d"), {"type": "default"}, ("lifetime of a cache hint",)),
        (NOVA, CacheHint(), {"type": "default"}, ()),
        (NOVA, CacheHint("1h"), {"type": "default"}, ("lifetime of a cache hint",)),
        (LLAMA, CacheHint("1h"), None, ("cache hint",)),
    ],
)
def test_a_cache_point_follows_what_is_worth_caching(
    model: str, hint: CacheHint, point: dict[str, str] | None, lost: tuple[str, ...]
) -> None:
    tools = (Tool("clock", cache=hint),)
    result = ToolResult("1", "clock", (Text("x", cache=hint),))
    turns = (user(Text("a", cache=hint)), assistant(ToolCall("1", "clock", cache=hint)), user(result))
    body, told = written(Conversation(turns, tools=tools), model)
    last = [message["content"][-1] for message in body["messages"]] + [body["toolConfig"]["tools"][-1]]
    assert [block.get("cachePoint") for block in last] == [point] * 4
    assert told == lost


@pytest.mark.parametrize(
    ("sampling", "model", "inference", "fields", "lost"),
    [
        (Sampling(0.5, 0.9), LLAMA, {"temperature": 0.5, "topP": 0.9}, None, ()),
        (Sampling(1.7), LLAMA, {"temperature": 1.0}, None, ("temperature above 1",)),
        (Sampling(0.5, 0.9), SONNET, {"temperature": 0.5}, None, ("top_p",)),
        (Sampling(top_p=0.9, top_k=5), SONNET, {"topP": 0.9}, {"top_k": 5}, ()),
        (Sampling(0.5, 0.9, 5), NEWEST, None, None, ("temperature", "top_k", "top_p")),
        (Sampling(0.5, 0.9, 5), OLDEST, {"temperature": 0.5, "topP": 0.9}, {"top_k": 5}, ()),
        (Sampling(top_k=5), NOVA, None, None, ("top_k",)),
        (
            Sampling(seed=1, frequency_penalty=0.1, presence_penalty=0.0, logprobs=0),
            NOVA,
            None,
            None,
            ("frequency_penalty", "log probabilities", "presence_penalty", "seed"),
        ),
    ],
)
def test_sampling_is_kept_within_what_a_model_takes(
    sampling: Sampling,
    model: str,
    inference: dict[str, Any] | None,
    fields: dict[str, Any] | None,
    lost: tuple[str, ...],
) -> None:
    body, told = written(Conversation((said(),), sampling=sampling), model)
    assert body.get("inferenceConfig") == inference
    assert body.get("additionalModelRequestFields") == fields
    assert told == lost


def enabled(budget: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


DISABLED = {"thinking": {"type": "disabled"}}


@pytest.mark.parametrize(
    ("thinking", "model", "fields", "effort", "lost"),
    [
        (Thinking("minimal"), SONNET, enabled(1024), None, ()),
        (Thinking("low"), SONNET, enabled(1024), None, ()),
        (Thinking("medium"), SONNET, enabled(8192), None, ()),
        (Thinking("high"), SONNET, enabled(24576), None, ()),
        (Thinking("xhigh"), SONNET, enabled(24576), None, ()),
        (Thinking(adaptive=True), SONNET, enabled(8192), None, ()),
        (Thinking(budget_tokens=5), SONNET, enabled(1024), None, ()),
        (Thinking(budget_tokens=5000), OPUS, enabled(5000), None, ()),
        (Thinking("none"), SONNET, DISABLED, None, ()),
        (Thinking("high"), OLDEST, None, None, ("reasoning",)),
        (Thinking("none"), OLDEST, None, None, ()),
        (Thinking("minimal"), OPUS, {"thinking": {"type": "adaptive"}}, "low", ()),
        (Thinking("xhigh"), OPUS, {"thinking": {"type": "adaptive"}}, "high", ("reasoning effort above high",)),
        (
            Thinking("xhigh", shown=True),
            NEWEST,
            {"thinking": {"type": "adaptive", "display": "summarized"}},
            "xhigh",
            (),
        ),
        (
            Thinking(adaptive=True, shown=False),
            NEWEST,
            {"thinking": {"type": "adaptive", "display": "omitted"}},
            None,
            (),
        ),
        (
            Thinking(budget_tokens=5000),
            NEWEST,
            {"thinking": {"type": "adaptive"}},
            "medium",
            ("budget of reasoning tokens",),
        ),
        (Thinking("odd"), NEWEST, {"thinking": {"type": "adaptive"}}, None, ("reasoning effort",)),
        (Thinking("low"), GPT, {"reasoning_effort": "low"}, None, ()),
        (Thinking("xhigh"), GPT, {"reasoning_effort": "high"}, None, ("reasoning effort above high",)),
        (Thinking(budget_tokens=9000), GPT, {"reasoning_effort": "high"}, None, ("budget of reasoning tokens",)),
        (Thinking("none"), GPT, {"reasoning_effort": "low"}, None, ("reasoning off",)),
        (Thinking("high"), NOVA, None, None, ("reasoning effort",)),
        (Thinking("none"), NOVA, None, None, ()),
    ],
)
def test_each_family_is_told_how_much_to_think_in_its_own_words(
    thinking: Thinking, model: str, fields: dict[str, Any] | None, effort: str | None, lost: tuple[str, ...]
) -> None:
    body, told = written(Conversation((said(),), thinking=thinking), model)
    assert body.get("additionalModelRequestFields") == fields
    assert body.get("outputConfig", {}).get("effort") == effort
    assert told == lost


@pytest.mark.parametrize(("asked", "told"), [(None, None), (100, 8292), (8192, 16384), (9000, 9000)])
def test_the_limit_leaves_room_beside_the_thinking(asked: int | None, told: int | None) -> None:
    body = body_of(Conversation((said(),), max_tokens=asked, thinking=Thinking("medium")))
    assert body.get("inferenceConfig", {}).get("maxTokens") == told


def test_while_claude_thinks_it_takes_no_other_sampling() -> None:
    sampling = Sampling(temperature=0.2, top_p=0.5, top_k=3)
    body, lost = written(Conversation((said(),), sampling=sampling, thinking=Thinking("low")))
    assert (body.get("inferenceConfig"), lost) == (None, ("temperature", "top_k", "top_p"))


def test_a_forced_tool_goes_before_thinking() -> None:
    choice = ToolChoice(ToolChoiceMode.ANY)
    conversation = Conversation((said(),), tools=(WEATHER,), tool_choice=choice, thinking=Thinking("low"))
    body, lost = written(conversation)
    assert body["additionalModelRequestFields"] == DISABLED
    assert lost == ("reasoning together with a forced tool",)


@pytest.mark.parametrize("seal", [OWN, Seal(DialectName.ANTHROPIC, "x")])
def test_claude_does_not_think_between_calls_that_it_did_not_make(seal: Seal) -> None:
    call = assistant(Reasoning("a", seal), ToolCall("1", "weather"))
    turns = (said(), call, user(ToolResult("1", "weather", (Text("x"),))))
    body, _ = written(Conversation(turns, tools=(WEATHER,), thinking=Thinking("low")))
    assert body["additionalModelRequestFields"] == (enabled(1024) if seal is OWN else DISABLED)


def test_a_schema_is_written_as_text() -> None:
    schema = {"type": "object", "properties": {"ä": {"type": "string"}}}
    body = body_of(Conversation((said(),), form=AnswerForm(schema, "reply", "A reply.", strict=True)), NOVA)
    text = body["outputConfig"]["textFormat"]
    assert json.loads(text["structure"]["jsonSchema"].pop("schema")) == schema | {"additionalProperties": False}
    assert text == {
        "type": "json_schema",
        "structure": {"jsonSchema": {"name": "reply", "description": "A reply."}},
    }


def test_constraints_of_a_schema_that_the_vendor_refuses_are_left_out_and_named() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}, "additionalProperties": False}
    body, lost = written(Conversation((said(),), form=AnswerForm(schema)), NOVA)
    text = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]
    assert json.loads(text)["properties"] == {"n": {"type": "integer"}}
    assert lost == ("constraints of the JSON schema",)


@pytest.mark.parametrize(
    ("conversation", "members", "lost"),
    [
        (Conversation((), stop=("a", "")), {"inferenceConfig": {"stopSequences": ["a"]}}, ()),
        (Conversation((), service_tier="flex"), {"serviceTier": {"type": "flex"}}, ()),
        (Conversation((), service_tier="auto"), {}, ()),
        (Conversation((), service_tier="scale"), {}, ("service_tier",)),
        (Conversation((), user="u", parallel_tools=False), {}, ("parallel tool calls off", "user")),
        (Conversation((), parallel_tools=True, stream=True), {}, ()),
        (Conversation((Turn(Role.USER, (), "Ann"),)), {}, ("name of a message",)),
    ],
)
def test_the_other_members(conversation: Conversation, members: dict[str, Any], lost: tuple[str, ...]) -> None:
    assert written(conversation, NOVA) == ({"messages": [], **members}, lost)


def test_claude_tells_which_sequence_ended_it() -> None:
    body = body_of(Conversation((said(),), stop=("a",)))
    assert body["additionalModelResponseFieldPaths"] == ["/stop_sequence"]


def test_a_count_is_asked_of_the_same_content() -> None:
    conversation = Conversation((Turn(Role.SYSTEM, (Text("x"),)), *ROUND), tools=(WEATHER,), max_tokens=5)
    whole = body_of(conversation)
    body = json.loads(BedrockCount().write_request(conversation, model=SONNET).body)
    assert body == {"input": {"converse": {name: whole[name] for name in ("messages", "system", "toolConfig")}}}
    assert faults(body, "CountTokens") == ""


hints = st.none() | st.builds(CacheHint, st.none() | st.sampled_from(["5m", "1h", "x"]))
names = st.text("abc_-1", min_size=1, max_size=8)
media = st.builds(
    Media,
    st.sampled_from(MediaKind),
    st.sampled_from(["", "image/png", "application/pdf", "video/mp4", "audio/wav", "x/y"]),
    data=st.sampled_from(["aGk=", "iVBOR"]),
    name=st.none() | st.text(max_size=12),
    cache=hints,
)
texts = st.builds(Text, st.text(max_size=8), hints)
seals = st.none() | st.builds(Seal, st.sampled_from(DialectName), st.text(min_size=1, max_size=8))
parts: st.SearchStrategy[Part] = st.one_of(
    texts,
    media,
    st.builds(Reasoning, st.text(max_size=8), seals, cache=hints),
    st.builds(ToolCall, st.text(min_size=1, max_size=70), names, st.text(max_size=8), seals, hints),
    st.builds(
        ToolResult,
        st.text(min_size=1, max_size=70),
        names,
        st.lists(texts | media, max_size=2).map(tuple),
        st.booleans(),
    ),
    st.builds(Refusal, st.text(max_size=5)),
)
conversations = st.builds(
    Conversation,
    st.lists(st.builds(Turn, st.sampled_from(Role), st.lists(parts, max_size=4).map(tuple)), max_size=6).map(tuple),
    tools=st.lists(st.builds(Tool, names, st.none() | st.text(max_size=5), cache=hints), max_size=2).map(tuple),
    tool_choice=st.none()
    | st.builds(ToolChoice, st.sampled_from(ToolChoiceMode), st.lists(names, max_size=1).map(tuple)),
    max_tokens=st.none() | st.integers(1, 10**6),
    stop=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    thinking=st.none()
    | st.builds(
        Thinking, st.none() | st.sampled_from(["none", "low", "xhigh", "?"]), st.none() | st.integers(-1, 10**5)
    ),
    sampling=st.builds(
        Sampling, st.none() | st.floats(0, 2), st.none() | st.floats(0, 1), st.none() | st.integers(0, 99)
    ),
)


@given(conversations, st.sampled_from([SONNET, OPUS, NEWEST, OLDEST, NOVA, GPT, LLAMA]))
def test_whatever_is_written_is_what_the_vendors_model_allows(conversation: Conversation, model: str) -> None:
    body, _ = written(conversation, model)
    roles = [message["role"] for message in body["messages"]]
    assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
    blocks = [block for message in body["messages"] for block in message["content"]]
    assert all(block["text"].strip() for block in blocks if "text" in block)
    inner = [each for block in blocks if "toolResult" in block for each in block["toolResult"]["content"]]
    found = [block["document"]["name"] for block in [*blocks, *inner] if "document" in block]
    assert len(found) == len(set(found))
    assert ("toolConfig" in body) or not any("toolUse" in block or "toolResult" in block for block in blocks)


@given(conversations)
def test_every_text_of_a_caller_arrives_in_order(conversation: Conversation) -> None:
    body, _ = written(conversation)
    expected = [
        part.text
        for turn in conversation.turns
        for part in turn.parts
        if isinstance(part, Text | Refusal) and part.text.strip() and turn.role is Role.USER
    ]
    ours = {"(continued)", "(see the document)"}
    found = [
        block["text"]
        for message in body["messages"]
        for block in message["content"]
        if message["role"] == "user" and block.get("text", "") not in {"", *ours}
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("data", "blocks", "lost"),
    [
        ("UklGRgAAAABXRUJQVlA4IA==", {"text", "image"}, ()),
        ("UklGRgAAAABXQVZFZm10", {"text"}, ("file of the type application/octet-stream",)),
    ],
)
def test_a_picture_is_told_from_a_sound_by_its_first_bytes(data: str, blocks: set[str], lost: tuple[str, ...]) -> None:
    media = Media(MediaKind.FILE, "application/octet-stream", data=data)
    body, named = written(Conversation((user(Text("hello"), media),)), NOVA)
    assert {name for block in body["messages"][0]["content"] for name in block} == blocks
    assert named == lost


@pytest.mark.parametrize("model", [OPUS, NEWEST])
@pytest.mark.parametrize("count", [False, True])
def test_a_claude_that_takes_no_prefilled_answer_is_asked_to_go_on(model: str, count: bool) -> None:
    conversation = Conversation((said(), assistant(Text("The answer is "))))
    made = (BedrockCount() if count else BedrockConverse()).write_request(conversation, model=model)
    body = json.loads(made.body)
    messages = body["input"]["converse"]["messages"] if count else body["messages"]
    assert messages[1:] == [
        {"role": "assistant", "content": [{"text": "The answer is "}]},
        {"role": "user", "content": [{"text": GO_ON}]},
    ]
    assert made.lost == ("prefilled answer",)


@pytest.mark.parametrize("model", [SONNET, NOVA, LLAMA])
def test_whoever_takes_a_prefilled_answer_goes_on_with_it(model: str) -> None:
    assert messages_of(said(), assistant(Text("The answer is ")), model=model)[1:] == [
        {"role": "assistant", "content": [{"text": "The answer is"}]}
    ]


def test_calls_that_nobody_has_answered_are_no_prefilled_answer() -> None:
    body, lost = written(Conversation((said(), assistant(ToolCall("1", "weather"))), tools=(WEATHER,)), NEWEST)
    assert ([message["role"] for message in body["messages"]], lost) == (["user", "assistant"], ())
