"""The vendors' SDKs as callers, each behind the same few questions: what an application of that vendor does."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from openai.lib.streaming.chat import ChatCompletionStreamState

T = TypeVar("T")

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc0000003010100"
        "18dd8db00000000049454e44ae426082"
    )
).decode()
"""A red PNG of one pixel."""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "integer"}, "city": {"type": "string"}},
    "required": ["answer", "city"],
    "additionalProperties": False,
}
PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "the name of a city"}},
    "required": ["city"],
}
TOOL, TOOL_TEXT = "weather", "Tells the weather of a city."
SYSTEM = "Answer briefly."
_LAST_EVENTS = ("response.completed", "response.incomplete")


@dataclass
class Question:
    """What is asked: a text, and what comes with it."""

    text: str = "say something"
    tools: bool = False
    image: bool = False
    schema: bool = False
    reasoning: bool = False


@dataclass
class Heard:
    """What the SDK made of an answer. `stop` is one of end, length, tools, filtered."""

    text: str = ""
    tools: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    reasoning: str = ""
    stop: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    raw: Any = None


class Caller(Protocol):
    """One conversation. `failures`: what the SDK raises for an error answer."""

    @property
    def failures(self) -> type[Exception]: ...

    def ask(self, question: Question, *, stream: bool) -> Heard: ...

    def give_results(self, heard: Heard, results: list[str], *, stream: bool) -> Heard:
        """Say what the tools that were called returned, one text each, and go on."""
        ...

    def status_of(self, failure: Exception) -> int: ...


def _either(sync: Callable[[], T], later: Callable[[], Awaitable[T]], use_async: bool) -> T:
    async def run() -> T:
        return await later()

    return asyncio.run(run()) if use_async else sync()


class ChatCaller:
    failures = openai.APIError

    def __init__(self, host: str, model: str, *, use_async: bool = False) -> None:
        self._given: dict[str, Any] = {"base_url": f"{host}/v1", "api_key": "key", "max_retries": 0, "timeout": 30}
        self._model, self._async = model, use_async
        self._messages: list[Any] = [{"role": "system", "content": SYSTEM}]
        self._more: dict[str, Any] = {}

    def ask(self, question: Question, *, stream: bool) -> Heard:
        content: Any = question.text
        if question.image:
            url = {"url": f"data:image/png;base64,{PIXEL}"}
            content = [{"type": "text", "text": question.text}, {"type": "image_url", "image_url": url}]
        self._messages.append({"role": "user", "content": content})
        if question.tools:
            function = {"name": TOOL, "description": TOOL_TEXT, "parameters": PARAMETERS}
            self._more["tools"] = [{"type": "function", "function": function}]
        if question.schema:
            form = {"name": "answer", "schema": SCHEMA, "strict": True}
            self._more["response_format"] = {"type": "json_schema", "json_schema": form}
        if question.reasoning:
            self._more["reasoning_effort"] = "high"
        return self._send(stream)

    def give_results(self, heard: Heard, results: list[str], *, stream: bool) -> Heard:
        self._messages.append(_without_parsed(heard.raw.to_dict()))
        for call, result in zip(heard.raw.tool_calls, results, strict=True):
            self._messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return self._send(stream)

    def status_of(self, failure: Exception) -> int:
        return failure.status_code if isinstance(failure, openai.APIStatusError) else 0

    def _send(self, stream: bool) -> Heard:
        given: dict[str, Any] = {"model": self._model, "messages": self._messages, **self._more}
        if stream:
            given["stream_options"] = {"include_usage": True}
        completion = _either(lambda: self._sync(given, stream), lambda: self._later(given, stream), self._async)
        choice, usage = completion.choices[0], completion.usage
        message = choice.message
        stops = {"stop": "end", "length": "length", "tool_calls": "tools", "content_filter": "filtered"}
        return Heard(
            message.content or message.refusal or "",
            [(each.function.name, json.loads(each.function.arguments)) for each in message.tool_calls or []],
            getattr(message, "reasoning_content", None) or "",
            stops[choice.finish_reason],
            usage.prompt_tokens,
            usage.completion_tokens,
            message,
        )

    def _sync(self, given: dict[str, Any], stream: bool) -> Any:
        with openai.OpenAI(**self._given) as client:
            if not stream:
                return client.chat.completions.create(**given)
            state = ChatCompletionStreamState()
            with client.chat.completions.create(stream=True, **given) as chunks:
                for chunk in chunks:
                    state.handle_chunk(chunk)
            return state.current_completion_snapshot

    async def _later(self, given: dict[str, Any], stream: bool) -> Any:
        async with openai.AsyncOpenAI(**self._given) as client:
            if not stream:
                return await client.chat.completions.create(**given)
            state = ChatCompletionStreamState()
            async with await client.chat.completions.create(stream=True, **given) as chunks:
                async for chunk in chunks:
                    state.handle_chunk(chunk)
            return state.current_completion_snapshot


def _without_parsed(value: Any) -> Any:
    """Leave out what the SDK's own accumulation adds to an answer."""
    if isinstance(value, dict):
        return {key: _without_parsed(each) for key, each in value.items() if key not in ("parsed", "parsed_arguments")}
    return [_without_parsed(each) for each in value] if isinstance(value, list) else value


