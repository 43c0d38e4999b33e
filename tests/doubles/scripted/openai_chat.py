"""What the scripted provider says in OpenAI's chat API.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
from collections.abc import Iterator
from typing import Any

from doubles.scripted.turn import Form, Frame, Part, Speaker, Stop

FINISH = {Stop.END: "stop", Stop.CALLS: "tool_calls", Stop.LENGTH: "length", Stop.REFUSED: "stop"}
TOKENS = {Form.TEXT: "content", Form.REFUSAL: "refusal", Form.THOUGHT: "reasoning_content"}
"""Where text stands in a message. OpenAI shows no reasoning in chat; `reasoning_content` is what others made of it.

Source: https://api-docs.deepseek.com/guides/reasoning_model
"""


class OpenAIChat(Speaker):
    @staticmethod
    def error(status: int, error: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Source: https://platform.openai.com/docs/guides/error-codes."""
        given = {"message": f"scripted {status}", "type": "server_error", "param": None, "code": None}
        return {}, json.dumps({"error": given | error}).encode()

    @staticmethod
    def count(tokens: int) -> bytes:
        raise NotImplementedError("chat completions count no tokens")

    def whole(self) -> bytes:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        for part in self.turn.parts:
            if part.form is Form.CALL:
                message.setdefault("tool_calls", []).append(_call(part, part.whole))
            else:
                message[TOKENS[part.form]] = part.whole
        finish = FINISH[self.turn.stop]
        choices = [
            {"index": index, "message": message, "finish_reason": finish} for index in range(self.turn.question.choices)
        ]
        head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": self._model}
        usage = {"usage": self._usage()} if self.turn.tells_usage else {}
        return json.dumps(head | {"choices": choices} | usage | {"scripted_extra": {"kept": True}}).encode()

    def frames(self) -> Iterator[Frame]:
        for index in range(self.turn.question.choices):
            yield Frame(self._delta({"role": "assistant", "content": ""}, index=index))
            for part in self.turn.parts:
                yield from self._part(part, index)

    def end(self, *, done: bool = True) -> Iterator[bytes]:
        for index in range(self.turn.question.choices):
            yield self._delta({}, FINISH[self.turn.stop], index=index)
        asked = (self.turn.question.asked.get("stream_options") or {}).get("include_usage")
        if asked and self.turn.tells_usage:
            self.bill.reported = True
            yield self._event([], usage=self._usage())
        if done:
            yield b"data: [DONE]\n\n"

    def error_frame(self, status: int, error: dict[str, Any]) -> bytes:
        return b"data: " + self.error(status, error)[1] + b"\n\n"

    @property
    def _model(self) -> Any:
        return self.turn.question.asked.get("model", self.turn.question.model or None)

    def _part(self, part: Part, index: int) -> Iterator[Frame]:
        if part.form is not Form.CALL:
            for piece in part.pieces:
                thought = part.form is Form.THOUGHT
                yield Frame(self._delta({TOKENS[part.form]: piece}, index=index), 1, thought)
            return
        place = [each for each in self.turn.parts if each.form is Form.CALL].index(part)
        yield Frame(self._delta({"tool_calls": [{"index": place} | _call(part, "")]}, index=index), 1)
        for piece in part.pieces:
            grown = {"index": place, "function": {"arguments": piece}}
            yield Frame(self._delta({"tool_calls": [grown]}, index=index), 1)

    def _usage(self) -> dict[str, Any]:
        told = self.turn.counts()
        usage: dict[str, Any] = {
            "prompt_tokens": told.input,
            "completion_tokens": told.output,
            "total_tokens": told.input + told.output,
        }
        if told.cached or told.written:
            cached = {"cached_tokens": told.cached, "audio_tokens": 0}
            written = {"cache_write_tokens": told.written} if told.written else {}
            usage["prompt_tokens_details"] = cached | written
        if told.reasoning:
            usage["completion_tokens_details"] = {"reasoning_tokens": told.reasoning, "audio_tokens": 0}
        return usage

    def _delta(self, delta: dict[str, Any], finish: str | None = None, *, index: int = 0) -> bytes:
        return self._event([{"index": index, "delta": delta, "finish_reason": finish}])

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": self._model}
        return b"data: " + json.dumps(head | {"choices": choices} | more).encode() + b"\n\n"


def _call(part: Part, arguments: str) -> dict[str, Any]:
    function = {"name": part.name, "arguments": arguments}
    return {"id": f"call_scripted_{part.number}", "type": "function", "function": function}
