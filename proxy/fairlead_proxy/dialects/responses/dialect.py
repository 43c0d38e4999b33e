"""OpenAI's Responses API: its dialects of responses, and of counts of their input, put together from their parts."""

from collections.abc import Iterable

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.dialects.dialect import Headers, InvalidCall, ReadRequest, Said, Written, opens_events
from fairlead_proxy.dialects.failures import malformed
from fairlead_proxy.dialects.openai.chat import OpenAIChat
from fairlead_proxy.dialects.openai.errors import classify_answer, read_vendor_error, render_openai_error
from fairlead_proxy.dialects.responses.answer import read_responses_answer
from fairlead_proxy.dialects.responses.answer_writer import write_responses_answer
from fairlead_proxy.dialects.responses.count import read_count, write_count
from fairlead_proxy.dialects.responses.frames import text_bytes_of
from fairlead_proxy.dialects.responses.request import read_responses_request
from fairlead_proxy.dialects.responses.request_writer import write_count_request, write_responses_request
from fairlead_proxy.dialects.responses.stream_reader import ResponsesStreamReader
from fairlead_proxy.dialects.responses.stream_writer import ResponsesStreamWriter, render_stream_error
from fairlead_proxy.dialects.sse import MAX_WIDE_BYTES, Event, SseParser
from fairlead_proxy.exchange.call import Named
from fairlead_proxy.exchange.completion import Completion
from fairlead_proxy.exchange.conversation import Conversation
from fairlead_proxy.exchange.errors import Answer, UpstreamFailure

_CHAT = OpenAIChat()
"""The list of models is the same for both APIs."""


class OpenAIResponses:
    """See CallerDialect and ProviderDialect. Source: https://platform.openai.com/docs/api-reference/responses"""

    name = DialectName.OPENAI_RESPONSES
    operation = Operation.RESPONSES

    def read_request(self, body: bytes, named: Named | None = None) -> ReadRequest:
        return read_responses_request(body)

    def write_completion(self, completion: Completion, *, request: ReadRequest, now: float) -> bytes:
        return write_responses_answer(completion, request=request, now=now)

    def open_writer(self, request: ReadRequest, *, now: float) -> ResponsesStreamWriter:
        return ResponsesStreamWriter(request, now=now)

    def render_error(self, answer: Answer) -> bytes:
        return render_openai_error(answer)

    def render_stream_error(self, answer: Answer) -> bytes:
        return render_stream_error(answer)

    def render_models(self, names: Iterable[str]) -> bytes:
        return _CHAT.render_models(names)

    def render_model(self, name: str) -> bytes:
        return _CHAT.render_model(name)

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        return write_responses_request(conversation, model=model)

    def read_completion(self, body: bytes) -> Completion:
        return read_responses_answer(body)

    def open_parser(self) -> SseParser:
        """See ProviderDialect. The first events repeat the request, and the last one the whole answer."""
        return SseParser(MAX_WIDE_BYTES, MAX_WIDE_BYTES)

    def open_reader(self) -> ResponsesStreamReader:
        return ResponsesStreamReader()

    def text_bytes_of(self, frame: Event) -> int | None:
        return text_bytes_of(frame)

    def is_stream(self, status: int, headers: Headers) -> bool:
        return opens_events(status, headers)

    def classify(self, status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
        return classify_answer(status, headers, body, now)

    def read_refusal(self, body: bytes) -> Said:
        error = read_vendor_error(body)
        return Said("") if error is None else Said(error.message, error.param)


class OpenAIInputTokens(OpenAIResponses):
    """The same for POST /responses/input_tokens: a request is that of a response, and nothing is streamed.

    Source: https://platform.openai.com/docs/api-reference/responses/input-tokens
    """

    operation = Operation.COUNT_TOKENS

    def read_request(self, body: bytes, named: Named | None = None) -> ReadRequest:
        return read_responses_request(body, streams=False)

    def write_completion(self, completion: Completion, *, request: ReadRequest, now: float) -> bytes:
        return write_count(completion, request)

    def open_writer(self, request: ReadRequest, *, now: float) -> ResponsesStreamWriter:
        raise InvalidCall("a count of tokens is not streamed: leave out 'stream'", "stream")

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        return write_count_request(conversation, model=model)

    def read_completion(self, body: bytes) -> Completion:
        return read_count(body)

    def open_reader(self) -> ResponsesStreamReader:
        raise malformed("a count of tokens came as a stream")

    def is_stream(self, status: int, headers: Headers) -> bool:
        return False