class ResponsesCaller:
    failures = openai.APIError

    def __init__(self, host: str, model: str, *, use_async: bool = False) -> None:
        self._given: dict[str, Any] = {"base_url": f"{host}/v1", "api_key": "key", "max_retries": 0, "timeout": 30}
        self._model, self._async = model, use_async
        self._items: list[Any] = []
        self._more: dict[str, Any] = {"instructions": SYSTEM, "store": False}

    def ask(self, question: Question, *, stream: bool) -> Heard:
        content: list[Any] = [{"type": "input_text", "text": question.text}]
        if question.image:
            content.append({"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"})
        self._items.append({"role": "user", "content": content})
        if question.tools:
            tool = {"name": TOOL, "description": TOOL_TEXT, "parameters": PARAMETERS, "strict": False}
            self._more["tools"] = [{"type": "function", **tool}]
        if question.schema:
            form = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
            self._more["text"] = {"format": form}
        if question.reasoning:
            self._more["reasoning"] = {"effort": "high", "summary": "auto"}
            self._more["include"] = ["reasoning.encrypted_content"]
        return self._send(stream)

    def give_results(self, heard: Heard, results: list[str], *, stream: bool) -> Heard:
        self._items += [item.to_dict() for item in heard.raw.output]
        calls = [item for item in heard.raw.output if item.type == "function_call"]
        for call, result in zip(calls, results, strict=True):
            self._items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
        return self._send(stream)

    def status_of(self, failure: Exception) -> int:
        return failure.status_code if isinstance(failure, openai.APIStatusError) else 0

    def _send(self, stream: bool) -> Heard:
        given: dict[str, Any] = {"model": self._model, "input": self._items, **self._more}
        response = _either(lambda: self._sync(given, stream), lambda: self._later(given, stream), self._async)
        calls = [item for item in response.output if item.type == "function_call"]
        thoughts = [part.text for item in response.output if item.type == "reasoning" for part in item.summary]
        stop = "tools" if calls else "end"
        if response.status == "incomplete":
            stop = {"max_output_tokens": "length", "content_filter": "filtered"}[response.incomplete_details.reason]
        refusals = [
            part.refusal
            for item in response.output
            if item.type == "message"
            for part in item.content
            if part.type == "refusal"
        ]
        return Heard(
            response.output_text or "".join(refusals),
            [(call.name, json.loads(call.arguments)) for call in calls],
            "".join(thoughts),
            stop,
            response.usage.input_tokens,
            response.usage.output_tokens,
            response,
        )

    def _sync(self, given: dict[str, Any], stream: bool) -> Any:
        with openai.OpenAI(**self._given) as client:
            if not stream:
                return client.responses.create(**given)
            with client.responses.create(stream=True, **given) as events:
                return [event for event in events if event.type in _LAST_EVENTS][-1].response

    async def _later(self, given: dict[str, Any], stream: bool) -> Any:
        async with openai.AsyncOpenAI(**self._given) as client:
            if not stream:
                return await client.responses.create(**given)
            async with await client.responses.create(stream=True, **given) as events:
                return [event async for event in events if event.type in _LAST_EVENTS][-1].response


class MessagesCaller:
    failures = anthropic.APIError

    def __init__(self, host: str, model: str, *, use_async: bool = False) -> None:
        self._given: dict[str, Any] = {"base_url": host, "api_key": "key", "max_retries": 0, "timeout": 30}
        self._model, self._async = model, use_async
        self._messages: list[Any] = []
        self._more: dict[str, Any] = {"system": SYSTEM, "max_tokens": 4096}

    def ask(self, question: Question, *, stream: bool) -> Heard:
        content: list[Any] = [{"type": "text", "text": question.text}]
        if question.image:
            source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            content.append({"type": "image", "source": source})
        self._messages.append({"role": "user", "content": content})
        if question.tools:
            self._more["tools"] = [{"name": TOOL, "description": TOOL_TEXT, "input_schema": PARAMETERS}]
        if question.schema:
            self._more["output_config"] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if question.reasoning:
            self._more["thinking"] = {"type": "enabled", "budget_tokens": 2048}
        return self._send(stream)

    def give_results(self, heard: Heard, results: list[str], *, stream: bool) -> Heard:
        self._messages.append({"role": "assistant", "content": [block.to_dict() for block in heard.raw.content]})
        calls = [block for block in heard.raw.content if block.type == "tool_use"]
        answers = [
            {"type": "tool_result", "tool_use_id": call.id, "content": result}
            for call, result in zip(calls, results, strict=True)
        ]
        self._messages.append({"role": "user", "content": answers})
        return self._send(stream)

    def status_of(self, failure: Exception) -> int:
        return failure.status_code if isinstance(failure, anthropic.APIStatusError) else 0

    def _send(self, stream: bool) -> Heard:
        given: dict[str, Any] = {"model": self._model, "messages": self._messages, **self._more}
        message = _either(lambda: self._sync(given, stream), lambda: self._later(given, stream), self._async)
        stops = {"end_turn": "end", "max_tokens": "length", "tool_use": "tools", "refusal": "filtered"}
        usage = message.usage
        cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Heard(
            "".join(block.text for block in message.content if block.type == "text"),
            [(block.name, block.input) for block in message.content if block.type == "tool_use"],
            "".join(block.thinking for block in message.content if block.type == "thinking"),
            stops[message.stop_reason],
            usage.input_tokens + cached,
            usage.output_tokens,
            message,
        )

    def _sync(self, given: dict[str, Any], stream: bool) -> Any:
        with anthropic.Anthropic(**self._given) as client:
            if not stream:
                return client.messages.create(**given)
            with client.messages.stream(**given) as events:
                return events.get_final_message()

    async def _later(self, given: dict[str, Any], stream: bool) -> Any:
        async with anthropic.AsyncAnthropic(**self._given) as client:
            if not stream:
                return await client.messages.create(**given)
            async with client.messages.stream(**given) as events:
                return await events.get_final_message()


