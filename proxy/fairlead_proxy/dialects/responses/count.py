"""The answer of OpenAI's count of input tokens, read and written."""

import msgspec

from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.failures import not_the_answer
from fairlead_proxy.dialects.openai.errors import read_vendor_error
from fairlead_proxy.dialects.responses.failures import failure_of
from fairlead_proxy.dialects.told_json import place_of, told_object
from fairlead_proxy.exchange.completion import Completion
from fairlead_proxy.exchange.usage import Usage


def read_count(body: bytes) -> Completion:
    """Return the count as the usage of an answer without choices; raise UpstreamFailure for what is none.

    Source: https://platform.openai.com/docs/api-reference/responses/input-tokens
    """
    answer = told_object(body)
    tokens = place_of(answer.get("input_tokens"))
    if tokens is not None:
        return Completion("", "", (), Usage(input_tokens=tokens))
    if read_vendor_error(body) is not None:
        raise failure_of(answer.get("error") or answer, "count")
    raise not_the_answer(200, "count")


def write_count(completion: Completion, request: ReadRequest) -> bytes:
    """Return the count as an answer: the provider's, or our estimate."""
    tokens = request.prompt_tokens if completion.usage is None else completion.usage.input_tokens
    return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})
