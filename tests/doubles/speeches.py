"""Dialects as callers and providers speak them in tests, and what says whether a stream is one whole answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from anthropic.types import RawMessageStreamEvent
from doubles.gateway_rig import Rig, provider
from doubles.recording_sink import RecordingSink
from google.genai.types import GenerateContentResponse
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from fairlead_proxy.contract.config import Model, Provider
from fairlead_proxy.contract.names import Mode, Operation, ProviderType
from fairlead_proxy.dialects.dialect import CallerDialect
from fairlead_proxy.dialects.registry import ANTHROPIC, GEMINI, OPENAI_CHAT, OPENAI_RESPONSES, provider_dialect
from fairlead_proxy.dialects.sse import SseParser
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.completion import ChoiceEnded, Ended, PartBegan, PartEnded, PartGrew, StreamEvent
from fairlead_proxy.exchange.conversation import Text

NOW = 1_800_000_000.0


@dataclass(frozen=True)
class Speech:
    """A dialect as callers and providers speak it here. `validate`: the vendor's SDK's own type of a frame."""

    dialect: CallerDialect
    type: ProviderType
    operation: Operation
    body: dict[str, Any]
    error: dict[str, Any]
    validate: Callable[[Any], object]

    @property
    def named(self) -> Named | None:
        return Named("smart", Mode.STREAM) if self.dialect is GEMINI else None

    def provider(self, name: str) -> Provider:
        models = (Model(name="m", upstream_name="m-upstream", operations=(self.operation,)),)
        return msgspec.structs.replace(provider(name, type_=self.type), models=models)

    def frames(self, events: list[StreamEvent]) -> list[bytes]:
        """Return an answer in this dialect, a frame each."""
        writer = self.dialect.open_writer(
            self.dialect.read_request(json.dumps(self.body).encode(), self.named), now=NOW
        )
        return [event.raw for event in SseParser().feed(b"".join(map(writer.write, events)))]

    async def ask(self, rig: Rig) -> RecordingSink:
        return await rig.raw_call(json.dumps(self.body).encode(), dialect=self.dialect, named=self.named)

    def error_frame(self) -> bytes:
        name = f"event: {self.error['type']}\n" if "type" in self.error else ""
        return f"{name}data: {json.dumps(self.error)}\n\n".encode()

    def events_of(self, frames: list[bytes]) -> list[StreamEvent]:
        """Return what frames say."""
        reader = provider_dialect(self.dialect.name, Operation.CHAT).open_reader()
        return [event for frame in SseParser().feed(b"".join(frames)) for event in reader.take(frame)]


_MESSAGES: list[dict[str, str]] = [{"role": "user", "content": "tell"}]
CHAT = Speech(
    OPENAI_CHAT,
    ProviderType.OPENAI_COMPATIBLE,
    Operation.CHAT,
    {"model": "smart", "stream": True, "messages": _MESSAGES, "stream_options": {"include_usage": True}},
    {"error": {"message": "overloaded", "code": 503}},
    ChatCompletionChunk.model_validate,
)
RESPONSES = Speech(
    OPENAI_RESPONSES,
    ProviderType.OPENAI,
    Operation.RESPONSES,
    {"model": "smart", "stream": True, "input": "tell"},
    {"type": "error", "code": "server_error", "message": "overloaded", "param": None, "sequence_number": 9},
    TypeAdapter(ResponseStreamEvent).validate_python,
)
MESSAGES = Speech(
    ANTHROPIC,
    ProviderType.ANTHROPIC,
    Operation.CHAT,
    {"model": "smart", "max_tokens": 99, "stream": True, "messages": _MESSAGES},
    {"type": "error", "error": {"type": "overloaded_error", "message": "overloaded"}},
    TypeAdapter(RawMessageStreamEvent).validate_python,
)
GENERATE = Speech(
    GEMINI,
    ProviderType.GEMINI,
    Operation.CHAT,
    {"contents": [{"role": "user", "parts": [{"text": "tell"}]}]},
    {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}},
    GenerateContentResponse.model_validate,
)
SPEECHES = {"chat": CHAT, "responses": RESPONSES, "messages": MESSAGES, "gemini": GENERATE}


def texts_in(events: list[StreamEvent]) -> list[str]:
    """Return the pieces of text; fail where parts overlap, or grow without having begun."""
    open_parts: dict[int, bool] = {}
    found: list[str] = []
    for event in events:
        match event:
            case PartBegan():
                assert not open_parts, "a part begins within another one"
                open_parts[event.index] = isinstance(event.part, Text)
            case PartGrew():
                found += [event.text] if open_parts[event.index] else []
            case PartEnded():
                del open_parts[event.index]
            case _:
                pass
    return found


def check_whole(speech: Speech, caller: RecordingSink, text: str) -> None:
    """Look whether a caller's stream is one whole answer of this text, as its vendor would send it."""
    frames = [frame for frame in SseParser().feed(caller.body) if frame.data not in (None, b"[DONE]")]
    said = [json.loads(frame.data or b"") for frame in frames]
    for each in said:
        speech.validate(each)
    reader = provider_dialect(speech.dialect.name, Operation.CHAT).open_reader()
    events = [event for frame in SseParser().feed(caller.body) for event in reader.take(frame)]
    events += reader.finish()
    assert "".join(texts_in(events)) == text
    assert events[-1] == Ended()
    assert sum(isinstance(event, ChoiceEnded) for event in events) == 1
    _CHECKS[speech.dialect.name](said, text)