class GeminiCaller:
    failures = genai_errors.APIError

    def __init__(self, host: str, model: str, *, use_async: bool = False) -> None:
        self._host, self._model, self._async = host, model, use_async
        self._contents: list[Any] = []
        self._config: dict[str, Any] = {
            "system_instruction": SYSTEM,
            "automatic_function_calling": {"disable": True},
        }

    def ask(self, question: Question, *, stream: bool) -> Heard:
        parts = [genai_types.Part(text=question.text)]
        if question.image:
            parts.append(genai_types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png"))
        self._contents.append(genai_types.Content(role="user", parts=parts))
        if question.tools:
            declaration = {"name": TOOL, "description": TOOL_TEXT, "parameters_json_schema": PARAMETERS}
            self._config["tools"] = [{"function_declarations": [declaration]}]
        if question.schema:
            self._config |= {"response_mime_type": "application/json", "response_json_schema": SCHEMA}
        if question.reasoning:
            self._config["thinking_config"] = {"include_thoughts": True, "thinking_budget": 2048}
        return self._send(stream)

    def give_results(self, heard: Heard, results: list[str], *, stream: bool) -> Heard:
        self._contents.append(heard.raw)
        calls = [part.function_call for part in heard.raw.parts if part.function_call]
        answers = [
            genai_types.Part(
                function_response=genai_types.FunctionResponse(id=call.id, name=call.name, response={"result": result})
            )
            for call, result in zip(calls, results, strict=True)
        ]
        self._contents.append(genai_types.Content(role="user", parts=answers))
        return self._send(stream)

    def status_of(self, failure: Exception) -> int:
        return failure.code if isinstance(failure, genai_errors.APIError) else 0

    def _send(self, stream: bool) -> Heard:
        chunks = _either(lambda: self._sync(stream), lambda: self._later(stream), self._async)
        parts: list[Any] = []
        finish: Any = None
        for chunk in chunks:
            for candidate in chunk.candidates or []:
                parts += (candidate.content.parts if candidate.content else None) or []
                finish = candidate.finish_reason or finish
        usage = chunks[-1].usage_metadata
        calls = [(part.function_call.name, dict(part.function_call.args)) for part in parts if part.function_call]
        stops = {"STOP": "tools" if calls else "end", "MAX_TOKENS": "length"}
        return Heard(
            "".join(part.text for part in parts if part.text and not part.thought),
            calls,
            "".join(part.text for part in parts if part.text and part.thought),
            stops.get(finish.value, "filtered"),
            usage.prompt_token_count or 0,
            (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            genai_types.Content(role="model", parts=parts),
        )

    def _client(self) -> genai.Client:
        options = genai_types.HttpOptions(base_url=self._host, timeout=30_000)
        return genai.Client(api_key="key", http_options=options, vertexai=False)

    def _given(self) -> dict[str, Any]:
        return {"model": self._model, "contents": self._contents, "config": self._config}

    def _sync(self, stream: bool) -> list[Any]:
        client = self._client()
        try:
            if not stream:
                return [client.models.generate_content(**self._given())]
            return list(client.models.generate_content_stream(**self._given()))
        finally:
            client.close()

    async def _later(self, stream: bool) -> list[Any]:
        client = self._client()
        try:
            if not stream:
                return [await client.aio.models.generate_content(**self._given())]
            chunks: AsyncIterator[Any] = await client.aio.models.generate_content_stream(**self._given())
            return [chunk async for chunk in chunks]
        finally:
            await client.aio.aclose()
            client.close()


CALLERS: dict[str, Callable[..., Caller]] = {
    "chat": ChatCaller,
    "responses": ResponsesCaller,
    "messages": MessagesCaller,
    "gemini": GeminiCaller,
}
