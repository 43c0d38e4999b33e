"""The vendors' SDKs as callers that note every word they hear, and what they raise in the end.

Their clients are kept, and repeat what an application's would repeat: nobody told them not to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import anthropic
import openai
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

ASKED = "say something"
TIMEOUT_SECONDS = 30

Piece = tuple[str, str]
"""A text, and why the answer ends: `end`, `length`, `filtered`, or nothing yet."""


@dataclass(frozen=True)
class Answered:
    """What an application takes for an answer; without a `stop` it never came to its proper end."""

    text: str
    stop: str


@dataclass(frozen=True)
class Raised:
    """What the SDK raised, after it had handed out `heard`. `words`: all that stands in it and in its response."""

    name: str
    status: int
    code: str
    words: str
    heard: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Sdk(Protocol):
    """`failures`: what it raises for an error answer, and for an error within a stream."""

    failures: type[Exception]

    def pieces(self, model: str, *, stream: bool) -> Iterator[Piece]: ...

    def code_of(self, failure: Any) -> str: ...

    def close(self) -> None: ...


def listen(sdk: Sdk, model: str, *, stream: bool) -> Answered | Raised:
    heard: list[str] = []
    stop = ""
    try:
        for text, stopped in sdk.pieces(model, stream=stream):
            heard.append(text)
            stop = stopped or stop
    except sdk.failures as failure:
        return _raised(sdk, failure, "".join(heard))
    return Answered("".join(heard), stop)


def _raised(sdk: Sdk, failure: Any, heard: str) -> Raised:
    name = f"{type(failure).__module__.split('.')[0].replace('google', 'genai')}.{type(failure).__name__}"
    response: Any = getattr(failure, "response", None)
    words = f"{failure} {getattr(failure, 'body', '')} {getattr(failure, 'details', '')}"
    status = getattr(failure, "status_code", None) or getattr(failure, "code", None)
    headers = dict(getattr(response, "headers", None) or {})
    said = words if heard else f"{words} {response.text}"
    return Raised(name, status if isinstance(status, int) else 0, sdk.code_of(failure), said, heard, headers)


class OpenAISdk:
    failures: type[Exception] = openai.APIError

    def __init__(self, host: str) -> None:
        self._client = openai.OpenAI(base_url=f"{host}/v1", api_key="key", timeout=TIMEOUT_SECONDS)

    def code_of(self, failure: Any) -> str:
        return str(failure.code or failure.type)

    def close(self) -> None:
        self._client.close()


class Chat(OpenAISdk):
    _stops = {"stop": "end", "length": "length", "content_filter": "filtered", None: ""}  # noqa: RUF012

    def pieces(self, model: str, *, stream: bool) -> Iterator[Piece]:
        asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": ASKED}]}
        if not stream:
            choice = self._client.chat.completions.create(**asked).choices[0]
            yield choice.message.content or choice.message.refusal or "", self._stops[choice.finish_reason]
            return
        with self._client.chat.completions.create(stream=True, **asked) as chunks:
            for chunk in chunks:
                for each in chunk.choices:
                    yield each.delta.content or each.delta.refusal or "", self._stops[each.finish_reason]


class Responses(OpenAISdk):
    def pieces(self, model: str, *, stream: bool) -> Iterator[Piece]:
        asked: dict[str, Any] = {"model": model, "input": ASKED, "store": False}
        if not stream:
            response = self._client.responses.create(**asked)
            yield response.output_text, self._stop_of(response)
            return
        with self._client.responses.create(stream=True, **asked) as events:
            for event in events:
                if event.type == "response.output_text.delta":
                    yield event.delta, ""
                elif event.type in ("response.completed", "response.incomplete"):
                    yield "", self._stop_of(event.response)

    def _stop_of(self, response: Any) -> str:
        if response.status == "incomplete":
            return {"max_output_tokens": "length", "content_filter": "filtered"}[response.incomplete_details.reason]
        return "end" if response.status == "completed" else ""


class Messages:
    failures: type[Exception] = anthropic.APIError
    _stops = {"end_turn": "end", "max_tokens": "length", "refusal": "filtered", None: ""}  # noqa: RUF012

    def __init__(self, host: str) -> None:
        self._client = anthropic.Anthropic(base_url=host, api_key="key", timeout=TIMEOUT_SECONDS)

    def pieces(self, model: str, *, stream: bool) -> Iterator[Piece]:
        asked: dict[str, Any] = {
            "model": model,
            "max_tokens": 4096,
            "messages": [{"role": "user", "content": ASKED}],
        }
        if not stream:
            message = self._client.messages.create(**asked)
            text = "".join(block.text for block in message.content if block.type == "text")
            yield text, self._stops[message.stop_reason]
            return
        with self._client.messages.create(stream=True, **asked) as events:
            stop = ""
            for event in events:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    yield event.delta.text, ""
                elif event.type == "message_delta":
                    stop = self._stops[event.delta.stop_reason]
                elif event.type == "message_stop":
                    yield "", stop

    def code_of(self, failure: Any) -> str:
        body = failure.body if isinstance(failure.body, dict) else {}
        return str(body.get("error", {}).get("type"))

    def close(self) -> None:
        self._client.close()


class Gemini:
    failures: type[Exception] = genai_errors.APIError

    def __init__(self, host: str) -> None:
        options = genai_types.HttpOptions(base_url=host, timeout=TIMEOUT_SECONDS * 1000)
        self._client = genai.Client(api_key="key", http_options=options, vertexai=False)

    def pieces(self, model: str, *, stream: bool) -> Iterator[Piece]:
        asked: dict[str, Any] = {"model": model, "contents": ASKED}
        models = self._client.models
        chunks = models.generate_content_stream(**asked) if stream else [models.generate_content(**asked)]
        for chunk in chunks:
            if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason is not None:
                yield "", "filtered"
            for candidate in chunk.candidates or []:
                parts = (candidate.content.parts if candidate.content else None) or []
                text = "".join(part.text or "" for part in parts if not part.thought)
                yield text, self._stop_of(candidate.finish_reason)

    def _stop_of(self, finish: genai_types.FinishReason | None) -> str:
        if finish is None:
            return ""
        return {"STOP": "end", "MAX_TOKENS": "length"}.get(finish.value, "filtered")

    def code_of(self, failure: Any) -> str:
        return str(failure.status)

    def close(self) -> None:
        self._client.close()


def open_sdks(host: str) -> dict[str, Sdk]:
    """Return each SDK, by the name of the dialect that it speaks to us."""
    return {"chat": Chat(host), "responses": Responses(host), "messages": Messages(host), "gemini": Gemini(host)}