def _check_chunks(chunks: list[dict[str, Any]], text: str) -> None:
    assert len({(each["id"], each["created"], each["model"]) for each in chunks}) == 1
    assert sum(bool(each.get("usage")) for each in chunks) == 1


def _check_responses(events: list[dict[str, Any]], text: str) -> None:
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    assert len({each["response"]["id"] for each in events if "response" in each}) == 1
    items: dict[int, str] = {}
    for each in events:
        if each["type"] == "response.output_item.added":
            assert each["output_index"] == len(items)
            items[each["output_index"]] = each["item"]["id"]
        if "item_id" in each:
            assert items[each["output_index"]] == each["item_id"]
    whole = events[-1]["response"]
    assert [item["id"] for item in whole["output"]] == list(items.values())
    assert whole["output"] == [each["item"] for each in events if each["type"] == "response.output_item.done"]
    contents = [part for item in whole["output"] if item["type"] == "message" for part in item["content"]]
    assert "".join(part["text"] for part in contents) == text
    done = [each["type"] for each in events].count("response.output_text.done")
    assert done == [each["type"] for each in events].count("response.content_part.added") == len(contents)


def _check_messages(events: list[dict[str, Any]], text: str) -> None:
    open_blocks: list[int] = []
    begun = 0
    for each in events:
        match each["type"]:
            case "content_block_start":
                assert (each["index"], open_blocks) == (begun, [])
                open_blocks, begun = [begun], begun + 1
            case "content_block_delta":
                assert open_blocks == [each["index"]]
            case "content_block_stop":
                assert open_blocks == [each["index"]]
                open_blocks = []
            case _:
                assert not open_blocks
    assert [each["type"] for each in events].count("message_start") == 1


def _check_generated(chunks: list[dict[str, Any]], text: str) -> None:
    assert len({(each["responseId"], each["modelVersion"]) for each in chunks}) == 1
    assert [each for each in chunks if "finishReason" in each["candidates"][0]] == chunks[-1:]


_CHECKS: dict[str, Callable[[list[dict[str, Any]], str], None]] = {
    OPENAI_CHAT.name: _check_chunks,
    OPENAI_RESPONSES.name: _check_responses,
    ANTHROPIC.name: _check_messages,
    GEMINI.name: _check_generated,
}
