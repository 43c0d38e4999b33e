"""Anthropic's Messages, and the counting of their tokens: the dialect, put together from its parts."""

from collections.abc import Iterable

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.dialects.anthropic.answer import read_count, read_message, write_count, write_message
from fairlead_proxy.dialects.anthropic.errors import (
    classify_answer,
    read_refusal_of,
    render_anthropic_error,
    render_anthropic_stream_error,
)
from fairlead_proxy.dialects.anthropic.model_list import render_listed_model, render_model_list
from fairlead_proxy.dialects.anthropic.request import read_count_request, read_messages_request
from fairlead_proxy.dialects.anthropic.request_writer import write_count_request, write_messages_request
from fairlead_proxy.dialects.anthropic.stream_reader import MessageReader, NoStream, text_bytes_of
from fairlead_proxy.dialects.anthropic.stream_writer import MessageWriter
from fairlead_proxy.dialects.dialect import Headers, ReadRequest, Said, Written, opens_events
from fairlead_proxy.dialects.sse import Event, SseParser
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.completion import Completion
from fairlead_proxy.exchange.conversation import Conversation
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure

PASSED_HEADERS = ("anthropic-beta", "anthropic-version", "traceparent", "tracestate")
"""What a client may say to a provider of the same dialect beside the body: which version of it, and its trace.

Not `anthropic-workspace-id` or any key: they are the platform's.
"""


class _Anthropic:
    """What both operations have in common."""

    name = DialectName.ANTHROPIC

    def render_error(self, answer: Answer) -> bytes:
        return render_anthropic_error(answer)

    def render_stream_error(self, answer: Answer) -> bytes:
        return render_anthropic_stream_error(answer)

    def render_models(self, names: Iterable[str]) -> bytes:
        return render_model_list(names)

    def render_model(self, name: str) -> bytes:
        return render_listed_model(name)

    def open_parser(self) -> SseParser:
        return SseParser()

    def classify(self, status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
        return classify_answer(status, headers, body, now)

    def read_refusal(self, body: bytes) -> Said:
        return read_refusal_of(body)


class AnthropicMessages(_Anthropic):
    """See CallerDialect and ProviderDialect. Source: https://docs.anthropic.com/en/api/messages"""

    operation = Operation.CHAT

    def read_request(self, body: bytes, named: Named | None = None) -> ReadRequest:
        return read_messages_request(body)

    def write_completion(self, completion: Completion, *, request: ReadRequest, now: float) -> bytes:
        return write_message(completion, request=request, now=now)

    def open_writer(self, request: ReadRequest, *, now: float) -> MessageWriter:
        return MessageWriter(request, now=now)

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        return write_messages_request(conversation, model=model)

    def read_completion(self, body: bytes) -> Completion:
        return read_message(body)

    def open_reader(self) -> MessageReader:
        return MessageReader()

    def text_bytes_of(self, frame: Event) -> int | None:
        return text_bytes_of(frame)

    def is_stream(self, status: int, headers: Headers) -> bool:
        return opens_events(status, headers)


class AnthropicCount(_Anthropic):
    """See CallerDialect and ProviderDialect. Its completions have no choices: their usage's input is the count.

    Source: https://docs.anthropic.com/en/api/messages-count-tokens
    """

    operation = Operation.COUNT_TOKENS

    def read_request(self, body: bytes, named: Named | None = None) -> ReadRequest:
        return read_count_request(body)

    def write_completion(self, completion: Completion, *, request: ReadRequest, now: float) -> bytes:
        return write_count(completion, request=request, now=now)

    def open_writer(self, request: ReadRequest, *, now: float) -> NoStream:
        return NoStream()

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        return write_count_request(conversation, model=model)

    def read_completion(self, body: bytes) -> Completion:
        return read_count(body)

    def open_reader(self) -> NoStream:
        return NoStream()

    def text_bytes_of(self, frame: Event) -> int | None:
        return None

    def is_stream(self, status: int, headers: Headers) -> bool:
        return False
