"""A caller's request is read at a glance for deciding, and whole for translating."""

import json
from typing import Any

import pytest

from fairlead_proxy.contract.names import DialectName, Mode
from fairlead_proxy.dialects.dialect import InvalidCall, ReadRequest
from fairlead_proxy.dialects.gemini.dialect import GeminiCount, GeminiGenerate
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    Conversation,
    Media,
    MediaKind,
    Reasoning,
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
NAMED = Named("smart", Mode.PLAIN)
HELLO: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
STRICTER = "safetySettings, by which Google blocks more"
VIDEO = {"fileUri": "gs://bucket/film.mp4", "mimeType": "video/mp4"}


def read(body: object, named: Named | None = NAMED) -> ReadRequest:
    return DIALECT.read_request(body if isinstance(body, bytes) else json.dumps(body).encode(), named)


def converse(**members: Any) -> Conversation:
    return read({**HELLO, **members}).conversation


def turns_of(*contents: dict[str, Any]) -> tuple[Turn, ...]:
    return read({"contents": list(contents)}).conversation.turns


def test_the_model_and_the_mode_stand_in_the_path() -> None:
    request = read(HELLO, Named("fast", Mode.STREAM))
    assert (request.model, request.mode, request.model_start, request.model_end) == ("fast", Mode.STREAM, 0, 0)
    assert request.wants_usage


def test_a_path_without_a_model_is_refused() -> None:
    with pytest.raises(InvalidCall) as invalid:
        read(HELLO, None)
    assert invalid.value.answer.param == "model"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"[]", None),
        (b'{"contents": "\xff"}', None),
        (b'{"contents": [' + b"[" * 80 + b"]" * 80 + b"]}", None),
        (b'{"contents": [1e999999]', None),
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": None}, "contents"),
        ({"contents": "Hello"}, "contents"),
        ({"contents": 5}, "contents"),
    ],
)
def test_what_is_no_request_is_refused(body: object, param: str | None) -> None:
    with pytest.raises(InvalidCall) as invalid:
        read(body)
    assert invalid.value.answer.param == param


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({"contents": [{"parts": [{"functionResponse": {}}]}]}, {"tools"}),
        ({}, set()),
        ({"tools": [{"functionDeclarations": [{"name": "f"}]}]}, {"tools"}),
        ({"tools": {"function_declarations": [{"name": "f"}]}}, {"tools"}),
        ({"tools": [{"googleSearch": {}}]}, set()),
        ({"generationConfig": {"responseSchema": {"type": "OBJECT"}}}, {"jsonSchema"}),
        ({"generation_config": {"response_json_schema": {"type": "object"}}}, {"jsonSchema"}),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": True}}}, set()),
        ({"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}, {"reasoning"}),
        ({"generation_config": {"thinking_config": {"thinking_level": "low"}}}, {"reasoning"}),
        ({"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}, {"reasoning"}),
        ({"generationConfig": {"thinkingConfig": {}}}, set()),
        ({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}]}]}, {"vision"}),
        ({"contents": [{"parts": {"file_data": {"file_uri": "https://x.example/a.png"}}}]}, {"vision"}),
        ({"contents": [{"parts": [{"inline_data": {"mime_type": "audio/wav", "data": "AA=="}}]}]}, {"audio"}),
        ({"contents": [{"role": "model", "parts": [{"functionCall": {"name": "f"}}]}]}, {"tools"}),
        (
            {
                "contents": {
                    "parts": [
                        {
                            "functionResponse": {
                                "name": "f",
                                "parts": [{"inlineData": {"mimeType": "image/png", "data": "AA=="}}],
                            }
                        }
                    ]
                }
            },
            {"tools", "vision"},
        ),
    ],
)
def test_what_the_model_must_be_able_to_do_is_seen_at_a_glance(members: dict[str, Any], needs: set[str]) -> None:
    request = read({**HELLO, **members})
    assert request.needs == needs
    whole = ReadRequest("smart", Mode.PLAIN, request.body, read_conversation=request.read_conversation)
    assert whole.needs == needs  # as the whole conversation says


@pytest.mark.parametrize(
    ("config", "limit"), [({"maxOutputTokens": 7}, 7), ({"max_output_tokens": "8"}, 8), ({"maxOutputTokens": []}, None)]
)
def test_the_limit_of_tokens_is_read(config: object, limit: int | None) -> None:
    assert read({**HELLO, "generationConfig": config}).max_tokens == limit


