"""What the scripted provider says in Amazon Bedrock's Converse API.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html and ..._ConverseStream.html
"""

import json
from collections.abc import Iterator
from typing import Any

from doubles.scripted.event_stream import CONTENT_TYPE, event, exception, prelude
from doubles.scripted.seals import sign
from doubles.scripted.turn import Form, Frame, Part, Speaker, Stop

DIALECT = "bedrock-converse"
STOP = {Stop.END: "end_turn", Stop.CALLS: "tool_use", Stop.LENGTH: "max_tokens", Stop.REFUSED: "content_filtered"}
TYPES = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
"""Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_Errors"""


class Bedrock(Speaker):
    @property
    def stream_type(self) -> str:
        return CONTENT_TYPE

    @staticmethod
    def error(status: int, error: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """`type` in `error` names the exception; the rest is the body's."""
        said = {"message": f"scripted {status}"} | {name: value for name, value in error.items() if name != "type"}
        kind = error.get("type", TYPES.get(status, "InternalServerException"))
        documented = "http://internal.amazon.com/coral/com.amazon.bedrock/"
        return {"x-amzn-errortype": f"{kind}:{documented}"}, json.dumps(said).encode()

    @staticmethod
    def count(tokens: int) -> bytes:
        return json.dumps({"inputTokens": tokens}).encode()

    def whole(self) -> bytes:
        message = {"role": "assistant", "content": [_block(part) for part in self.turn.parts]}
        told = {"stopReason": STOP[self.turn.stop], "metrics": {"latencyMs": 1}}
        return json.dumps({"output": {"message": message}} | told | self._usage()).encode()

    def frames(self) -> Iterator[Frame]:
        yield Frame(event("messageStart", {"role": "assistant"}))
        for index, part in enumerate(self.turn.parts):
            place = {"contentBlockIndex": index}
            if part.form is Form.CALL:
                start = {"toolUse": {"toolUseId": f"tooluse_scripted_{part.number}", "name": part.name}}
                yield Frame(event("contentBlockStart", {"start": start} | place), 1)
            for piece in part.pieces:
                delta = event("contentBlockDelta", {"delta": _grown(part, piece)} | place)
                yield Frame(delta, 1, part.form is Form.THOUGHT)
            if part.form is Form.THOUGHT:
                sealed = {"reasoningContent": {"signature": sign(DIALECT, part.whole)}}
                yield Frame(event("contentBlockDelta", {"delta": sealed} | place))
            yield Frame(event("contentBlockStop", place))

    def end(self, *, done: bool = True) -> Iterator[bytes]:
        yield event("messageStop", {"stopReason": STOP[self.turn.stop]})
        if done:
            self.bill.reported = self.turn.tells_usage
            yield event("metadata", self._usage() | {"metrics": {"latencyMs": 1}})

    def error_frame(self, status: int, error: dict[str, Any]) -> bytes:
        kind = str(error.get("type", TYPES.get(status, "InternalServerException")))
        said = {"message": f"scripted {status}"} | {name: value for name, value in error.items() if name != "type"}
        return exception(kind[:1].lower() + kind[1:], said)

    def garbage_frame(self) -> bytes:
        """A message whose checksum is not that of its bytes."""
        whole = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "torn"}})
        return whole[:-4] + bytes(byte ^ 0xFF for byte in whole[-4:])

    def endless_frame(self) -> bytes:
        return prelude(2**31) + b"x" * (2**20 + 1)

    def _usage(self) -> dict[str, Any]:
        """Return the member `usage`, where it is told. Cached tokens are not among `inputTokens`; the total is of all.

        Source: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html, and
        https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CacheDetail.html for `cacheDetails`.
        """
        if not self.turn.tells_usage:
            return {}
        told = self.turn.counts()
        written = {"1h": told.written_long, "5m": told.written}
        usage: dict[str, Any] = {
            "inputTokens": told.input - told.cached - sum(written.values()),
            "outputTokens": told.output,
            "totalTokens": told.input + told.output,
        }
        if told.cached or any(written.values()):
            usage |= {"cacheReadInputTokens": told.cached, "cacheWriteInputTokens": sum(written.values())}
            usage["cacheDetails"] = [{"ttl": ttl, "inputTokens": count} for ttl, count in written.items() if count]
        return {"usage": usage}


def _block(part: Part) -> dict[str, Any]:
    match part.form:
        case Form.CALL:
            named = {"toolUseId": f"tooluse_scripted_{part.number}", "name": part.name}
            return {"toolUse": named | {"input": json.loads(part.whole)}}
        case Form.THOUGHT:
            sealed = {"text": part.whole, "signature": sign(DIALECT, part.whole)}
            return {"reasoningContent": {"reasoningText": sealed}}
        case Form.TEXT | Form.REFUSAL:
            return {"text": part.whole}


def _grown(part: Part, piece: str) -> dict[str, Any]:
    match part.form:
        case Form.CALL:
            return {"toolUse": {"input": piece}}
        case Form.THOUGHT:
            return {"reasoningContent": {"text": piece}}
        case Form.TEXT | Form.REFUSAL:
            return {"text": piece}
