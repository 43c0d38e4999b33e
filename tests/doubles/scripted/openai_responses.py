"""What the scripted provider says in OpenAI's Responses API.

Source: https://platform.openai.com/docs/api-reference/responses and .../responses-streaming
"""

import json
from collections.abc import Iterator
from typing import Any

from doubles.scripted.openai_chat import OpenAIChat
from doubles.scripted.seals import sign
from doubles.scripted.turn import Form, Frame, Part, Speaker, Stop, Turn

DIALECT = "openai-responses"
ECHOED: dict[str, Any] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
"""What a response repeats of its request, and what stands there otherwise."""


class OpenAIResponses(Speaker):
    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self.sequence = -1
        self.output: list[dict[str, Any]] = []

    error = staticmethod(OpenAIChat.error)

    @staticmethod
    def count(tokens: int) -> bytes:
        return json.dumps({"object": "response.input_tokens", "input_tokens": tokens}).encode()

    def whole(self) -> bytes:
        self.output = [self._item(part, place) for place, part in enumerate(self.turn.parts)]
        return json.dumps(self._response(self._status, usage=True)).encode()

    def frames(self) -> Iterator[Frame]:
        yield Frame(self._event("response.created", response=self._response("in_progress")))
        yield Frame(self._event("response.in_progress", response=self._response("in_progress")))
        for place, part in enumerate(self.turn.parts):
            item = self._item(part, place)
            yield from self._streamed_item(part, place, item)
            self.output.append(item)

    def end(self, *, done: bool = True) -> Iterator[bytes]:
        if not done:
            return
        self.bill.reported = self.turn.tells_usage
        yield self._event(f"response.{self._status}", response=self._response(self._status, usage=True))

    def error_frame(self, status: int, error: dict[str, Any]) -> bytes:
        """Source: https://platform.openai.com/docs/api-reference/responses-streaming/error."""
        said = {"code": "server_error", "message": f"scripted {status}", "param": None} | error
        return self._event("error", **(said | {"type": "error"}))

    @property
    def _status(self) -> str:
        return "incomplete" if self.turn.stop is Stop.LENGTH else "completed"

    def _event(self, name: str, /, **content: Any) -> bytes:
        self.sequence += 1
        data = {"type": name} | content | {"sequence_number": self.sequence}
        return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()

    def _streamed_item(self, part: Part, place: int, item: dict[str, Any]) -> Iterator[Frame]:
        where = {"output_index": place, "item_id": item["id"]}
        match part.form:
            case Form.CALL:
                begun = item | {"arguments": "", "status": "in_progress"}
                yield Frame(self._event("response.output_item.added", output_index=place, item=begun), 1)
                for piece in part.pieces:
                    yield Frame(self._event("response.function_call_arguments.delta", **where, delta=piece), 1)
                whole = {"arguments": part.whole, "name": part.name}
                yield Frame(self._event("response.function_call_arguments.done", **where, **whole))
            case Form.THOUGHT:
                begun = {"id": item["id"], "type": "reasoning", "summary": []}
                yield Frame(self._event("response.output_item.added", output_index=place, item=begun))
                yield from self._grown(part, where | {"summary_index": 0}, "reasoning_summary_part", item["summary"][0])
            case Form.TEXT | Form.REFUSAL:
                begun = item | {"content": [], "status": "in_progress"}
                yield Frame(self._event("response.output_item.added", output_index=place, item=begun))
                yield from self._grown(part, where | {"content_index": 0}, "content_part", item["content"][0])
        yield Frame(self._event("response.output_item.done", output_index=place, item=item))

    def _grown(self, part: Part, where: dict[str, Any], kind: str, whole: dict[str, Any]) -> Iterator[Frame]:
        """Yield the frames of the one content part, or part of a summary, that an item has."""
        field, name = {
            Form.TEXT: ("text", "output_text"),
            Form.REFUSAL: ("refusal", "refusal"),
            Form.THOUGHT: ("text", "reasoning_summary_text"),
        }[part.form]
        more: dict[str, Any] = {"logprobs": []} if part.form is Form.TEXT else {}
        yield Frame(self._event(f"response.{kind}.added", **where, part=whole | {field: ""}))
        for piece in part.pieces:
            delta = self._event(f"response.{name}.delta", **where, delta=piece, **more)
            yield Frame(delta, 1, part.form is Form.THOUGHT)
        yield Frame(self._event(f"response.{name}.done", **where, **{field: whole[field]}, **more))
        yield Frame(self._event(f"response.{kind}.done", **where, part=whole))

    def _item(self, part: Part, place: int) -> dict[str, Any]:
        number = self.turn.question.calls_before + place
        if part.form is Form.CALL:
            call = {"type": "function_call", "call_id": f"call_scripted_{part.number}", "name": part.name}
            return {"id": f"fc_scripted_{part.number}", "status": "completed", "arguments": part.whole} | call
        if part.form is Form.THOUGHT:
            wanted = "reasoning.encrypted_content" in (self.turn.question.asked.get("include") or ())
            sealed = {"encrypted_content": sign(DIALECT, part.whole)} if wanted else {}
            summary = [{"type": "summary_text", "text": part.whole}]
            return {"id": f"rs_scripted_{number}", "type": "reasoning", "summary": summary} | sealed
        content: dict[str, Any] = {"type": "refusal", "refusal": part.whole}
        if part.form is Form.TEXT:
            # The deltas of a stream are this very text: it keeps the space that ends it.
            text = "".join(part.pieces) if self.turn.question.stream else part.whole
            content = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        message = {"type": "message", "role": "assistant", "status": self._status, "content": [content]}
        return {"id": f"msg_scripted_{number}"} | message

    def _response(self, status: str, *, usage: bool = False) -> dict[str, Any]:
        asked = self.turn.question.asked
        incomplete = {"reason": "max_output_tokens"} if status == "incomplete" else None
        head = {"id": "resp_scripted", "object": "response", "created_at": 1, "status": status, "background": False}
        told = {"error": None, "incomplete_details": incomplete, "model": self.turn.question.model}
        echoed = {name: default if asked.get(name) is None else asked[name] for name, default in ECHOED.items()}
        counted = self._usage() if usage and self.turn.tells_usage else None
        return head | told | {"output": self.output, "usage": counted} | echoed

    def _usage(self) -> dict[str, Any]:
        told = self.turn.counts()
        return {
            "input_tokens": told.input,
            "input_tokens_details": {"cached_tokens": told.cached, "cache_write_tokens": told.written},
            "output_tokens": told.output,
            "output_tokens_details": {"reasoning_tokens": told.reasoning},
            "total_tokens": told.input + told.output,
        }
