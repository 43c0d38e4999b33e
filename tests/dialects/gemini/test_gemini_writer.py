"""A conversation of any caller's is written as the vendor wants it, and what it has no word for is named."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName
from fairlead_proxy.dialects.gemini.dialect import GeminiCount, GeminiGenerate
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

DIALECT = GeminiGenerate()
OLD, NEW = "gemini-2.5-flash", "gemini-3-flash-preview"
ASKED = Turn(Role.USER, (Text("Hello"),))
OWN, FOREIGN = Seal(DialectName.GEMINI, "U0lH"), Seal(DialectName.ANTHROPIC, "xyz")


def write(*turns: Turn, model: str = OLD, **members: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    written = DIALECT.write_request(Conversation(turns or (ASKED,), **members), model=model)
    body: dict[str, Any] = json.loads(written.body)
    return body, written.lost


def said(*parts: Part, model: str = OLD) -> tuple[list[Any], tuple[str, ...]]:
    body, lost = write(Turn(Role.ASSISTANT, parts), model=model)
    return body["contents"][0]["parts"], lost


def heard(*parts: Part, model: str = OLD) -> tuple[list[Any], tuple[str, ...]]:
    body, lost = write(Turn(Role.USER, parts), model=model)
    return body["contents"][0]["parts"], lost


def test_turns_alternate_and_instructions_stand_apart() -> None:
    body, lost = write(
        Turn(Role.SYSTEM, (Text("One."), Text("Two."))),
        ASKED,
        Turn(Role.USER, (Text("again"),)),
        Turn(Role.ASSISTANT, (Text("Hi"), Refusal("I will not."))),
    )
    assert body == {
        "systemInstruction": {"parts": [{"text": "One."}, {"text": "Two."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hello"}, {"text": "again"}]},
            {"role": "model", "parts": [{"text": "Hi"}, {"text": "I will not."}]},
        ],
    }
    assert lost == ()


def test_a_late_instruction_moves_and_that_is_named() -> None:
    body, lost = write(ASKED, Turn(Role.DEVELOPER, (Text("Be brief."),)))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert lost == ("position of a system message",)


def test_instructions_alone_are_said_by_the_user() -> None:
    body, lost = write(Turn(Role.SYSTEM, (Text("Write a poem."),)))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Write a poem."}]}]}
    assert lost == ("role of a system message",)


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("c", "f", (Text("sunny"),)), {"result": "sunny"}),
        (ToolResult("c", "f", (Text('{"a": 1, "b": [2]}'),)), {"a": 1, "b": [2]}),
        (ToolResult("c", "f", (Text('{"result": "x"}'),)), {"result": '{"result": "x"}'}),
        (ToolResult("c", "f", (Text("[1]"),)), {"result": "[1]"}),
        (ToolResult("c", "f", ()), {"result": ""}),
        (ToolResult("c", "f", (Text("a"), Text("b"))), {"result": "a\n\nb"}),
        (ToolResult("c", "f", (Text('{"a": 1}'),), is_error=True), {"error": '{"a": 1}'}),
    ],
)
def test_a_result_is_an_object(result: ToolResult, response: object) -> None:
    assert heard(result) == ([{"functionResponse": {"name": "f", "response": response}}], ())


def test_a_result_without_a_name_takes_that_of_its_call() -> None:
    body, _ = write(
        ASKED,
        Turn(Role.ASSISTANT, (ToolCall("c", "weather", '{"city": "Rome"}'),)),
        Turn(Role.USER, (ToolResult("c", "", (Text("sunny"),)),)),
    )
    assert body["contents"][1]["parts"] == [{"functionCall": {"name": "weather", "args": {"city": "Rome"}}}]
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == "weather"


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        (
            NEW,
            [
                {
                    "functionResponse": {
                        "name": "f",
                        "response": {"result": "see"},
                        "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
                    }
                },
                {"functionResponse": {"name": "g", "response": {"result": "x"}}},
            ],
        ),
        (
            OLD,
            [
                {"functionResponse": {"name": "f", "response": {"result": "see"}}},
                {"functionResponse": {"name": "g", "response": {"result": "x"}}},
                {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            ],
        ),
    ],
)
def test_media_in_a_result_stand_where_the_model_reads_them(model: str, parts: list[Any]) -> None:
    image = Media(MediaKind.IMAGE, "image/png", data="AA==")
    first = ToolResult("c", "f", (Text("see"), image))
    assert heard(first, ToolResult("d", "g", (Text("x"),)), model=model) == (parts, ())


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (
            Media(MediaKind.IMAGE, url="https://x.example/a.PNG?size=1"),
            {"fileData": {"mimeType": "image/png", "fileUri": "https://x.example/a.PNG?size=1"}},
        ),
        (
            Media(MediaKind.IMAGE, url="https://x.example/a"),
            {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.example/a"}},
        ),
        (
            Media(MediaKind.FILE, "application/pdf", data="AA=="),
            {"inlineData": {"mimeType": "application/pdf", "data": "AA=="}},
        ),
        (
            Media(MediaKind.VIDEO, "video/mp4", file_id="gs://b/f", origin=DialectName.GEMINI),
            {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/f"}},
        ),
    ],
)
def test_media_are_written(media: Media, part: object) -> None:
    assert heard(media) == ([part], ())


def test_what_media_lose_is_named() -> None:
    kept = Media(MediaKind.FILE, file_id="file-1", origin=DialectName.OPENAI_CHAT)
    named = Media(MediaKind.IMAGE, "image/png", data="AA==", name="a.png", detail="high", cache=CacheHint())
    assert heard(kept, named)[1] == (
        "cache hint",
        "detail of an image",
        "files kept at the provider (openai-chat)",
        "name of a file",
    )


def test_own_seals_go_back_where_they_stood() -> None:
    parts, lost = said(
        Reasoning("Hm."), Text("Hi"), Reasoning(seal=OWN), ToolCall("c", "f", "{}", OWN), Reasoning(seal=OWN)
    )
    assert parts == [
        {"text": "Hm.", "thought": True},
        {"text": "Hi", "thoughtSignature": "U0lH"},
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "U0lH"},
        {"text": "", "thoughtSignature": "U0lH"},
    ]
    assert lost == ()


def test_foreign_seals_are_left_out_and_named() -> None:
    parts, lost = said(Reasoning("Hm.", FOREIGN), ToolCall("c", "f", "{}", FOREIGN))
    assert parts == [{"functionCall": {"name": "f", "args": {}}}]
    assert lost == ("reasoning of another provider", "signature of a tool call of another provider")


@pytest.mark.parametrize(
    ("model", "signatures"),
    [
        ("gemini-2.5-pro", [None, None]),
        ("gemini-3-pro-preview", ["skip_thought_signature_validator", None]),
        ("publishers/google/models/gemini-3.1-flash", ["skip_thought_signature_validator", None]),
        ("gemini-10-pro", ["skip_thought_signature_validator", None]),
        ("gemma-3-27b", [None, None]),
    ],
)
def test_from_the_third_generation_on_the_first_call_is_signed(model: str, signatures: list[str | None]) -> None:
    parts, _ = said(Text("Hi"), ToolCall("c", "f"), ToolCall("d", "f"), model=model)
    assert [part.get("thoughtSignature") for part in parts[1:]] == signatures


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), ('{"a": 1}', {"a": 1}), ("[1]", {"arguments": "[1]"}), ('{"a": ', {"arguments": '{"a": '})],
)
def test_arguments_are_an_object(arguments: str, args: object) -> None:
    assert said(ToolCall("c", "f", arguments))[0][0]["functionCall"]["args"] == args


def test_tools_and_their_choice_are_written() -> None:
    tool = Tool("f", "d", {"type": "object"}, strict=True, cache=CacheHint())
    body, lost = write(tools=(tool,), tool_choice=ToolChoice(ToolChoiceMode.ANY), parallel_tools=False)
    assert body["tools"] == [
        {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}
    ]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert lost == ("cache hint", "parallel tool calls off", "strict tool")


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice(ToolChoiceMode.AUTO), {"mode": "AUTO"}),
        (ToolChoice(ToolChoiceMode.NONE), {"mode": "NONE"}),
        (ToolChoice(ToolChoiceMode.NAMED, ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice(ToolChoiceMode.AUTO, ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_every_choice_of_tools_has_a_mode(choice: ToolChoice, calling: object) -> None:
    body, _ = write(tools=(Tool("f"),), tool_choice=choice)
    assert body["toolConfig"] == {"functionCallingConfig": calling}


def test_settings_are_written() -> None:
    body, lost = write(
        max_tokens=9,
        stop=("a", "b"),
        choices=2,
        sampling=Sampling(0.5, 0.25, 40, 7, -1.0, 1.0, 0),
        form=AnswerForm({"type": "object"}, "name"),
    )
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "seed": 7,
        "topP": 0.25,
        "topK": 40,
        "frequencyPenalty": -1.0,
        "presencePenalty": 1.0,
        "responseLogprobs": True,
        "maxOutputTokens": 9,
        "stopSequences": ["a", "b"],
        "candidateCount": 2,
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
    }
    assert lost == ()


def test_what_goes_beyond_the_vendors_bounds_is_named() -> None:
    body, lost = write(
        Turn(Role.USER, (Text("Hi", CacheHint()),), name="Ann"),
        stop=tuple("abcdef"),
        sampling=Sampling(temperature=3.0, seed=2**40, logprobs=50),
        user="u",
        service_tier="flex",
        form=AnswerForm(description="d"),
    )
    assert body["generationConfig"] == {
        "temperature": 2.0,
        "responseLogprobs": True,
        "logprobs": 20,
        "stopSequences": list("abcde"),
        "responseMimeType": "application/json",
    }
    assert lost == (
        "alternatives of each token beyond 20",
        "cache hint",
        "description of the JSON schema",
        "name of a message",
        "seed",
        "service_tier",
        "stop sequences beyond 5",
        "temperature above 2",
        "user",
    )


@pytest.mark.parametrize(
    ("model", "thinking", "config", "lost"),
    [
        (OLD, Thinking("none"), {"thinkingBudget": 0}, ()),
        (OLD, Thinking("low"), {"thinkingBudget": 1024, "includeThoughts": True}, ()),
        (OLD, Thinking("medium"), {"thinkingBudget": 8192, "includeThoughts": True}, ()),
        (OLD, Thinking("high", shown=False), {"thinkingBudget": 24576, "includeThoughts": False}, ()),
        (
            OLD,
            Thinking("xhigh"),
            {"thinkingBudget": 24576, "includeThoughts": True},
            ("reasoning effort above high",),
        ),
        (OLD, Thinking(adaptive=True), {"thinkingBudget": -1, "includeThoughts": True}, ()),
        (
            OLD,
            Thinking(budget_tokens=30000),
            {"thinkingBudget": 24576, "includeThoughts": True},
            ("budget of reasoning tokens above 24576",),
        ),
        ("gemini-2.5-pro", Thinking("none"), {"thinkingBudget": 128}, ("reasoning off",)),
        ("gemini-2.5-flash-lite", Thinking(budget_tokens=9), {"thinkingBudget": 512, "includeThoughts": True}, ()),
        ("tuned", Thinking(budget_tokens=9), {"thinkingBudget": 9, "includeThoughts": True}, ()),
        (NEW, Thinking("minimal"), {"thinkingLevel": "MINIMAL", "includeThoughts": True}, ()),
        (NEW, Thinking("none"), {"thinkingLevel": "MINIMAL"}, ("reasoning off",)),
        (NEW, Thinking(budget_tokens=0), {"thinkingLevel": "MINIMAL"}, ("reasoning off",)),
        (
            NEW,
            Thinking(budget_tokens=8000),
            {"thinkingLevel": "MEDIUM", "includeThoughts": True},
            ("budget of reasoning tokens",),
        ),
        (NEW, Thinking("max"), {"thinkingLevel": "HIGH", "includeThoughts": True}, ("reasoning effort above high",)),
        ("gemini-3-pro-preview", Thinking("medium"), {"thinkingLevel": "HIGH", "includeThoughts": True}, ()),
        ("gemini-3.1-pro", Thinking("minimal"), {"thinkingLevel": "LOW", "includeThoughts": True}, ()),
        (NEW, Thinking(adaptive=True), {"includeThoughts": True}, ()),
    ],
)
def test_thinking_is_asked_for_as_the_model_has_it(
    model: str, thinking: Thinking, config: object, lost: tuple[str, ...]
) -> None:
    body, told = write(model=model, thinking=thinking)
    assert (body["generationConfig"]["thinkingConfig"], told) == (config, lost)


def test_a_count_takes_instructions_and_tools_as_texts() -> None:
    conversation = Conversation((Turn(Role.SYSTEM, (Text("Be brief."),)), ASKED), tools=(Tool("f"),), max_tokens=5)
    written = GeminiCount().write_request(conversation, model=OLD)
    assert json.loads(written.body) == {
        "contents": [
            {"role": "user", "parts": [{"text": "Be brief."}, {"text": '[{"name":"f"}]'}]},
            {"role": "user", "parts": [{"text": "Hello"}]},
        ]
    }
    assert written.lost == ()


def test_citations_of_an_earlier_answer_are_left_out_and_named() -> None:
    assert said(Text("It is.", citations=(Citation("https://example.com"),))) == ([{"text": "It is."}], ("citations",))
