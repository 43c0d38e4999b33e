"""What the scripted provider says in Gemini's generateContent, in the Gemini API and on Vertex AI.

Source: https://ai.google.dev/api/generate-content
"""

import json
from collections.abc import Iterator
from typing import Any

from doubles.scripted.seals import call_subject, sign
from doubles.scripted.turn import Form, Frame, Part, Speaker, Stop, Turn

DIALECT = "gemini"
FINISH = {Stop.END: "STOP", Stop.CALLS: "STOP", Stop.LENGTH: "MAX_TOKENS", Stop.REFUSED: "SAFETY"}
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Source: https://cloud.google.com/apis/design/errors#handling_errors"""


class Gemini(Speaker):
    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self.sent = 0

    @property
    def stream_type(self) -> str:
        """Without `alt=sse` a stream is one JSON array that grows."""
        return super().stream_type if self.turn.question.sse else "application/json"

    @staticmethod
    def error(status: int, error: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        return {}, json.dumps(_error(status, error), indent=2).encode()

    @staticmethod
    def count(tokens: int) -> bytes:
        details = [{"modality": "TEXT", "tokenCount": tokens}]
        return json.dumps({"totalTokens": tokens, "promptTokensDetails": details}).encode()

    def whole(self) -> bytes:
        parts = self._joined(self.turn.parts)
        return json.dumps(self._chunk(parts, *self._counts, finish=FINISH[self.turn.stop]), indent=2).encode()

    def frames(self) -> Iterator[Frame]:
        calls = tuple(part for part in self.turn.parts if part.form is Form.CALL)
        for part in self.turn.parts:
            if part.form is Form.CALL:
                # Calls come whole; those that are made side by side come in one chunk.
                if part is calls[0]:
                    yield self._frame(self._joined(calls), sum(call.tokens for call in calls))
                continue
            for piece in part.pieces:
                thought = part.form is Form.THOUGHT
                yield self._frame([{"text": piece} | ({"thought": True} if thought else {})], 1, thought=thought)

    def end(self, *, done: bool = True) -> Iterator[bytes]:
        """Nothing marks the end but a reason to finish, which stands in a last chunk without text."""
        self.bill.reported = self.turn.tells_usage
        signed = any(part.form is Form.THOUGHT for part in self.turn.parts) and self.turn.stop is not Stop.CALLS
        last = [{"text": ""} | ({"thoughtSignature": sign(DIALECT)} if signed else {})]
        yield self._framed(self._chunk(last, *self._counts, finish=FINISH[self.turn.stop]))
        if not self.turn.question.sse:
            yield b"]"

    def error_frame(self, status: int, error: dict[str, Any]) -> bytes:
        return self._framed(_error(status, error))

    def garbage_frame(self) -> bytes:
        return super().garbage_frame() if self.turn.question.sse else b',\n{"torn": ['

    @property
    def _counts(self) -> tuple[int, int]:
        return self.bill.output_tokens, self.bill.reasoning_tokens

    def _joined(self, parts: tuple[Part, ...]) -> list[dict[str, Any]]:
        """Only the first of calls made side by side is signed.

        Source: https://ai.google.dev/gemini-api/docs/thought-signatures
        """
        written: list[dict[str, Any]] = []
        thought = any(part.form is Form.THOUGHT for part in parts)
        signed = False
        for part in parts:
            match part.form:
                case Form.CALL:
                    call = {"name": part.name, "args": json.loads(part.whole)}
                    subject = call_subject(call["name"], call["args"])
                    written.append({"functionCall": call} | ({} if signed else _signature(subject)))
                    signed = True
                case Form.THOUGHT:
                    written.append({"text": part.whole, "thought": True})
                case Form.TEXT | Form.REFUSAL:
                    written.append({"text": part.whole} | (_signature("") if thought else {}))
        return written

    def _frame(self, parts: list[dict[str, Any]], tokens: int, *, thought: bool = False) -> Frame:
        tokens *= self.turn.question.choices
        counts = self.turn.counts_after(tokens, thought=thought)
        return Frame(self._framed(self._chunk(parts, *counts)), tokens, thought)

    def _framed(self, content: dict[str, Any]) -> bytes:
        self.sent += 1
        if self.turn.question.sse:
            return b"data: " + json.dumps(content).encode() + b"\r\n\r\n"
        return (b"[" if self.sent == 1 else b",\r\n") + json.dumps(content, indent=2).encode()

    def _chunk(self, parts: list[dict[str, Any]], output: int, reasoning: int, *, finish: str = "") -> dict[str, Any]:
        content = {"parts": parts, "role": "model"}
        candidates = [
            {"content": content, "index": index} | ({"finishReason": finish} if finish else {})
            for index in range(self.turn.question.choices)
        ]
        told = {"modelVersion": self.turn.question.model, "responseId": "scripted"}
        if not self.turn.tells_usage:
            return {"candidates": candidates} | told
        counts = self.turn.counts(output, reasoning)
        usage = {"promptTokenCount": counts.input, "candidatesTokenCount": counts.output - counts.reasoning}
        usage |= {"thoughtsTokenCount": counts.reasoning} if counts.reasoning else {}
        usage |= {"cachedContentTokenCount": counts.cached} if counts.cached else {}
        usage |= {"totalTokenCount": counts.input + counts.output}
        return {"candidates": candidates, "usageMetadata": usage} | told


def _signature(subject: str) -> dict[str, str]:
    return {"thoughtSignature": sign(DIALECT, subject)}


def _error(status: int, error: dict[str, Any]) -> dict[str, Any]:
    said = {"code": status, "message": f"scripted {status}", "status": STATUSES.get(status, "UNKNOWN")}
    return {"error": said | error}
