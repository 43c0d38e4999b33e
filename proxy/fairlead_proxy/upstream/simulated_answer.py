"""What a simulated provider says: text that owns up to it, with the true token counts of that text. Pure."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec

from fairlead_proxy.contract.config import Model, Provider

OPENING = "Simulated reply (no model was called):"

_WORDS = (
    "harbour tide rope anchor lantern signal current channel buoy mast sail keel wharf pilot chart course wind swell "
    "beacon mooring gull fog bell quay cargo crew deck hull compass log watch bearing sound depth shoal reef"
)
_TOKEN = re.compile(r"\s*\S+")
_MIN_WORDS, _MAX_WORDS = 12, 48


class UnreadableRequest(Exception):
    """The body is no chat request; the simulation answers 400."""


@dataclass(frozen=True, slots=True)
class SimulatedReply:
    """A whole reply, ready to be written in one piece or as a stream. `model` is `sim/<name>`."""

    id: str
    created: int
    model: str
    tokens: Sequence[str]
    finish_reason: str
    prompt_tokens: int
    stream: bool
    include_usage: bool

    def whole(self) -> bytes:
        """Return the reply as one `chat.completion`."""
        message = {"role": "assistant", "content": "".join(self.tokens)}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return self._encode("chat.completion", choices=[choice], usage=self._usage())

    def events(self) -> Iterator[bytes]:
        """Yield the stream's events: the role, then one for each token, then the finish, the counts, the end."""
        yield self._event({"role": "assistant", "content": ""})
        for token in self.tokens:
            yield self._event({"content": token})
        yield self._event({}, self.finish_reason)
        if self.include_usage:
            yield _event(self._encode("chat.completion.chunk", choices=[], usage=self._usage()))
        yield _event(b"[DONE]")

    def _event(self, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event(self._encode("chat.completion.chunk", choices=[choice]))

    def _encode(self, kind: str, **members: Any) -> bytes:
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.model}
        return msgspec.json.encode({**head, **members})

    def _usage(self) -> dict[str, int]:
        completion = len(self.tokens)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }


def compose_reply(provider: Provider, body: bytes, *, seed: int, now: float) -> SimulatedReply | None:
    """Return the reply to a chat request: the same for the same seed and body. None: the provider has no such model.

    Raises UnreadableRequest. A token is a word with the space before it, in the prompt as in the reply.
    """
    request = _read(body)
    model = _model_of(provider, request.get("model"))
    if model is None:
        return None
    digest = hashlib.sha256(body).hexdigest()
    tokens = _TOKEN.findall(f"{OPENING} {_prose(Random(f'{seed}:{digest}'))}")
    limit = request.get("max_completion_tokens", request.get("max_tokens"))
    cut = isinstance(limit, int) and 0 < limit < len(tokens)
    options = request.get("stream_options")
    return SimulatedReply(
        id=f"chatcmpl-sim-{digest[:24]}",
        created=int(now),
        model=f"sim/{model.name}",
        tokens=tokens[:limit] if cut else tokens,
        finish_reason="length" if cut else "stop",
        prompt_tokens=sum(len(_TOKEN.findall(text)) for text in _texts_of(request["messages"])),
        stream=request.get("stream") is True,
        include_usage=isinstance(options, dict) and options.get("include_usage") is True,
    )


def list_models(provider: Provider) -> bytes:
    """Return the provider's models in OpenAI's form."""
    models = [
        {"id": f"sim/{model.name}", "object": "model", "created": 0, "owned_by": "simulated"}
        for model in provider.models
    ]
    return msgspec.json.encode({"object": "list", "data": models})


def error_body(message: str, *, kind: str = "server_error", code: str | None = None) -> bytes:
    """Return an error in OpenAI's form that says that it is simulated."""
    error = {"message": f"Simulated failure: {message}", "type": kind, "param": None, "code": code}
    return msgspec.json.encode({"error": error})


def error_event(message: str) -> bytes:
    return _event(error_body(message))


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _read(body: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise UnreadableRequest("the body is not JSON") from None
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise UnreadableRequest("the body holds no messages")
    return request


def _model_of(provider: Provider, upstream_name: object) -> Model | None:
    return next((model for model in provider.models if model.upstream_name == upstream_name), None)


def _texts_of(messages: list[Any]) -> Iterator[str]:
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield from (
                part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
            )


def _prose(rng: Random) -> str:
    words = _WORDS.split()
    return " ".join(rng.choice(words) for _ in range(rng.randint(_MIN_WORDS, _MAX_WORDS))) + "."
