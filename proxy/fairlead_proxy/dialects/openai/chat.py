"""OpenAI's chat completions: the dialect, put together from its parts."""

from collections.abc import Iterable, Mapping

import msgspec

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.dialects.dialect import Headers, ReadRequest, Said, Written, content_type_of, opens_events
from fairlead_proxy.dialects.openai.answer import read_chat_answer
from fairlead_proxy.dialects.openai.completion_reader import read_chat_completion
from fairlead_proxy.dialects.openai.completion_writer import write_chat_completion
from fairlead_proxy.dialects.openai.errors import (
    classify_answer,
    read_vendor_error,
    refuses_stream_options,
    render_openai_error,
)
from fairlead_proxy.dialects.openai.request import read_chat_request, rewrite_chat_request
from fairlead_proxy.dialects.openai.request_writer import write_chat_request
from fairlead_proxy.dialects.openai.stream import OpenAIChatRelay
from fairlead_proxy.dialects.openai.stream_reader import ChatStreamReader, text_bytes_of
from fairlead_proxy.dialects.openai.stream_writer import ChatStreamWriter
from fairlead_proxy.dialects.sse import SseParser
from fairlead_proxy.exchange.conversation import Conversation
from fairlead_proxy.exchange.errors import Answer

PASSED_HEADERS = ("traceparent", "tracestate")
"""What a client may say to a provider beside the body: where its trace goes on, and nothing else.

Not `openai-organization`, `openai-project` or `openai-beta` (they spend or change the platform's account), and not
`idempotency-key` (tenants share the account: one could be answered with what another one asked).
"""


class OpenAIChat:
    """See CallerDialect, ProviderDialect and, for calls whose bytes pass, Passage.

    Source: https://platform.openai.com/docs/api-reference/chat
    """

    name = DialectName.OPENAI_CHAT
    operation = Operation.CHAT

    read_request = staticmethod(read_chat_request)
    rewrite_request = staticmethod(rewrite_chat_request)
    read_answer = staticmethod(read_chat_answer)
    write_completion = staticmethod(write_chat_completion)
    read_completion = staticmethod(read_chat_completion)
    text_bytes_of = staticmethod(text_bytes_of)
    classify = staticmethod(classify_answer)
    refuses_usage = staticmethod(refuses_stream_options)
    render_error = staticmethod(render_openai_error)

    def passed_headers(self, client_headers: Mapping[str, str]) -> Headers:
        if "traceparent" not in client_headers and "tracestate" not in client_headers:
            return ()
        return tuple((name, client_headers[name]) for name in PASSED_HEADERS if name in client_headers)

    def losses(self, request: ReadRequest, *, model: str) -> tuple[str, ...]:
        return ()

    def is_stream(self, status: int, headers: Headers) -> bool:
        """See Passage. A missing content type is taken on trust: the relay finds out before anything is sent."""
        if status == 200 and content_type_of(headers) == "text/event-stream":
            return True
        return opens_events(status, headers)

    def open_relay(self, request: ReadRequest, *, include_usage: bool, now: float) -> OpenAIChatRelay:
        return OpenAIChatRelay(hide_usage=include_usage and not request.wants_usage)

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        return write_chat_request(conversation, model=model)

    def open_parser(self) -> SseParser:
        return SseParser()

    def open_reader(self) -> ChatStreamReader:
        return ChatStreamReader()

    def open_writer(self, request: ReadRequest, *, now: float) -> ChatStreamWriter:
        return ChatStreamWriter(request, now=now)

    def read_refusal(self, body: bytes) -> Said:
        error = read_vendor_error(body)
        return Said("") if error is None else Said(error.message, error.param)

    def render_stream_error(self, answer: Answer) -> bytes:
        """See CallerDialect. The openai SDK raises on `data: {"error": …}`; on a mere end it would stop quietly."""
        return b"data: " + render_openai_error(answer) + b"\n\n"

    def render_models(self, names: Iterable[str]) -> bytes:
        return msgspec.json.encode({"object": "list", "data": [_model(name) for name in names]})

    def render_model(self, name: str) -> bytes:
        return msgspec.json.encode(_model(name))


def _model(name: str) -> dict[str, str | int]:
    """Source: https://platform.openai.com/docs/api-reference/models/object; a virtual model has no date of birth."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "fairlead"}
