"""Google's own SDK reads what we write, and we read what it writes."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from fairlead_proxy.contract.names import DialectName, Mode
from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.gemini.dialect import GeminiCount, GeminiGenerate
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.completion import (
    Began,
    Choice,
    ChoiceEnded,
    Completion,
    Ended,
    PartBegan,
    PartEnded,
    PartGrew,
    Stop,
    StreamEvent,
    TokenChance,
    UsageTold,
)
from fairlead_proxy.exchange.conversation import (
    AnswerForm,
    Citation,
    Conversation,
    Media,
    MediaKind,
    Reasoning,
    Role,
    Seal,
    Text,
    ToolCall,
    ToolResult,
)
from fairlead_proxy.exchange.errors import Answer
from fairlead_proxy.exchange.usage import Usage

DIALECT, COUNT = GeminiGenerate(), GeminiCount()
ASKED = ReadRequest("smart", Mode.PLAIN, b"{}")
FOREIGN = Seal(DialectName.ANTHROPIC, "xyz")
ROME = '{"city":"Rome"}'


class Server:
    """Answers every request with one body, and keeps what it was asked."""

    def __init__(self, body: bytes, status: int = 200, content_type: str = "application/json") -> None:
        self._answer = (status, {"content-type": content_type}, body)
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.content)
        status, headers, body = self._answer
        return httpx.Response(status, headers=headers, content=body)

    def conversation(self, index: int = -1) -> Conversation:
        return DIALECT.read_request(self.bodies[index], Named("smart", Mode.PLAIN)).conversation


@contextmanager
def client_of(server: Server) -> Iterator[genai.Client]:
    with httpx.Client(transport=httpx.MockTransport(server)) as transport:
        options = types.HttpOptions(httpx_client=transport, base_url="http://proxy.example")
        with genai.Client(api_key="key", http_options=options) as client:
            yield client


@asynccontextmanager
async def async_client_of(server: Server) -> AsyncIterator[genai.client.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as transport:
        options = types.HttpOptions(httpx_async_client=transport, base_url="http://proxy.example")
        async with genai.Client(api_key="key", http_options=options).aio as client:
            yield client


def plain(*choices: Choice, usage: Usage | None = None) -> Server:
    return Server(DIALECT.write_completion(Completion("abc", "m", choices, usage), request=ASKED, now=0.0))


def stream(*events: StreamEvent, tail: bytes = b"") -> Server:
    writer = DIALECT.open_writer(ASKED, now=0.0)
    written = b"".join(writer.write(event) for event in events)
    return Server(written + tail, content_type="text/event-stream")


STREAMED: tuple[StreamEvent, ...] = (
    Began("abc", "m"),
    PartBegan(0, Reasoning()),
    PartGrew(0, "Let me "),
    PartGrew(0, "think."),
    PartGrew(0, seal=FOREIGN),
    PartEnded(0),
    PartBegan(1, Text("")),
    PartGrew(1, "Hel"),
    PartGrew(1, "lo"),
    PartEnded(1),
    PartBegan(2, ToolCall("toolu_1", "weather", "")),
    PartGrew(2, '{"city":'),
    PartGrew(2, '"Rome"}', seal=FOREIGN),
    PartEnded(2),
    UsageTold(Usage(10, 8, 4, 0, 3)),
    ChoiceEnded(Stop.TOOL_CALLS),
    Ended(),
)


def test_the_sdk_reads_an_answer() -> None:
    text = Text("ä b", citations=(Citation("https://a.example", "A", None, 2, 3),))
    choice = Choice(
        (Reasoning("Hm.", FOREIGN), text, Media(MediaKind.IMAGE, "image/png", data="/+8="), ToolCall("c", "f", ROME)),
        Stop.TOOL_CALLS,
        chances=(TokenChance("ä", -0.5, (("ä", -0.5),)),),
    )
    with client_of(plain(choice, usage=Usage(10, 8, 4, 0, 3))) as client:
        answer = client.models.generate_content(model="smart", contents="Hello")
    assert answer.candidates is not None
    (told,) = answer.candidates
    assert told.content is not None
    assert told.content.parts is not None
    thought, said, image, call = told.content.parts
    assert (thought.text, thought.thought, said.text) == ("Hm.", True, "ä b")
    assert image.inline_data is not None
    assert image.inline_data.data == b"\xff\xef"
    assert call.function_call == types.FunctionCall(id="c", name="f", args={"city": "Rome"})
    assert told.finish_reason is types.FinishReason.STOP
    assert told.citation_metadata is not None
    assert told.citation_metadata.citations == [
        types.Citation(start_index=3, end_index=4, uri="https://a.example", title="A")
    ]
    assert told.logprobs_result is not None
    assert answer.usage_metadata == types.GenerateContentResponseUsageMetadata(
        prompt_token_count=10,
        candidates_token_count=5,
        thoughts_token_count=3,
        cached_content_token_count=4,
        total_token_count=18,
    )
    assert (answer.response_id, answer.model_version) == ("abc", "m")


def test_the_sdk_reads_a_stream() -> None:
    with client_of(stream(*STREAMED)) as client:
        chunks = list(client.models.generate_content_stream(model="smart", contents="Hello"))
    assert "".join(chunk.text or "" for chunk in chunks) == "Hello"
    assert [call.args for chunk in chunks for call in chunk.function_calls or ()] == [{"city": "Rome"}]
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.total_token_count == 18
    assert [chunk.candidates[0].finish_reason for chunk in chunks if chunk.candidates][-1] == "STOP"


def weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


CONFIG = types.GenerateContentConfig(
    system_instruction="Be brief.",
    tools=[weather],
    automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.LOW, include_thoughts=True),
)


def test_a_streamed_chat_comes_back_with_its_seals() -> None:
    server = stream(*STREAMED)
    with client_of(server) as client:
        chat = client.chats.create(model="smart", config=CONFIG)
        list(chat.send_message_stream("Weather in Rome?"))
        result = types.Part.from_function_response(name="weather", response={"result": "sunny"})
        list(chat.send_message_stream(result))
    conversation = server.conversation()
    assert [turn.role for turn in conversation.turns] == [Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER]
    assert conversation.turns[2].parts == (
        Reasoning("Let me think.", FOREIGN),
        Text("Hello"),
        ToolCall("toolu_1", "weather", ROME, FOREIGN),
    )
    assert conversation.turns[3].parts == (ToolResult("toolu_1", "weather", (Text("sunny"),)),)
    (tool,) = conversation.tools
    assert (tool.name, tool.description) == ("weather", "Tell the weather.")
    assert tool.parameters is not None
    assert tool.parameters["properties"] == {"city": {"type": "string"}}
    assert conversation.thinking is not None
    assert (conversation.thinking.effort, conversation.thinking.shown) == ("low", True)
    assert conversation.left_out == ("tools[].functionDeclarations[].responseJsonSchema",)
    assert conversation.bound_to == ()


def test_a_plain_chat_comes_back_with_the_vendors_own_signature() -> None:
    own = Seal(DialectName.GEMINI, "/+/+")
    server = plain(Choice((Text("Hi"), Reasoning(seal=own), ToolCall("c", "f", "{}", own)), Stop.TOOL_CALLS))
    with client_of(server) as client:
        chat = client.chats.create(model="smart")
        chat.send_message("Hello")
        chat.send_message("and now?")
    again = Seal(DialectName.GEMINI, "_-_-")  # the same bytes, in the alphabet for URLs, which the vendor takes too
    assert server.conversation().turns[1].parts == (Text("Hi"), Reasoning(seal=again), ToolCall("c", "f", "{}", again))


@pytest.mark.parametrize(
    "config",
    [
        {"response_json_schema": {"type": "object", "properties": {"a": {"type": "integer"}}}},
        {"response_schema": {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}}},
    ],
)
def test_json_is_asked_for_and_parsed(config: dict[str, Any]) -> None:
    server = plain(Choice((Text('{"a": 1}'),)))
    with client_of(server) as client:
        answer = client.models.generate_content(
            model="smart",
            contents="Hello",
            config=types.GenerateContentConfig(response_mime_type="application/json", **config),
        )
    assert answer.parsed == {"a": 1}
    assert server.conversation().form == AnswerForm({"type": "object", "properties": {"a": {"type": "integer"}}})


def test_an_image_of_the_sdks_is_read_as_standard_base64() -> None:
    server = plain(Choice((Text("a cat"),)))
    with client_of(server) as client:
        client.models.generate_content(
            model="smart", contents=[types.Part.from_bytes(data=b"\xff\xef", mime_type="image/png"), "What is it?"]
        )
    (turn,) = server.conversation().turns
    assert turn.parts == (Media(MediaKind.IMAGE, "image/png", data="/+8="), Text("What is it?"))


def test_the_sdk_raises_on_our_errors() -> None:
    with (
        client_of(Server(DIALECT.render_error(Answer(404, "model_not_found", "no model")), 404)) as client,
        pytest.raises(errors.ClientError) as raised,
    ):
        client.models.generate_content(model="smart", contents="Hello")
    assert (raised.value.code, raised.value.status, raised.value.message) == (404, "NOT_FOUND", "no model")


def test_the_sdk_raises_on_an_error_in_a_stream() -> None:
    broken = stream(*STREAMED[:8], tail=DIALECT.render_stream_error(Answer(502, "upstream_failed", "broke off")))
    seen: list[str] = []
    with client_of(broken) as client:
        chunks = client.models.generate_content_stream(model="smart", contents="Hello")
        with pytest.raises(errors.ServerError) as raised:
            seen.extend(chunk.text or "" for chunk in chunks)
    assert "".join(seen) == "Hel"
    assert (raised.value.code, raised.value.message) == (502, "broke off")


async def test_the_async_sdk_raises_on_an_error_in_a_stream() -> None:
    broken = stream(*STREAMED[:8], tail=DIALECT.render_stream_error(Answer(502, "upstream_failed", "broke off")))
    async with async_client_of(broken) as client:
        with pytest.raises(errors.ServerError) as raised:
            async for _ in await client.models.generate_content_stream(model="smart", contents="Hello"):
                pass
    assert (raised.value.code, raised.value.message) == (502, "broke off")


async def test_the_async_sdk_reads_a_stream() -> None:
    async with async_client_of(stream(*STREAMED)) as client:
        chunks = [chunk async for chunk in await client.models.generate_content_stream(model="smart", contents="Hi")]
    assert "".join(chunk.text or "" for chunk in chunks) == "Hello"


def test_the_sdk_counts() -> None:
    server = Server(COUNT.write_completion(Completion("", "", (), Usage(7)), request=ASKED, now=0.0))
    with client_of(server) as client:
        assert client.models.count_tokens(model="smart", contents="Hello").total_tokens == 7
    asked = COUNT.read_request(server.bodies[0], Named("smart", Mode.PLAIN))
    assert asked.conversation.turns[0].parts == (Text("Hello"),)


def test_the_sdk_lists_our_models() -> None:
    with client_of(Server(DIALECT.render_models(["smart"]))) as client:
        assert [model.name for model in client.models.list()] == ["models/smart"]
    with client_of(Server(DIALECT.render_model("smart"))) as client:
        assert client.models.get(model="smart").display_name == "smart"


def test_what_we_write_for_a_provider_is_what_the_sdk_would_write() -> None:
    """The SDK's types refuse members that are not known."""
    server = plain(Choice((Text("x"),)))
    with client_of(server) as client:
        chat = client.chats.create(model="smart", config=CONFIG)
        chat.send_message("Hello")
    written = DIALECT.write_request(server.conversation(), model="gemini-3-flash")
    body = json.loads(written.body)
    assert written.lost == ()
    assert [types.Content.model_validate(content).role for content in body["contents"]] == ["user"]
    types.Content.model_validate(body["systemInstruction"])
    types.GenerationConfig.model_validate(body["generationConfig"])
    assert [types.Tool.model_validate(tool).function_declarations is not None for tool in body["tools"]] == [True]