def test_text_is_counted_wherever_it_stands() -> None:
    body = {
        "systemInstruction": {"parts": [{"text": "12345678"}]},
        "contents": [{"parts": [{"text": "äöüß"}, {"inlineData": {"mimeType": "image/png", "data": "A" * 400}}]}],
    }
    assert read(body).prompt_tokens == 4


def test_half_a_surrogate_pair_is_read() -> None:
    body = b'{"contents": [{"parts": [{"text": "a\\ud83d b \\ud83d\\ude00"}]}]}'
    assert read(body).conversation.turns == (Turn(Role.USER, (Text("a\ufffd b \U0001f600"),)),)


def test_instructions_come_first() -> None:
    body = {"system_instruction": {"role": "user", "parts": {"text": "Be brief."}}, **HELLO}
    assert read(body).conversation.turns == (
        Turn(Role.SYSTEM, (Text("Be brief."),)),
        Turn(Role.USER, (Text("Hello"),)),
    )


def test_a_call_and_its_result_are_matched_without_ids() -> None:
    turns = turns_of(
        {"parts": [{"text": "Weather?"}]},
        {
            "role": "model",
            "parts": [
                {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "U0lH"},
                {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}},
                {"functionCall": {"name": "time"}},
            ],
        },
        {
            "role": "function",
            "parts": [
                {"functionResponse": {"name": "time", "response": {"output": {"hour": 5}}}},
                {"functionResponse": {"name": "weather", "response": {"sky": "blue", "degrees": 20}}},
                {"functionResponse": {"name": "weather", "response": {"error": "no such city"}}},
            ],
        },
    )
    assert turns[1].parts == (
        ToolCall("call_0", "weather", '{"city":"Rome"}', Seal(DialectName.GEMINI, "U0lH")),
        ToolCall("call_1", "weather", '{"city":"Oslo"}'),
        ToolCall("call_2", "time", "{}"),
    )
    assert turns[2].parts == (
        ToolResult("call_2", "time", (Text('{"hour":5}'),)),
        ToolResult("call_0", "weather", (Text('{"sky":"blue","degrees":20}'),)),
        ToolResult("call_1", "weather", (Text("no such city"),), is_error=True),
    )


def test_ids_that_are_given_are_kept() -> None:
    turns = turns_of(
        {"role": "model", "parts": [{"functionCall": {"id": "call_0", "name": "f"}}, {"functionCall": {"name": "f"}}]},
        {"parts": [{"functionResponse": {"id": "call_0", "name": "f", "response": {"result": "one"}}}]},
        {"parts": [{"functionResponse": {"name": "f", "response": {"result": "two"}}}]},
    )
    assert turns[0].parts == (ToolCall("call_0", "f"), ToolCall("call_1", "f"))
    assert [part.call_id for turn in turns[1:] for part in turn.parts if isinstance(part, ToolResult)] == [
        "call_0",
        "call_1",
    ]


def test_a_streamed_answer_that_comes_back_in_pieces_is_one_turn() -> None:
    turns = turns_of(
        {"parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Let me ", "thought": True}]},
        {"role": "model", "parts": [{"text": "think.", "thought": True}]},
        {"role": "model", "parts": [{"text": "Hel"}]},
        {"role": "model", "parts": [{"text": "lo", "thoughtSignature": "U0lH"}]},
        {"role": "model", "parts": [{"text": ""}]},
    )
    assert turns[1:] == (
        Turn(
            Role.ASSISTANT,
            (Reasoning("Let me think."), Text("Hello"), Reasoning(seal=Seal(DialectName.GEMINI, "U0lH"))),
        ),
    )


def test_the_placeholder_of_a_signature_is_no_seal() -> None:
    call = {"functionCall": {"name": "f"}}
    raw = {**call, "thoughtSignature": "skip_thought_signature_validator"}
    encoded = {**call, "thoughtSignature": "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="}
    (turn,) = turns_of({"role": "model", "parts": [raw, encoded]})
    assert [part.seal for part in turn.parts if isinstance(part, ToolCall)] == [None, None]


