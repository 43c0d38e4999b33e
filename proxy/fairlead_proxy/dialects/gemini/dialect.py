"""Gemini's generateContent and countTokens: both halves of the dialect, put together from their parts."""

import re
from collections.abc import Iterable

import msgspec

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.dialects.dialect import Headers, ReadRequest, opens_events
from fairlead_proxy.dialects.gemini.answer_reader import read_count_answer, read_generate_answer
from fairlead_proxy.dialects.gemini.answer_writer import write_count_answer, write_generate_answer
from fairlead_proxy.dialects.gemini.error_writer import render_google_error
from fairlead_proxy.dialects.gemini.errors import classify_answer, read_refusal
from fairlead_proxy.dialects.gemini.request import read_count_request, read_generate_request
from fairlead_proxy.dialects.gemini.request_writer import write_count_request, write_generate_request
from fairlead_proxy.dialects.gemini.stream_reader import GeminiStreamReader
from fairlead_proxy.dialects.gemini.stream_writer import GeminiStreamWriter
from fairlead_proxy.dialects.sse import MAX_WIDE_BYTES, Event, SseParser
from fairlead_proxy.exchange.conversation import JsonObject
from fairlead_proxy.exchange.errors import Answer

PASSED_HEADERS = ("traceparent", "tracestate")
"""What a client may say to a provider beside the body: where its trace goes on, and nothing else.

Not `x-goog-user-project` (it spends another account's quota) or `x-goog-api-client` (what the client's SDK tells of
itself).
"""

_METHODS = ["generateContent", "streamGenerateContent", "countTokens"]

_TELLING = re.compile(
    rb'"(?:finishReason|functionCall|inlineData|thoughtSignature|thought|usageMetadata|promptFeedback|error'
    rb'|citationMetadata|groundingMetadata)"|"index"\s*:\s*[1-9]'
)
_TEXT = b'"text"'
_TEXT_VALUE = re.compile(rb'"text"\s*+:\s*+"([^"\\]*+(?:\\.[^"\\]*+)*+)"', re.DOTALL)


class GeminiGenerate:
    """See CallerDialect and ProviderDialect. Source: https://ai.google.dev/api/generate-content"""

    name = DialectName.GEMINI
    operation = Operation.CHAT

    read_request = staticmethod(read_generate_request)
    write_completion = staticmethod(write_generate_answer)
    render_error = staticmethod(render_google_error)

    write_request = staticmethod(write_generate_request)
    read_completion = staticmethod(read_generate_answer)
    classify = staticmethod(classify_answer)
    read_refusal = staticmethod(read_refusal)

    def open_writer(self, request: ReadRequest, *, now: float) -> GeminiStreamWriter:
        return GeminiStreamWriter()

    def render_stream_error(self, answer: Answer) -> bytes:
        """See CallerDialect. google-genai raises on a chunk whose first member is `error`, and on no other."""
        return b"data: " + render_google_error(answer) + b"\n\n"

    def render_models(self, names: Iterable[str]) -> bytes:
        return msgspec.json.encode({"models": [_model(name) for name in names]})

    def render_model(self, name: str) -> bytes:
        return msgspec.json.encode(_model(name))

    def open_parser(self) -> SseParser:
        """See ProviderDialect. An image comes whole, in one line."""
        return SseParser(MAX_WIDE_BYTES, MAX_WIDE_BYTES)

    def open_reader(self) -> GeminiStreamReader:
        return GeminiStreamReader()

    def text_bytes_of(self, frame: Event) -> int | None:
        """See ProviderDialect. A chunk that counts is read, since its counts replace those before.

        An escaped quote cannot make one of these words out of a text: the backslash stands before it.
        """
        data = frame.data
        if data is None or not frame.whole or data.count(_TEXT) != 1 or _TELLING.search(data):
            return None
        found = _TEXT_VALUE.search(data)
        return len(found[1]) if found is not None else None

    def is_stream(self, status: int, headers: Headers) -> bool:
        return opens_events(status, headers)


class GeminiCount(GeminiGenerate):
    """The count of a prompt's tokens. Source: https://ai.google.dev/api/tokens. It never comes as a stream."""

    operation = Operation.COUNT_TOKENS

    read_request = staticmethod(read_count_request)
    write_completion = staticmethod(write_count_answer)
    write_request = staticmethod(write_count_request)
    read_completion = staticmethod(read_count_answer)

    def is_stream(self, status: int, headers: Headers) -> bool:
        return False


def _model(name: str) -> JsonObject:
    """Source: https://ai.google.dev/api/models#Model; a virtual model has neither version nor limits to tell."""
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": _METHODS}
