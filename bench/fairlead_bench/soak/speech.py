"""How the callers of a soak ask and listen in each dialect: just enough to know what an SDK would have made of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
Asked = tuple[str, dict[str, str], dict[str, Any]]
"""A path, the headers beside the usual ones, and the body."""


class Heard:
    """What has come of an answer. `ended`: the protocol's own end has come; `error`: its code, of a typed error.

    `marks`: how often another target went on. Raises ValueError for what no client of the dialect could read.
    """

    def __init__(self) -> None:
        self.text = ""
        self.ended = False
        self.error = ""
        self.marks = 0
        self.finished = False


@dataclass(frozen=True, slots=True)
class Speech:
    """A dialect. `hear_event` takes an event's data (None: chat's last mark), `hear_whole` a plain answer's body.

    `error_of` returns the code of an error of this dialect, and an empty text for what is none.
    """

    ask: Callable[[str, str, bool], Asked]
    hear_event: Callable[[Heard, Json | None], None]
    hear_whole: Callable[[Heard, Json], None]
    error_of: Callable[[Json], str]


def take_frame(speech: Speech, heard: Heard, frame: bytes) -> None:
    """Take one frame of a stream of server-sent events, without the empty line behind it."""
    if frame.startswith(b": fairlead goes on with "):
        heard.marks += 1
    data = b"\n".join(line[5:].strip() for line in frame.split(b"\n") if line.startswith(b"data:"))
    if not data:
        return
    if heard.ended or heard.error:
        raise ValueError("something follows the stream's end")
    content = None if data == b"[DONE]" else json.loads(data)
    if content is not None and not isinstance(content, dict):
        raise ValueError("the data of an event is no object")
    heard.error = "" if content is None else speech.error_of(content)
    if not heard.error:
        speech.hear_event(heard, content)


def _ask_chat(model: str, prompt: str, stream: bool) -> Asked:
    body = {"model": model, "messages": [{"role": "system", "content": "Be brief."}, *_turns(prompt)], "stream": stream}
    return "/v1/chat/completions", {}, body


def _hear_chunk(heard: Heard, data: Json | None) -> None:
    if data is None:
        heard.ended = heard.finished
        return
    for choice in data["choices"]:
        heard.text += choice["delta"].get("content") or ""
        heard.finished |= choice.get("finish_reason") == "stop"


def _hear_chat(heard: Heard, data: Json) -> None:
    choice = data["choices"][0]
    heard.text, heard.ended = choice["message"]["content"], choice["finish_reason"] == "stop"


def _openai_error(data: Json) -> str:
    error = data.get("error")
    good = isinstance(error, dict) and error.get("message") and error.get("type")
    return str(error["code"]) if isinstance(error, dict) and good else ""


def _ask_responses(model: str, prompt: str, stream: bool) -> Asked:
    more = {"instructions": "Be brief.", "store": False, "stream": stream}
    return "/v1/responses", {}, {"model": model, "input": prompt, **more}


def _hear_response_event(heard: Heard, data: Json | None) -> None:
    if data is None:
        raise ValueError("a mark that the Responses API does not know")
    if data["type"] == "response.output_text.delta":
        heard.text += data["delta"]
    elif data["type"] == "response.completed":
        whole = Heard()
        _hear_response(whole, data["response"])
        if whole.text.split() != heard.text.split():
            raise ValueError("the last event tells another text than those before it")
        heard.ended = whole.ended


def _hear_response(heard: Heard, data: Json) -> None:
    parts = [part for item in data["output"] if item["type"] == "message" for part in item["content"]]
    heard.text = "".join(part["text"] for part in parts if part["type"] == "output_text")
    heard.ended = data["status"] == "completed"


def _ask_messages(model: str, prompt: str, stream: bool) -> Asked:
    body = {"model": model, "max_tokens": 1024, "system": "Be brief.", "messages": _turns(prompt), "stream": stream}
    return "/v1/messages", {"anthropic-version": "2023-06-01"}, body


def _hear_message_event(heard: Heard, data: Json | None) -> None:
    if data is None:
        raise ValueError("a mark that the Messages API does not know")
    if data["type"] == "content_block_delta":
        heard.text += data["delta"].get("text", "")
    elif data["type"] == "message_delta":
        heard.finished = data["delta"]["stop_reason"] == "end_turn"
    elif data["type"] == "message_stop":
        heard.ended = heard.finished


def _hear_message(heard: Heard, data: Json) -> None:
    heard.text = "".join(block["text"] for block in data["content"] if block["type"] == "text")
    heard.ended = data["stop_reason"] == "end_turn"


def _anthropic_error(data: Json) -> str:
    error = data.get("error")
    good = data.get("type") == "error" and isinstance(error, dict) and error.get("message")
    return str(error["type"]) if isinstance(error, dict) and good else ""


def _ask_gemini(model: str, prompt: str, stream: bool) -> Asked:
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    contents = [{"role": "user", "parts": [{"text": prompt}]}]
    body = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": contents}
    return f"/v1beta/models/{model}:{method}", {}, body


def _hear_contents(heard: Heard, data: Json | None) -> None:
    if data is None:
        raise ValueError("a mark that the Gemini API does not know")
    for candidate in data.get("candidates", []):
        heard.text += "".join(part.get("text", "") for part in candidate.get("content", {}).get("parts", []))
        heard.finished |= candidate.get("finishReason") == "STOP"


def _hear_content(heard: Heard, data: Json) -> None:
    _hear_contents(heard, data)
    heard.ended = heard.finished


def _google_error(data: Json) -> str:
    error = data.get("error")
    good = isinstance(error, dict) and error.get("message") and isinstance(error.get("code"), int)
    return str(error["status"]) if isinstance(error, dict) and good else ""


def _turns(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


SPEECHES: dict[str, Speech] = {
    "chat": Speech(_ask_chat, _hear_chunk, _hear_chat, _openai_error),
    "responses": Speech(_ask_responses, _hear_response_event, _hear_response, _openai_error),
    "messages": Speech(_ask_messages, _hear_message_event, _hear_message, _anthropic_error),
    "gemini": Speech(_ask_gemini, _hear_contents, _hear_content, _google_error),
}


def end_of_body(heard: Heard) -> None:
    """The body has ended cleanly. Of Gemini's streams, that is the end: a chunk has said how it finished."""
    heard.ended |= heard.finished and not heard.error
