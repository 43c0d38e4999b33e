"""What the scripted provider says in OpenAI's chat API, and its invoice, computed from what it sends."""

import json
from dataclasses import dataclass, field
from typing import Any

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


@dataclass
class Behaviour:
    """How calls are answered. `kind` is a key of ANY_KINDS, PLAIN_KINDS or STREAM_KINDS; a plain call is answered well
    where the kind is one of streams, and the other way round. `status` and `error` shape the kind `status`.

    `times` > 0: only so many calls behave so, later ones are answered well. Durations are in seconds.
    """

    kind: str = "ok"
    status: int = 500
    error: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    tokens: int = 5
    before_tokens: int = 2
    pace: float = 0.0
    delay: float = 0.0
    text: str = ""
    times: int = 0
    only: str = ""
    """`stream` or `plain`: only these calls behave so."""


@dataclass
class Bill:
    """One line of the invoice. `output_tokens` are those whose bytes were sent; `reported`: usage was sent too.

    `cut_at`: when the client's connection was found closed within the answer, on this machine's monotonic clock; or 0.
    """

    key: str
    model: str
    stream: bool
    kind: str
    input_tokens: int
    output_tokens: int = 0
    reported: bool = False
    whole: bool = False
    at: float = 0.0
    cut_at: float = 0.0


def error_body(status: int, error: dict[str, Any]) -> bytes:
    """The shape of an OpenAI error. Source: platform.openai.com, API reference, error codes."""
    given = {"message": f"scripted {status}", "type": "server_error", "param": None, "code": None}
    return json.dumps({"error": given | error}).encode()


def prompt_tokens(asked: dict[str, Any]) -> int:
    return sum(len(str(message.get("content", "")).split()) for message in asked.get("messages", []))


def words_of(behaviour: Behaviour) -> list[str]:
    if behaviour.text:
        return [word + " " for word in behaviour.text.split(" ")]
    return [WORDS[number % len(WORDS)] + " " for number in range(behaviour.tokens)]


def usage_of(bill: Bill) -> dict[str, int]:
    total = bill.input_tokens + bill.output_tokens
    return {"prompt_tokens": bill.input_tokens, "completion_tokens": bill.output_tokens, "total_tokens": total}


def completion(behaviour: Behaviour, asked: dict[str, Any], bill: Bill) -> bytes:
    words = words_of(behaviour)
    bill.output_tokens, bill.reported = len(words), True
    message = {"role": "assistant", "content": "".join(words).strip()}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    head = {"id": "chatcmpl-scripted", "object": "chat.completion", "created": 1, "model": asked.get("model")}
    return json.dumps(head | {"choices": [choice], "usage": usage_of(bill), "scripted_extra": {"kept": True}}).encode()


def event(asked: dict[str, Any], choices: list[dict[str, Any]], **more: Any) -> bytes:
    head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1, "model": asked.get("model")}
    return b"data: " + json.dumps(head | {"choices": choices} | more).encode() + b"\n\n"


def delta(asked: dict[str, Any], content: dict[str, Any], finish: str | None = None) -> bytes:
    return event(asked, [{"index": 0, "delta": content, "finish_reason": finish}])