def test_media_are_read_and_their_base64_is_made_standard() -> None:
    (turn,) = turns_of(
        {
            "parts": [
                {"inlineData": {"mimeType": "image/png", "data": "_-8"}},
                {"inline_data": {"mime_type": "application/pdf", "data": "AAAA", "display_name": "a.pdf"}},
                {"fileData": {"fileUri": "https://x.example/a.mp3?x=1"}},
                {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://bucket/film"}},
                {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}},
            ]
        }
    )
    assert turn.parts == (
        Media(MediaKind.IMAGE, "image/png", data="/+8="),
        Media(MediaKind.FILE, "application/pdf", data="AAAA", name="a.pdf"),
        Media(MediaKind.AUDIO, "", url="https://x.example/a.mp3?x=1"),
        Media(MediaKind.VIDEO, "video/mp4", file_id="gs://bucket/film", origin=DialectName.GEMINI),
        Media(
            MediaKind.FILE,
            "",
            file_id="https://generativelanguage.googleapis.com/v1beta/files/abc",
            origin=DialectName.GEMINI,
        ),
    )


def test_settings_are_read() -> None:
    conversation = converse(
        generationConfig={
            "temperature": 0.5,
            "topP": "0.25",
            "topK": 40.0,
            "candidateCount": 2,
            "maxOutputTokens": "100",
            "stopSequences": ["END"],
            "seed": 7,
            "presencePenalty": 1,
            "frequencyPenalty": -1,
            "responseLogprobs": True,
            "logprobs": 3,
            "responseModalities": ["TEXT"],
            "thinkingConfig": {"thinkingBudget": 512, "includeThoughts": True},
        }
    )
    assert conversation.sampling == Sampling(0.5, 0.25, 40, 7, -1.0, 1.0, 3)
    assert (conversation.choices, conversation.max_tokens, conversation.stop) == (2, 100, ("END",))
    assert conversation.thinking == Thinking(budget_tokens=512, shown=True)
    assert (conversation.left_out, conversation.bound_to) == ((), ())


@pytest.mark.parametrize(
    ("config", "thinking"),
    [
        ({"thinkingLevel": "HIGH"}, Thinking("high")),
        ({"thinking_level": "minimal", "include_thoughts": False}, Thinking("minimal", shown=False)),
        ({"thinkingBudget": -1}, Thinking(adaptive=True)),
        ({"thinkingBudget": 0}, Thinking(budget_tokens=0)),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, None),
        ({}, None),
    ],
)
def test_thinking_is_read(config: object, thinking: Thinking | None) -> None:
    assert converse(generationConfig={"thinkingConfig": config}).thinking == thinking


def test_a_schema_of_the_vendors_becomes_an_ordinary_one() -> None:
    schema = {
        "type": "OBJECT",
        "property_ordering": ["name"],
        "properties": {
            "name": {"type": "STRING", "nullable": True, "maxLength": "9"},
            "type": {"type": "STRING", "format": "enum", "enum": ["a"]},
            "items": {"type": "ARRAY", "items": {"anyOf": [{"type": "INTEGER"}, {"type": "TYPE_UNSPECIFIED"}]}},
        },
        "required": ["name"],
    }
    conversation = converse(generationConfig={"responseMimeType": "application/json", "responseSchema": schema})
    assert conversation.form == AnswerForm(
        {
            "type": "object",
            "properties": {
                "name": {"type": ["string", "null"], "maxLength": 9},
                "type": {"type": "string", "enum": ["a"]},
                "items": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {}]}},
            },
            "required": ["name"],
        }
    )


