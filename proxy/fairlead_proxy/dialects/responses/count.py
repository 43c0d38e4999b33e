"""The answer of OpenAI's count of input tokens, read and written."""

import msgspec

from fairlead_proxy.dialects.dialect import ReadRequest
from fairlead_proxy.dialects.openai.errors import read_vendor_error
from fairlead_proxy.dialects.responses.failures import failure_of, malformed
from fairlead_proxy.dialects.responses.json_values import decode_json
from fairlead_proxy.exchange.completion import Completion
from fairlead_proxy.exchange.usage import Usage


def read_count(body: bytes) -> Completion:
    """Return the count as the usage of an answer without choices; raise UpstreamFailure for what is none.

    Source: https://platform.openai.com/docs/api-reference/responses/input-tokens
    """
    try:
        answer = decode_json(body)
    except ValueError:
        raise malformed("status 200, but not JSON") from None
    tokens = answer.get("input_tokens") if isinstance(answer, dict) else None
    if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0:
        return Completion("", "", (), Usage(input_tokens=tokens))
    if read_vendor_error(body) is not None:
        raise failure_of(answer.get("error") or answer, "count")
    raise malformed("status 200, but no count of input tokens")


def write_count(completion: Completion, request: ReadRequest) -> bytes:
    """Return the count as an answer: the provider's, or our estimate."""
    tokens = request.prompt_tokens if completion.usage is None else completion.usage.input_tokens
    return msgspec.json.encode({"object": "response.input_tokens", "input_tokens": tokens})
