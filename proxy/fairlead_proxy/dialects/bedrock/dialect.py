"""Converse and CountTokens of Amazon Bedrock: the sides of the dialect that providers speak."""

from fairlead_proxy.contract.names import DialectName, Operation
from fairlead_proxy.dialects.bedrock.completion_reader import read_completion, read_count
from fairlead_proxy.dialects.bedrock.errors import classify_answer, read_refusal
from fairlead_proxy.dialects.bedrock.event_stream import EventStreamParser
from fairlead_proxy.dialects.bedrock.request_writer import write_converse, write_count
from fairlead_proxy.dialects.bedrock.stream_reader import ConverseReader
from fairlead_proxy.dialects.dialect import Headers, Said, Written, media_type_of
from fairlead_proxy.dialects.sse import Event
from fairlead_proxy.exchange.completion import Completion
from fairlead_proxy.exchange.conversation import Conversation
from fairlead_proxy.exchange.errors import UpstreamFailure

EVENT_STREAM = "application/vnd.amazon.eventstream"


class BedrockConverse:
    """See ProviderDialect."""

    name: DialectName = DialectName.BEDROCK
    operation: Operation = Operation.CHAT

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        return write_converse(conversation, model=model)

    def read_completion(self, body: bytes) -> Completion:
        return read_completion(body)

    def open_parser(self) -> EventStreamParser:
        return EventStreamParser()

    def open_reader(self) -> ConverseReader:
        return ConverseReader()

    def text_bytes_of(self, frame: Event) -> int | None:
        """Every stream of this dialect is read, since no caller speaks it."""
        return None

    def is_stream(self, status: int, headers: Headers) -> bool:
        return status == 200 and media_type_of(headers) == EVENT_STREAM

    def classify(self, status: int, headers: Headers, body: bytes, now: float) -> UpstreamFailure:
        return classify_answer(status, headers, body, now)

    def read_refusal(self, body: bytes) -> Said:
        return read_refusal(body)


class BedrockCount(BedrockConverse):
    """See ProviderDialect. A count never comes as a stream."""

    operation: Operation = Operation.COUNT_TOKENS

    def write_request(self, conversation: Conversation, *, model: str) -> Written:
        return write_count(conversation, model=model)

    def read_completion(self, body: bytes) -> Completion:
        return read_count(body)

    def is_stream(self, status: int, headers: Headers) -> bool:
        return False
