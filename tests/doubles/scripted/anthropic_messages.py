"""What the scripted provider says in Anthropic's Messages API, at Anthropic and on Vertex AI.

Source: https://docs.claude.com/en/api/messages and https://docs.claude.com/en/docs/build-with-claude/streaming
"""

import json
from collections.abc import Iterator
from typing import Any

from doubles.scripted.seals import sign
from doubles.scripted.turn import Counts, Form, Frame, Part, Speaker, Stop

DIALECT = "anthropic-messages"
STOP = {Stop.END: "end_turn", Stop.CALLS: "tool_use", Stop.LENGTH: "max_tokens", Stop.REFUSED: "refusal"}
TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""Any other status is an api_error. Source: https://docs.claude.com/en/api/errors"""


class AnthropicMessages(Speaker):
    @staticmethod
    def error(status: int, error: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        said = {"type": TYPES.get(status, "api_error"), "message": f"scripted {status}"} | error
        body = {"type": "error", "error": said, "request_id": "req_scripted"}
        return {"request-id": "req_scripted"}, json.dumps(body).encode()

    @staticmethod
    def count(tokens: int) -> bytes:
        return json.dumps({"input_tokens": tokens}).encode()

    def whole(self) -> bytes:
        content = [self._block(part) for part in self.turn.parts]
        stop = {"stop_reason": STOP[self.turn.stop], "stop_sequence": None}
        usage = self._usage(self.turn.counts(), {"service_tier": "standard"})
        return json.dumps(self._message() | {"content": content} | stop | usage).encode()

    def frames(self) -> Iterator[Frame]:
        # Some tokens are counted before the first is sent; the last count holds.
        usage = self._usage(self.turn.counts(output=1), {"service_tier": "standard"})
        stop = {"stop_reason": None, "stop_sequence": None}
        message = self._message() | {"content": []} | stop | usage
        yield Frame(_event("message_start", message=message))
        for index, part in enumerate(self.turn.parts):
            yield Frame(_event("content_block_start", index=index, content_block=_begun(part)), _named(part))
            if index == 0:
                yield Frame(_event("ping"))
            for piece in part.pieces:
                yield Frame(_delta(index, _grown(part, piece)), 1, part.form is Form.THOUGHT)
            if part.form is Form.THOUGHT:
                signature = {"type": "signature_delta", "signature": sign(DIALECT, part.whole)}
                yield Frame(_delta(index, signature))
            yield Frame(_event("content_block_stop", index=index))

    def end(self, *, done: bool = True) -> Iterator[bytes]:
        stop = {"stop_reason": STOP[self.turn.stop], "stop_sequence": None}
        self.bill.reported = self.turn.tells_usage
        yield _event("message_delta", delta=stop, **self._usage(self.turn.counts()))
        if done:
            yield _event("message_stop")

    def error_frame(self, status: int, error: dict[str, Any]) -> bytes:
        said = {"type": TYPES.get(status, "api_error"), "message": f"scripted {status}"} | error
        return _event("error", error=said, request_id="req_scripted")

    def _message(self) -> dict[str, Any]:
        head = {"id": "msg_scripted", "type": "message", "role": "assistant"}
        return head | {"model": self.turn.question.model}

    def _block(self, part: Part) -> dict[str, Any]:
        match part.form:
            case Form.CALL:
                return _begun(part) | {"input": json.loads(part.whole)}
            case Form.THOUGHT:
                return {"type": "thinking", "thinking": part.whole, "signature": sign(DIALECT, part.whole)}
            case Form.TEXT | Form.REFUSAL:
                return {"type": "text", "text": part.whole}

    def _usage(self, told: Counts, more: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the member `usage`, where it is told. Cached tokens are not among `input_tokens`.

        Source: https://docs.claude.com/en/docs/build-with-claude/prompt-caching#tracking-cache-performance
        """
        if not self.turn.tells_usage:
            return {}
        written, long = told.written, told.written_long
        usage = {
            "input_tokens": told.input - told.cached - written - long,
            "cache_creation_input_tokens": written + long,
            "cache_read_input_tokens": told.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": long},
            "output_tokens": told.output,
        }
        return {"usage": usage | (more or {})}


def _event(name: str, **content: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name} | content)}\n\n".encode()


def _delta(index: int, delta: dict[str, Any]) -> bytes:
    return _event("content_block_delta", index=index, delta=delta)


def _named(part: Part) -> int:
    return 1 if part.form is Form.CALL else 0


def _begun(part: Part) -> dict[str, Any]:
    match part.form:
        case Form.CALL:
            return {"type": "tool_use", "id": f"toolu_scripted_{part.number}", "name": part.name, "input": {}}
        case Form.THOUGHT:
            return {"type": "thinking", "thinking": "", "signature": ""}
        case Form.TEXT | Form.REFUSAL:
            return {"type": "text", "text": ""}


def _grown(part: Part, piece: str) -> dict[str, Any]:
    match part.form:
        case Form.CALL:
            return {"type": "input_json_delta", "partial_json": piece}
        case Form.THOUGHT:
            return {"type": "thinking_delta", "thinking": piece}
        case Form.TEXT | Form.REFUSAL:
            return {"type": "text_delta", "text": piece}