def test_a_json_schema_stays_as_it_is() -> None:
    schema = {"type": "object", "properties": {"some_name": {"type": "STRING"}}}
    assert converse(generationConfig={"responseJsonSchema": schema}).form == AnswerForm(schema)
    tools = [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": schema}]}]
    assert converse(tools=tools).tools == (Tool("f", "d", schema),)


def test_json_without_a_schema_is_any_json() -> None:
    assert converse(generationConfig={"responseMimeType": "application/json"}).form == AnswerForm()


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice(ToolChoiceMode.AUTO)),
        ({"mode": "none"}, ToolChoice(ToolChoiceMode.NONE)),
        ({"mode": "ANY"}, ToolChoice(ToolChoiceMode.ANY)),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice(ToolChoiceMode.NAMED, ("f",))),
        ({"mode": "ANY", "allowed_function_names": ["f", "g"]}, ToolChoice(ToolChoiceMode.ANY, ("f", "g"))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice(ToolChoiceMode.AUTO, ("f",))),
        ({}, None),
    ],
)
def test_the_choice_of_tools_is_read(calling: object, choice: ToolChoice | None) -> None:
    assert converse(toolConfig={"functionCallingConfig": calling}).tool_choice == choice


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"tools": [{"googleSearch": {}}]}, "the tool googleSearch, which Google itself runs"),
        ({"tools": [{"code_execution": {}}]}, "the tool codeExecution, which Google itself runs"),
        ({"cachedContent": "cachedContents/1"}, "cachedContent, which Google keeps"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "answers as image"),
        ({"generationConfig": {"speechConfig": {}}}, "generationConfig.speechConfig"),
        ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "answers of the type text/x.enum"),
        (
            {"contents": [{"role": "model", "parts": [{"executableCode": {"code": "1"}}]}]},
            "code that Google itself runs",
        ),
        ({"safetySettings": [{"category": "X", "threshold": "BLOCK_ONLY_HIGH"}]}, STRICTER),
        ({"safety_settings": [{"threshold": "OFF"}, {"threshold": "block_low_and_above"}]}, STRICTER),
        (
            {"modelArmorConfig": {"promptTemplateName": "x"}},
            "modelArmorConfig, by which Google checks prompts and answers",
        ),
        ({"generationConfig": {"audioTimestamp": True}}, "generationConfig.audioTimestamp"),
        (
            {"contents": [{"parts": [{"fileData": VIDEO, "videoMetadata": {"startOffset": "3s"}}]}]},
            "videoMetadata, a piece of a video",
        ),
    ],
)
def test_what_only_the_vendor_can_do_binds_the_call(members: dict[str, Any], words: str) -> None:
    assert converse(**members).bound_to == (words,)


def test_what_has_no_word_is_left_out_by_its_path() -> None:
    conversation = converse(
        contents=[{"parts": [{"text": "a", "video_metadata": {"fps": 1}}, {"text": "b", "videoMetadata": {}}]}],
        safetySettings=[{"category": "X", "threshold": "BLOCK_NONE"}],
        labels={"team": "a"},
        nothing=None,
        generation_config={"media_resolution": "MEDIA_RESOLUTION_LOW"},
    )
    assert conversation.left_out == (
        "contents[].parts[].videoMetadata",
        "generationConfig.mediaResolution",
        "labels",
        "safetySettings",
    )


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": ["x"]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        ({"contents": [{"parts": [{}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]}, "contents[0].parts[0]"),
        ({"contents": [{"parts": [{"inlineData": {"data": "AA"}}]}]}, "contents[0].parts[0].inlineData.mimeType"),
        ({"contents": [{"parts": [{"functionCall": {"name": "f"}}]}]}, "contents[0].parts[0]"),
        (
            {"contents": [{"role": "model", "parts": [{"functionCall": {"args": {}}}]}]},
            "contents[0].parts[0].functionCall.name",
        ),
        ({"systemInstruction": "text"}, "systemInstruction"),
        ({"systemInstruction": {"parts": [{"inlineData": {}}]}}, "systemInstruction.parts[0]"),
        ({"generationConfig": []}, "generationConfig"),
        ({"generationConfig": {"temperature": True}}, "generationConfig.temperature"),
        ({"generationConfig": {"maxOutputTokens": 1.5}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"seed": 2**63}}, "generationConfig.seed"),
        ({"generationConfig": {"topP": 1, "top_p": 1}}, "generationConfig.topP"),
        ({"generationConfig": {"stopSequences": [1]}}, "generationConfig.stopSequences[0]"),
        (
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "MOST"}}},
            "generationConfig.thinkingConfig.thinkingLevel",
        ),
        ({"tools": [{"functionDeclarations": [{"name": ""}]}]}, "tools[0].functionDeclarations[0].name"),
        (
            {"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"items": 5}}]}]},
            "tools[0].functionDeclarations[0].parameters.items",
        ),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
    ],
)
def test_a_mistake_is_named(members: dict[str, Any], param: str) -> None:
    request = read({**HELLO, **members})
    with pytest.raises(InvalidCall) as invalid:
        _ = request.conversation
    assert invalid.value.answer.param == param
    assert param in invalid.value.answer.message


@pytest.mark.parametrize("body", [HELLO, {"generateContentRequest": {"model": "models/smart", **HELLO}}])
def test_a_count_is_asked_for_in_either_form(body: object) -> None:
    request = GeminiCount().read_request(json.dumps(body).encode(), Named("smart", Mode.PLAIN))
    assert request.conversation.turns == (Turn(Role.USER, (Text("Hello"),)),)
    assert request.prompt_tokens == 2


def test_a_count_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidCall):
        GeminiCount().read_request(b'{"generateContentRequest": {"model": "models/smart"}}', NAMED)
